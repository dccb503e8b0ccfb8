"""Which proxy and which part of its configuration two words name, in either order."""

from types import MappingProxyType
from typing import Final

import click

from controlplane.admin.view import PARTS
from controlplane.cli.output import printable
from controlplane.cli.suggestions import did_you_mean

_SPELLINGS: Final = MappingProxyType(
    {
        **{part: part for part in PARTS},
        **{part.removesuffix("s"): part for part in PARTS},
        "l": "listeners",
        "r": "routes",
        "c": "clusters",
        "ep": "endpoints",
        "s": "secrets",
        "a": "all",
    }
)
"""In singular and plural, and as istioctl abbreviates them."""


def proxy_and_part(first: str, second: str) -> tuple[str, str]:
    """``PROXY PART``, or ``PART PROXY`` as istioctl has it; a usage error where neither word is a
    part, or a part stands alone.
    """
    if second in _SPELLINGS:
        if first in _SPELLINGS and second == "all":
            raise click.UsageError(
                f"name a proxy, as controlplane status shows it: config PROXY {first}"
            )
        return first, _SPELLINGS[second]
    if first in _SPELLINGS:
        return second, _SPELLINGS[first]
    meant = did_you_mean(second, PARTS)
    raise click.UsageError(f'"{printable(second)}" is none of {", ".join(PARTS)}{meant}')
