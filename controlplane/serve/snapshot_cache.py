"""The engine as the xDS server sees it: ready once the first load is complete, then a snapshot for
each proxy.

Proxies that get the same get the same snapshot object, so the server's sessions share their bytes.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import grpc

from controlplane.engine.engine import Engine
from controlplane.engine.internal_errors import NotComputed
from controlplane.model.proxy import Proxy
from controlplane.model.proxy_view import ProxyView
from controlplane.queries.snapshot.snapshot import Resources
from controlplane.xds.snapshot import Snapshot
from controlplane.xds.wire import StreamFault

_NOT_COMPUTED: Final = "an internal error keeps the configuration from being computed; see the log"


@dataclass(frozen=True, slots=True)
class _Made:
    resources: Resources
    snapshot: Snapshot


class SnapshotCache:
    """Keeps the snapshot of every view that a connected proxy has."""

    def __init__(self, engine: Engine) -> None:
        self.ready = asyncio.Event()
        self.on_stage: Callable[[str], None] = lambda _: None
        """Hears when what an edit changes is computed."""
        self._engine = engine
        self._made: dict[ProxyView, _Made] = {}
        self._view_of: dict[Proxy, ProxyView] = {}
        self._proxies_of: dict[ProxyView, dict[Proxy, None]] = {}
        self._behind: dict[Proxy, None] = {}
        """Proxies that have an older view, because of an internal error."""
        self._renewed: dict[ProxyView, None] = {}
        """Views with another snapshot than their proxies were given, whatever asked for it
        first.
        """

    def snapshot(self, proxy: Proxy) -> Snapshot:
        """What ``proxy`` is to have now; what it needs is kept until it is forgotten.

        Where an internal error keeps it from being computed at all, ``StreamFault``: the proxy
        keeps what it has, and asks again.
        """
        view = self._view_of.get(proxy)
        try:
            if view is not None:
                return self._snapshot(view)
            view = self._engine.view(proxy)
            found = self._snapshot(view)
        except NotComputed:
            raise StreamFault(grpc.StatusCode.UNAVAILABLE, _NOT_COMPUTED) from None
        self._engine.connected.join(proxy)
        self._move(proxy, view)
        return found

    def changed(self) -> tuple[Proxy, ...]:
        """The proxies that are to have another snapshot than at the last call. Proxies that an edit
        does not affect are not looked at.

        A proxy whose new view has nothing that is known yet, because of an internal error, keeps
        its view and is looked at again the next time.
        """
        doubt = self._engine.take_doubt()
        looked_at, self._behind = dict.fromkeys((*self._behind, *doubt.proxies)), {}
        changed: dict[Proxy, None] = {}
        for proxy in looked_at:
            try:
                view = self._engine.view(proxy)
                self._snapshot(view)
            except NotComputed:
                self._behind[proxy] = None
                continue
            if view != self._view_of.get(proxy):
                self._move(proxy, view)
                changed[proxy] = None
        for view in doubt.views:
            if view in self._made:
                self._snapshot(view)
        for view in self._renewed:
            changed.update(self._proxies_of.get(view, {}))
        self._renewed.clear()
        self.on_stage("recompute")
        return tuple(changed)

    def retain(self, proxies: Iterable[Proxy]) -> None:
        """Forget what none of ``proxies``, the connected ones, needs any more."""
        connected = set(proxies)
        self.forget([p for p in self._view_of if p not in connected])
        for view in [v for v in self._made if v not in self._proxies_of]:
            self._release(view)

    def forget(self, proxies: Iterable[Proxy]) -> None:
        """Forget what ``proxies`` alone need. No other one is looked at."""
        for proxy in proxies:
            view = self._view_of.get(proxy)
            if view is not None:
                self._forget(proxy)
                self._behind.pop(proxy, None)
                self._engine.connected.leave(proxy)
                if view not in self._proxies_of and view in self._made:
                    self._release(view)

    def _release(self, view: ProxyView) -> None:
        del self._made[view]
        self._engine.connected.release(view)

    def _move(self, proxy: Proxy, view: ProxyView) -> None:
        """Note that the proxy has ``view`` from now on."""
        if proxy in self._view_of:
            self._forget(proxy)
        self._view_of[proxy] = view
        self._proxies_of.setdefault(view, {})[proxy] = None

    def _forget(self, proxy: Proxy) -> None:
        view = self._view_of.pop(proxy)
        del self._proxies_of[view][proxy]
        if not self._proxies_of[view]:
            del self._proxies_of[view]

    def _snapshot(self, view: ProxyView) -> Snapshot:
        made = self._made.get(view)
        resources = self._engine.resources(view)
        if made is None:
            self._engine.connected.hold(view)
        if made is None or made.resources is not resources:
            if made is not None:
                self._renewed[view] = None
            snapshot = Snapshot(self._engine.revision, dict(resources), dict(resources.for_running))
            made = self._made[view] = _Made(resources, snapshot)
        return made.snapshot
