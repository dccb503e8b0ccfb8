"""The engine as the xDS server sees it: ready once the first load is complete, then a snapshot for
each proxy.

Proxies that get the same get the same snapshot object, so the server's sessions share their bytes.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from controlplane.engine import Engine
from controlplane.model.proxy import Proxy
from controlplane.model.proxy_view import ProxyView
from controlplane.queries.snapshot import Resources
from controlplane.xds.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class _Made:
    resources: Resources
    snapshot: Snapshot


class SnapshotCache:
    """Keeps the snapshot of every view that a connected proxy has."""

    def __init__(self, engine: Engine) -> None:
        self.ready = asyncio.Event()
        self._engine = engine
        self._made: dict[ProxyView, _Made] = {}
        self._of_proxy: dict[Proxy, tuple[int, Snapshot]] = {}

    def snapshot(self, proxy: Proxy) -> Snapshot:
        """What ``proxy`` is to have now; what it needs is kept until ``retain`` drops it."""
        revision = self._engine.revision
        known = self._of_proxy.get(proxy)
        if known is not None and known[0] == revision:
            return known[1]
        if known is None:
            self._engine.connected.join(proxy)
        found = self._snapshot(self._engine.view(proxy))
        self._of_proxy[proxy] = (revision, found)
        return found

    def retain(self, proxies: Iterable[Proxy]) -> None:
        """Forget what none of ``proxies``, the connected ones, needs any more."""
        connected = set(proxies)
        for proxy in [p for p in self._of_proxy if p not in connected]:
            del self._of_proxy[proxy]
            self._engine.connected.leave(proxy)
        needed = {self._engine.view(proxy) for proxy in self._of_proxy}
        for view in [v for v in self._made if v not in needed]:
            del self._made[view]
            self._engine.connected.release(view)

    def _snapshot(self, view: ProxyView) -> Snapshot:
        made = self._made.get(view)
        if made is None:
            self._engine.connected.hold(view)
        resources = self._engine.resources(view)
        if made is None or made.resources is not resources:
            snapshot = Snapshot(self._engine.revision, dict(resources))
            made = self._made[view] = _Made(resources, snapshot)
        return made.snapshot
