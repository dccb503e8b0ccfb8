"""The key sets of issuers, as they were fetched. ``check`` fetches none."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from controlplane.graph import Graph, Input
from controlplane.model.tokens import KeySource


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFailure:
    """Why the last fetch failed, since when all have, and when the next one begins; ``None``: at
    once.
    """

    reason: str
    since: datetime
    next_try: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedKeys:
    """``key_set``: the last good one. ``failure``: why there is no newer one."""

    key_set: str | None = None
    failure: FetchFailure | None = None


UNKNOWN_KEYS: Final = FetchedKeys()
KEY_SET: Final[Input[KeySource, FetchedKeys]] = Input("key_set", UNKNOWN_KEYS)


def fetched_keys(graph: Graph, source: KeySource) -> FetchedKeys:
    return KEY_SET(graph, source)
