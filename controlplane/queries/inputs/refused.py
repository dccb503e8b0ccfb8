"""Which declared objects are refused without an earlier version that stays in force.

What refers to one of them leads nowhere because of that, and not because nobody declared it.
"""

from typing import Final

from controlplane.base.names import ObjectKey
from controlplane.graph import Graph, Input

REFUSED: Final[Input[ObjectKey, bool]] = Input("refused", default=False)
REFUSED_ENTRY: Final[Input[str, ObjectKey | None]] = Input("refused entry", default=None)
"""By host, the ServiceEntry that would declare it."""


def is_refused(graph: Graph, key: ObjectKey) -> bool:
    return REFUSED(graph, key)


def refused_entry(graph: Graph, host: str) -> ObjectKey | None:
    return REFUSED_ENTRY(graph, host)
