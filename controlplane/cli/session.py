"""What ``up`` does after each edit: see to the Envoys, and say what happened."""

import asyncio
from collections.abc import Callable
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Final

import msgspec

from controlplane.base.diagnostics import Diagnostic
from controlplane.base.names import ObjectKey
from controlplane.cli import news
from controlplane.cli.curl import Roots
from controlplane.cli.curl import trials
from controlplane.cli.engine_files import EngineFiles
from controlplane.cli.gateway_envoys import GatewayEnvoys
from controlplane.cli.gateway_envoys import Running
from controlplane.cli.output import Segment
from controlplane.cli.output import show
from controlplane.cli.ports import Process
from controlplane.cli.ports import holders
from controlplane.cli.proxies import RejectedResource
from controlplane.cli.proxies import State
from controlplane.cli.proxies import state_of
from controlplane.cli.sent import Configuration
from controlplane.cli.sent import configuration
from controlplane.cli.shown import shown
from controlplane.identity.authority import kept_authority
from controlplane.model.proxy import Proxy
from controlplane.serve import ControlPlane
from controlplane.serve import Reload
from controlplane.xds.snapshot import Snapshot

Line = list[Segment]
LOOK_AGAIN: Final = 1.0  # seconds between looks at what proxies reject while nothing is edited
TRIALS_SHOWN: Final = 20


class Session:
    """One run of ``up``. ``told`` takes each reload, ``follow`` does what is to be done for it."""

    def __init__(self, gateways: GatewayEnvoys, clock: Callable[[], datetime]) -> None:
        self._gateways = gateways
        self._clock = clock
        self._reloads: asyncio.Queue[Reload] = asyncio.Queue()
        self._planes: list[ControlPlane] = []
        self._snapshots: dict[Proxy, Snapshot] = {}
        self._objects: set[ObjectKey] = set()
        self._diagnostics: tuple[Diagnostic, ...] = ()
        self._rejected: frozenset[tuple[str, RejectedResource]] = frozenset()
        self._ports: dict[int, list[str]] = {}

    def started(self, plane: ControlPlane) -> None:
        self._planes.append(plane)

    def told(self, reload: Reload) -> None:
        self._reloads.put_nowait(reload)

    async def follow(self) -> None:
        """Take each reload until cancelled."""
        while True:
            try:
                reload = await asyncio.wait_for(self._reloads.get(), LOOK_AGAIN)
            except TimeoutError:
                show(self._rejections())
            else:
                await self._after(reload)

    async def _after(self, reload: Reload) -> None:
        show(self._news(reload))
        tended = await self._gateways.tend(self._plane)
        self._snapshots = self._current()
        show(news.gone(str(proxy)) for proxy in tended.stopped)
        if not tended.wanted and (tended.stopped or reload.is_first):
            show([news.no_gateway()])
        rejections = list(self._rejections())
        for running in tended.started:
            show(self._opened(running))
        show(rejections)
        show(self._shared_ports())

    @property
    def _plane(self) -> ControlPlane:
        assert self._planes, "reloads come after the start"
        return self._planes[0]

    def _news(self, reload: Reload) -> Iterator[Line]:
        engine, edit = self._plane.engine, reload.edit
        changes = news.Changes(
            added=tuple(key for key in edit.put if key not in self._objects),
            changed=tuple(key for key in edit.put if key in self._objects),
            removed=edit.removed,
            refused=edit.refused,
            paths=edit.paths,
        )
        self._objects = (self._objects | set(edit.put)) - set(edit.removed)
        if reload.is_first:
            yield news.loaded(engine.object_count, self._plane.settings.config, reload.computed)
        else:
            yield news.reloaded(changes, reload, affected=self._affected())
        yield from news.diagnostics(shown(reload.found, EngineFiles(engine)))
        before, self._diagnostics = self._diagnostics, tuple(engine.diagnostics())
        yield from news.fixed(before, self._diagnostics)

    def _affected(self) -> int:
        """How many connected proxies get something else than before."""
        before, now = self._snapshots, self._current()
        return sum(proxy in before and before[proxy] is not now[proxy] for proxy in now)

    def _current(self) -> dict[Proxy, Snapshot]:
        plane = self._plane
        return {p: plane.world.snapshot(p) for p in plane.server.connections.proxies}

    def _rejections(self) -> Iterator[Line]:
        """What proxies reject now and did not before, and what those still connected take again."""
        state = self._state()
        now = [(str(p.proxy), rejected) for p in state.proxies for rejected in p.rejected]
        before, self._rejected = self._rejected, frozenset(now)
        for proxy, rejected in now:
            if (proxy, rejected) not in before:
                yield from news.rejected(proxy, rejected, self._holders(rejected))
        connected = {str(p.proxy) for p in state.proxies}
        still = {(proxy, rejected.type, rejected.name) for proxy, rejected in now}
        for proxy, rejected in sorted(before, key=str):
            if proxy in connected and (proxy, rejected.type, rejected.name) not in still:
                yield news.taken(proxy, rejected)

    def _state(self) -> State:
        return state_of(msgspec.to_builtins(self._plane.overview.status()))

    def _holders(self, rejected: RejectedResource) -> tuple[Process, ...]:
        """Who has the port that a listener cannot bind to."""
        port = rejected.taken_port
        if port is None:
            return ()
        return tuple(p for p in holders({port})[port] if p.pid not in self._gateways.pids)

    def _shared_ports(self) -> Iterator[Line]:
        """Ports that others listen on too; looked for when the gateways' ports are others."""
        rejected = {r.name for _, r in self._rejected}
        ports: dict[int, list[str]] = {}
        for proxy in self._gateways.proxies:
            sent = self._sent(str(proxy), "listeners")
            for listener in (sent.listeners or ()) if sent is not None else ():
                address = listener.resource.address.socket_address
                if address is not None and listener.name not in rejected:
                    ports.setdefault(address.port_value, []).append(f"gateway {proxy}")
        if ports == self._ports:
            return
        self._ports = ports
        own = self._gateways.pids
        everyone = {
            port: (*ports[port], *(str(p) for p in others if p.pid not in own))
            for port, others in holders(set(ports)).items()
        }
        yield from news.shared_ports({p: who for p, who in everyone.items() if len(who) > 1})

    def _opened(self, running: Running) -> Iterator[Line]:
        """Where an Envoy is, and commands to try."""
        proxy = str(running.proxy)
        yield news.gateway(proxy, running.admin_port, running.log)
        sent = self._sent(proxy, "all")
        if sent is None:
            yield news.not_connected(proxy, running.log)
            return
        rejected = {r.name for of, r in self._rejected if of == proxy}
        found = trials(sent, self._roots(), without=rejected)
        first = list(islice(found, TRIALS_SHOWN))
        yield from news.to_try(first, more=sum(1 for _ in found))

    def _sent(self, proxy: str, part: str) -> Configuration | None:
        found = self._plane.overview.config(proxy, part)
        return None if found is None else configuration(msgspec.to_builtins(found))

    def _roots(self) -> Roots:
        """The authority's certificate, in a file that curl can be told of."""
        state = self._plane.settings.state
        authority = kept_authority(state.authority, self._clock())
        file = (state.path / "root.pem").resolve()
        file.write_bytes(authority.trust_bundle)
        return Roots(authority.roots, file)
