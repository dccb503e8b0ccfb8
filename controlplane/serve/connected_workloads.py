"""Workloads that register by connecting, as files that nobody wrote: a WorkloadEntry in memory for
each, which follows its proxy's streams and its WorkloadGroup.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from controlplane.admin.view import RegisteredWorkload
from controlplane.base.names import ObjectKey
from controlplane.engine.edit import Edit
from controlplane.engine.engine import Engine
from controlplane.engine.registrations import Registrations
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY, WorkloadEntry
from controlplane.kinds.istio.workload_group import WORKLOAD_GROUP, WorkloadGroup
from controlplane.kinds.object import Object
from controlplane.model.probe import Probe
from controlplane.model.proxy import Proxy, labels_of
from controlplane.model.registration import Claim, RefusedClaim, Registered, WorkloadId
from controlplane.queries.registry.proxies import workload_entries_by_address
from controlplane.translate.istio.workload_group import (
    entry_of,
    entry_text,
    group_of,
    is_ready,
    labels_of_group,
    refusal,
    rightful,
    takes_any_address,
)
from controlplane.translate.istio.workload_probe import probe_of
from controlplane.xds.node import TokenExpired

CONNECTED: Final = Path("connected proxies")
"""Where the entries are from."""
Change = tuple[Path, str | None]

log = structlog.stdlib.get_logger("serve")


class ConnectedWorkloads:
    """The entries of connected workloads, and of those that may come back.

    ``on_loopback``: the xDS server is reached on loopback alone. ``monotonic`` is a clock that
    never jumps, in seconds. ``kept``: what an earlier process had registered.
    """

    def __init__(
        self,
        engine: Engine,
        kept: Iterable[Registered] = (),
        *,
        on_loopback: bool,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self.happened = asyncio.Event()
        """Set when there may be ``changes``; the reader clears it."""
        self.probes_changed = asyncio.Event()
        """Set when WorkloadGroups change; a new one each time."""
        self._engine = engine
        self._on_loopback = on_loopback
        self._clock = clock
        self._monotonic = monotonic
        self._registrations = Registrations(kept, monotonic())
        self._doubtful: dict[WorkloadId, None] = {}
        self._written: dict[ObjectKey[WorkloadEntry], tuple[WorkloadId, str]] = {}
        self._refused: dict[ObjectKey[WorkloadGroup], dict[WorkloadId, RefusedClaim]] = {}
        self._refusals_differ: set[ObjectKey[WorkloadGroup]] = set()
        self._is_over = False

    # What happens

    def recognised(self, proxy: Proxy, claim: Claim | None) -> Proxy:
        """The proxy with the labels of its group, and without an address that is not its own."""
        if claim is None:
            return proxy
        group = self._group(claim.id)
        labels = labels_of(labels_of_group(group)) if group is not None else ()
        addresses = dict.fromkeys((claim.id.address, *proxy.addresses))
        if claim.peer and not claim.id.is_proven and not (group and takes_any_address(group)):
            addresses = {claim.peer: None}
        return replace(proxy, labels=labels, addresses=tuple(addresses))

    @contextmanager
    def stream(self, proxy: Proxy, claim: Claim | None) -> Iterator[None]:
        """While the block runs, a stream of the proxy is open."""
        stream = object()
        if claim is None:
            self._registrations.join_other(stream, proxy)
        else:
            self._registrations.join(stream, claim, self._clock())
            self.happened.set()
        is_dismissed = False
        try:
            yield
        except BaseExceptionGroup as faults:
            is_dismissed = faults.subgroup(TokenExpired) is not None
            raise
        finally:
            if not self._is_over:
                now = self._monotonic()
                if claim is None:
                    self._registrations.leave_other(stream, proxy, now)
                elif is_dismissed:
                    self._registrations.dismiss(stream, now)
                else:
                    self._registrations.leave(stream, now)
                self.happened.set()

    def announce_leave(self, claim: Claim) -> bool:
        """The workload is about to end; whether it was registered, and the claim is its own."""
        if not self._is_own(claim):
            return False
        was_there = self._registrations.announce_leave(claim.id)
        self.happened.set()
        return was_there

    def found(self, claim: Claim, *, is_healthy: bool) -> None:
        """The workload's proxy has probed it; of another's workload a proxy says nothing."""
        if self._is_own(claim):
            self._registrations.found(claim.id, is_healthy=is_healthy)
            self.happened.set()

    def _is_own(self, claim: Claim) -> bool:
        return refusal(claim, self._group(claim.id), on_loopback=self._on_loopback) is None

    def edited(self, edit: Edit) -> None:
        """Entries follow their groups, and give way to those of files."""
        keys = [key for key in (*edit.put, *edit.removed) if key not in self._written]
        groups = {key for key in keys if key.kind == WORKLOAD_GROUP}
        if groups:
            changed, self.probes_changed = self.probes_changed, asyncio.Event()
            changed.set()
        if groups or any(key.kind == WORKLOAD_ENTRY for key in keys):
            for one in self._registrations:
                self._doubtful[one.claim.id] = None
            self.happened.set()

    def end(self) -> None:
        """The server ends: that its streams do says nothing of their workloads."""
        self._is_over = True

    # What follows

    @property
    def due(self) -> float | None:
        """Seconds until there are ``changes`` because time passes."""
        due = self._registrations.due
        return max(due - self._monotonic(), 0.0) if due is not None else None

    @property
    def object_count(self) -> int:
        """How many objects are in force that no file declares."""
        return len(self._written)

    def probe(self, claim: Claim) -> Probe | None:
        """How a workload is probed; ``None``: not at all."""
        group = self._group(claim.id)
        return probe_of(group.spec) if group is not None else None

    def registered(self) -> tuple[Registered, ...]:
        """What is to be kept over a restart."""
        return tuple(self._registrations)

    def entries(self) -> Iterator[tuple[ObjectKey[WorkloadEntry], Registered]]:
        """The entries that are in force, each with its workload."""
        for key, (id_, _) in sorted(self._written.items()):
            found = self._registrations.get(id_)
            if found is not None:
                yield key, found

    def shown(self) -> Iterator[RegisteredWorkload]:
        """The entries as ``status`` shows them."""
        for key, one in self.entries():
            group = self._group(one.claim.id)
            if group is not None:
                yield RegisteredWorkload(
                    object=str(key),
                    since=one.since,
                    connected=one.is_connected,
                    ready=is_ready(one, group),
                    healthy=one.is_healthy if probe_of(group.spec) is not None else None,
                )

    def refused(self) -> Iterator[RefusedClaim]:
        """The connected workloads that are not registered, by group."""
        for group in sorted(self._refused):
            yield from self._refused[group].values()

    def changes(self) -> list[Change]:
        """What has changed of the files that nobody wrote; the engine also gets to know which
        workloads are refused.
        """
        doubtful = dict.fromkeys((*self._registrations.settle(self._monotonic()), *self._doubtful))
        self._doubtful = {}
        by_address: dict[str, list[WorkloadId]] = {}
        for id_ in doubtful:
            by_address.setdefault(id_.address, []).append(id_)
        found = [
            change
            for address, ids in by_address.items()
            for change in self._changes_at(address, ids)
        ]
        for group in sorted(self._refusals_differ):
            refused = self._refused.get(group, {})
            self._engine.connected.refuse(group, tuple(refused[i] for i in sorted(refused)))
        self._refusals_differ.clear()
        return found

    def _changes_at(self, address: str, doubtful: Iterable[WorkloadId]) -> Iterator[Change]:
        """What has changed of the entries of workloads at an address."""
        there = {one.claim.id: one for one in self._registrations.at(address)}
        for id_ in doubtful:
            if id_ not in there:
                self._refuse(id_, None)
        served = rightful(one for one in there.values() if self._is_admitted(one))
        texts = dict[ObjectKey[WorkloadEntry], tuple[WorkloadId, str]]()
        for id_ in sorted(
            served, key=lambda id_: id_.is_proven
        ):  # it comes before who only says so
            text = self._text(there[id_])
            if text is not None:
                texts[entry_of(id_)] = (id_, text)
        for key in dict.fromkeys(map(entry_of, (*doubtful, *there))):
            yield from self._change(key, texts.get(key), address)

    def _text(self, one: Registered) -> str | None:
        """The text of a workload's entry; ``None`` where it has none."""
        id_ = one.claim.id
        group = self._group(id_)
        if group is None or self._is_declared(entry_of(id_), id_):
            return None
        return entry_text(one.claim, group, is_ready=is_ready(one, group))

    def _change(
        self,
        key: ObjectKey[WorkloadEntry],
        after: tuple[WorkloadId, str] | None,
        address: str,
    ) -> Iterator[Change]:
        before = self._written.get(key)
        path = CONNECTED / key.namespace / key.name
        if after is not None:
            self._written[key] = after
            if before is None:
                log.info("workload_registered", entry=key.name, namespace=key.namespace)
            if before is None or before[1] != after[1]:
                yield path, after[1]
        elif before is not None and before[0].address == address:
            del self._written[key]
            log.info("workload_removed", entry=key.name, namespace=key.namespace)
            yield path, None

    def _is_declared(self, key: ObjectKey[WorkloadEntry], id_: WorkloadId) -> bool:
        """Whether a file declares an entry of that name, or one at the address."""
        where = (id_.namespace, id_.address)
        at_address = workload_entries_by_address(self._engine.graph, where)
        others = any(other not in self._written for other in at_address)
        return others or (key not in self._written and self._engine.object(key) is not None)

    def _is_admitted(self, one: Registered) -> bool:
        group = self._group(one.claim.id)
        reason = refusal(one.claim, group, on_loopback=self._on_loopback)
        refused = RefusedClaim(claim=one.claim, reason=reason) if reason is not None else None
        self._refuse(one.claim.id, refused)
        return reason is None

    def _refuse(self, id_: WorkloadId, refused: RefusedClaim | None) -> None:
        """Note that a workload is not registered, or that it is by now."""
        key = group_of(id_)
        of_group = self._refused.setdefault(key, {})
        before = of_group.pop(id_, None)
        if refused is not None:
            of_group[id_] = refused
            if before != refused:
                peer, reason = refused.claim.peer, refused.reason.value
                log.warning("workload_refused", workload=str(id_), peer=peer, reason=reason)
        if before != refused:
            self._refusals_differ.add(key)
        if not of_group:
            del self._refused[key]

    def _group(self, id_: WorkloadId) -> Object[WorkloadGroup] | None:
        return self._engine.object(group_of(id_))
