"""Which workloads are registered, by the streams that their proxies open and close.

A workload is registered with its first stream and is not ready once its last one ends; ``GRACE``
later it is removed. Where most of a group, or of all proxies, leave at once, the cause is more
likely to be the control plane or its network than all of them: they stay as they are until the
grace is over. A workload that announces its leave is removed at once.

No I/O and no clock: ``now`` is a monotonic clock in seconds, ``at`` the calendar's time.
Source of the grace: Istio ``features.WorkloadEntryCleanupGracePeriod``.
"""

import heapq
import itertools
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from controlplane.base.hosts import is_loopback
from controlplane.engine.departures import Departures
from controlplane.model.registration import Claim, Registered, WorkloadId

GRACE: Final = 10.0  # seconds from the end of a workload's last stream to its removal
GRACE_AFTER_RESTART: Final = GRACE + 5  # seconds in which proxies find a control plane that is back


@dataclass(slots=True, kw_only=True)
class _Workload:
    claim: Claim
    since: datetime
    order: int
    streams: set[Hashable] = field(default_factory=set)
    removal: float | None = None
    """When it is removed, unless a stream begins first; ``None`` while it has one."""
    is_kept: bool = False
    """Until its removal it stays as it was."""
    is_healthy: bool | None = None

    def shown(self) -> Registered:
        return Registered(
            claim=self.claim,
            since=self.since,
            is_connected=bool(self.streams),
            is_present=bool(self.streams) or self.is_kept,
            is_healthy=self.is_healthy,
            order=self.order,
        )


