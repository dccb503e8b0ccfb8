"""What time it is, for certificates. The engine sets it at the start and once an hour."""

from datetime import datetime
from typing import Final

from controlplane.graph import Graph, Input

CLOCK: Final[Input[str, datetime | None]] = Input("clock", None)


def now(graph: Graph) -> datetime | None:
    """The time to the hour; ``None`` where it was not set, and then no certificate is expired."""
    return CLOCK(graph, "clock")
