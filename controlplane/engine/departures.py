"""Who left lately, and whether so many left at once that the cause is not theirs."""

from collections import Counter
from collections.abc import Hashable
from typing import Final

AT_ONCE: Final = 2.0  # seconds within which leaves are taken to have one cause
LEAST_GROUP: Final = 3  # workloads of a group, of which more than half leave at once
LEAST_MESH: Final = 2  # proxies: one that leaves alone has its own reason

Group = Hashable


class Departures:
    """Counts the proxies that are there and those that left within ``AT_ONCE``, by their group;
    ``None`` for those of none. ``now`` is a monotonic clock in seconds.
    """

    def __init__(self) -> None:
        self._there: Counter[Group] = Counter()
        self._left: dict[Hashable, tuple[float, Group]] = {}

    def came(self, proxy: Hashable, group: Group) -> None:
        self._there[group] += 1
        self._left.pop(proxy, None)

    def left(self, proxy: Hashable, group: Group, now: float) -> None:
        self.ended(group)
        self._left.pop(proxy, None)  # so that the dictionary stays in the order of time
        self._left[proxy] = (now, group)

    def ended(self, group: Group) -> None:
        """A proxy of the group is not there any more, for a reason that is known."""
        self._there[group] -= 1

    def explain(self, proxy: Hashable) -> None:
        """Why the proxy left is known, after it left."""
        self._left.pop(proxy, None)

    def with_one_cause(self, now: float) -> tuple[Hashable, ...]:
        """The proxies that left lately, of groups of which most did; all where most proxies did."""
        self._forget(now)
        if _are_most(len(self._left), self._there.total(), least=LEAST_MESH):
            return tuple(self._left)
        gone = Counter(group for _, group in self._left.values())
        return tuple(
            proxy
            for proxy, (_, group) in self._left.items()
            if group is not None and _are_most(gone[group], self._there[group], least=LEAST_GROUP)
        )

    def _forget(self, now: float) -> None:
        """Forget the leaves that are too long ago."""
        old = []
        for proxy, (left, _) in self._left.items():
            if now - left <= AT_ONCE:
                break
            old.append(proxy)
        for proxy in old:
            del self._left[proxy]


def _are_most(gone: int, there: int, *, least: int) -> bool:
    return gone + there >= least and gone > there
