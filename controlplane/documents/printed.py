"""Data as YAML text, as ``kubectl`` prints it."""

from collections.abc import Mapping
from typing import Final

import yaml

_WIDE: Final = 1 << 20  # so that no text is folded


def as_yaml(value: Mapping[str, object]) -> str:
    """``value``, of plain data, in the order that it has."""
    return str(
        yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=_WIDE)
    )