class Registrations:
    """The registered workloads. What happens takes effect with ``settle``."""

    def __init__(self, kept: Iterable[Registered] = (), now: float = 0.0) -> None:
        """``kept``: what was registered when an earlier process ended."""
        self._order = itertools.count(1)
        self._workloads: dict[WorkloadId, _Workload] = {}
        self._at: dict[str, dict[WorkloadId, None]] = {}
        self._removals: list[tuple[float, WorkloadId]] = []
        """A heap; an entry counts where the workload has the same ``removal``."""
        self._of_stream: dict[Hashable, WorkloadId] = {}
        self._others: dict[Hashable, set[Hashable]] = {}
        """The streams of proxies that register nothing, by proxy."""
        self._departures = Departures()
        self._changed: dict[WorkloadId, None] = {}
        for one in sorted(kept, key=lambda one: one.order):
            restored = _Workload(
                claim=one.claim,
                since=one.since,
                order=next(self._order),
                is_kept=one.is_present,
                is_healthy=one.is_healthy,
            )
            self._add(restored)
            self._remove_at(restored, now + GRACE_AFTER_RESTART)

    # What happens

    def join(self, stream: Hashable, claim: Claim, at: datetime) -> None:
        """A stream of a workload begins."""
        id_ = claim.id
        if claim.id.is_proven and not is_loopback(id_.address):
            self._give_up_address(id_)
        workload = self._workloads.get(id_)
        if workload is None:
            workload = _Workload(claim=claim, since=at, order=0)
            self._add(workload)
        if not workload.streams:
            self._departures.came(id_, _group(id_))
        workload.claim, workload.order = claim, next(self._order)
        workload.streams.add(stream)
        workload.removal, workload.is_kept = None, False
        self._of_stream[stream] = id_
        self._changed[id_] = None

    def join_other(self, stream: Hashable, proxy: Hashable) -> None:
        """A stream of a proxy begins that registers nothing; it counts where most leave."""
        streams = self._others.setdefault(proxy, set())
        if not streams:
            self._departures.came(proxy, None)
        streams.add(stream)

    def leave(self, stream: Hashable, now: float) -> None:
        """A stream of a workload ends."""
        workload = self._without(stream)
        if workload is not None:
            id_ = workload.claim.id
            self._departures.left(id_, _group(id_), now)
            self._remove_at(workload, now + GRACE)
            self._changed[id_] = None

    def dismiss(self, stream: Hashable, now: float) -> None:
        """A stream of a workload is ended so that it begins anew: nothing changes meanwhile."""
        workload = self._without(stream)
        if workload is not None:
            self._departures.ended(_group(workload.claim.id))
            self._remove_at(workload, now + GRACE)
            workload.is_kept = True

    def _without(self, stream: Hashable) -> _Workload | None:
        """The workload whose last stream this was; ``None`` where it has others, or its leave was
        announced.
        """
        workload = self._workloads.get(self._of_stream.pop(stream))
        if workload is None or stream not in workload.streams:
            return None
        workload.streams.discard(stream)
        return None if workload.streams else workload

    def leave_other(self, stream: Hashable, proxy: Hashable, now: float) -> None:
        """A stream of a proxy ends that registers nothing."""
        streams = self._others[proxy]
        streams.discard(stream)
        if not streams:
            del self._others[proxy]
            self._departures.left(proxy, None, now)

    def announce_leave(self, id_: WorkloadId) -> bool:
        """The workload says that it ends; whether it was registered. Only a stream that begins
        later registers it again.
        """
        workload = self._workloads.get(id_)
        if workload is None:
            return False
        if workload.streams:
            self._departures.ended(_group(id_))
        self._departures.explain(id_)
        self._remove(id_)
        return True

    def found(self, id_: WorkloadId, *, is_healthy: bool) -> None:
        """The workload's proxy has probed it."""
        workload = self._workloads.get(id_)
        if workload is not None and workload.is_healthy is not is_healthy:
            workload.is_healthy = is_healthy
            self._changed[id_] = None

    # What follows

    def settle(self, now: float) -> tuple[WorkloadId, ...]:
        """Let what happened take effect, and the time that passed; gives the workloads that came,
        went or changed since the last call.
        """
        while self._removals and self._removals[0][0] <= now:
            removal, id_ = heapq.heappop(self._removals)
            workload = self._workloads.get(id_)
            if workload is not None and workload.removal == removal:
                self._remove(id_)
        for proxy in self._departures.with_one_cause(now):
            workload = self._workloads.get(proxy) if isinstance(proxy, WorkloadId) else None
            if workload is not None and not workload.streams and not workload.is_kept:
                workload.is_kept = True
                self._changed[workload.claim.id] = None
        changed, self._changed = tuple(self._changed), {}
        return changed

    @property
    def due(self) -> float | None:
        """When the next grace is over, at the earliest."""
        return self._removals[0][0] if self._removals else None

    def get(self, id_: WorkloadId) -> Registered | None:
        workload = self._workloads.get(id_)
        return workload.shown() if workload is not None else None

    def at(self, address: str) -> tuple[Registered, ...]:
        """The workloads at an address, in no particular order."""
        return tuple(self._workloads[id_].shown() for id_ in self._at.get(address, ()))

    def __len__(self) -> int:
        return len(self._workloads)

    def __iter__(self) -> Iterator[Registered]:
        """Every registered workload, by namespace, group and address."""
        return (self._workloads[id_].shown() for id_ in sorted(self._workloads))

    def _add(self, workload: _Workload) -> None:
        id_ = workload.claim.id
        self._workloads[id_] = workload
        self._at.setdefault(id_.address, {})[id_] = None
        self._changed[id_] = None

    def _remove(self, id_: WorkloadId) -> None:
        del self._workloads[id_]
        del self._at[id_.address][id_]
        if not self._at[id_.address]:
            del self._at[id_.address]
        self._changed[id_] = None

    def _remove_at(self, workload: _Workload, removal: float) -> None:
        workload.removal = removal
        heapq.heappush(self._removals, (removal, workload.claim.id))

    def _give_up_address(self, newcomer: WorkloadId) -> None:
        """Remove whoever had the newcomer's address and is gone: it is another's now."""
        for id_ in tuple(self._at.get(newcomer.address, ())):
            if id_ != newcomer and not self._workloads[id_].streams:
                self._remove(id_)


def _group(id_: WorkloadId) -> tuple[str, str]:
    return id_.namespace, id_.group
