"""The engine as the xDS server sees it: ready once the first load is complete, then a snapshot for
each proxy.

Proxies that get the same get the same snapshot object, so the server's sessions share their bytes.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from controlplane.engine import Engine
from controlplane.model.proxy import Client
from controlplane.model.proxy import Proxy
from controlplane.queries.snapshot import Resources
from controlplane.xds.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class _Made:
    resources: Resources
    snapshot: Snapshot


class SnapshotCache:
    """Keeps the snapshot of every client that a connected proxy is of."""

    def __init__(self, engine: Engine) -> None:
        self.ready = asyncio.Event()
        self._engine = engine
        self._made: dict[Client, _Made] = {}
        self._of_proxy: dict[Proxy, tuple[int, Snapshot]] = {}

    def snapshot(self, proxy: Proxy) -> Snapshot:
        """What ``proxy`` is to have now; what it needs is kept until ``retain`` drops it."""
        revision = self._engine.revision
        known = self._of_proxy.get(proxy)
        if known is not None and known[0] == revision:
            return known[1]
        found = self._snapshot(self._engine.client(proxy))
        self._of_proxy[proxy] = (revision, found)
        return found

    def retain(self, proxies: Iterable[Proxy]) -> None:
        """Forget what none of ``proxies``, the connected ones, needs any more."""
        connected = set(proxies)
        self._of_proxy = {p: v for p, v in self._of_proxy.items() if p in connected}
        needed = {self._engine.client(proxy) for proxy in connected}
        for client in [c for c in self._made if c not in needed]:
            del self._made[client]
            self._engine.release(client)

    def _snapshot(self, client: Client) -> Snapshot:
        made = self._made.get(client)
        if made is None:
            self._engine.hold(client)
        resources = self._engine.resources(client)
        if made is None or made.resources is not resources:
            snapshot = Snapshot(self._engine.revision, dict(resources))
            made = self._made[client] = _Made(resources, snapshot)
        return made.snapshot
