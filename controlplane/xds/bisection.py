"""The search for the culprit when a client rejects (NACK) a response of several resources.

Envoy rejects a response as a whole, applies any part of it, and names the culprit for listeners and
clusters only; so the suspects are sent again in parts, which are distinguished by their nonces.
"""

import re
from typing import Final

from controlplane.xds.response_cache import Names

BISECTION_WIDTH: Final = 64  # a rejected response is sent again in up to so many parts


def bisection_groups(suspects: Names, error: str) -> tuple[Names, ...]:
    """The suspects of a rejected response in groups to send again; one that the error names goes
    first.

    Listeners and clusters are named by Envoy, routes, endpoints and secrets are not. Up to
    ``BISECTION_WIDTH`` suspects go one by one; more are divided and, when rejected, divided again.
    """
    named = sorted(name for name in suspects if name in error and _is_named(name, error))
    rest = sorted(suspects.difference(named))
    step = -(-len(rest) // BISECTION_WIDTH) or 1
    groups = [frozenset(rest[i : i + step]) for i in range(0, len(rest), step)]
    return (*(frozenset((name,)) for name in named), *groups)


def _is_named(name: str, error: str) -> bool:
    """Whether ``error`` has ``name`` as a word of its own, not as a part of a longer name."""
    return re.search(rf"(?<![\w.|-]){re.escape(name)}(?![\w|-])", error) is not None
