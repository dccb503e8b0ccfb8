"""Which declared objects are refused without an earlier version that stays in force.

What refers to one of them leads nowhere because of that, and not because nobody declared it.
"""

from typing import Final

from controlplane.base.names import ObjectKey
from controlplane.graph import Graph, Input

REFUSED: Final[Input[ObjectKey, ObjectKey | None]] = Input("refused", default=None)
"""The object that is refused, by its key and those that a slip in its kind may hide."""
REFUSED_ENTRY: Final[Input[str, ObjectKey | None]] = Input("refused entry", default=None)
"""By host, the ServiceEntry that would declare it."""


def is_refused(graph: Graph, key: ObjectKey) -> bool:
    return REFUSED(graph, key) is not None


def refused_as(graph: Graph, key: ObjectKey) -> ObjectKey | None:
    """As what an object is declared that is refused; its kind may have a slip."""
    return REFUSED(graph, key)


def refused_entry(graph: Graph, host: str) -> ObjectKey | None:
    return REFUSED_ENTRY(graph, host)
