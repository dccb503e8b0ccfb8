"""What ``up`` does after each edit: keep an Envoy for every gateway, and say what happened."""

import asyncio
import json
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from controlplane.base.diagnostics import Diagnostic
from controlplane.base.names import ObjectKey
from controlplane.cli import news
from controlplane.cli.address import Address
from controlplane.cli.bootstrap import issued_trust
from controlplane.cli.curl import Roots
from controlplane.cli.curl import trials
from controlplane.cli.engine_files import EngineFiles
from controlplane.cli.envoys import Death
from controlplane.cli.envoys import Envoys
from controlplane.cli.envoys import Launch
from controlplane.cli.envoys import free_admin_port
from controlplane.cli.gateway_proxies import GatewayProxy
from controlplane.cli.gateway_proxies import gateway_proxies
from controlplane.cli.news import Changes
from controlplane.cli.output import Segment
from controlplane.cli.output import show
from controlplane.cli.proxies import RejectedResource
from controlplane.cli.proxies import State
from controlplane.cli.proxies import state_of
from controlplane.cli.sent import configuration
from controlplane.cli.shown import shown
from controlplane.envoy.bootstrap import Node
from controlplane.envoy.bootstrap import SocketAddress
from controlplane.envoy.bootstrap import bootstrap
from controlplane.identity.authority import kept_authority
from controlplane.identity.tokens import DEFAULT_LIFE
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.istio.gateway import GATEWAY
from controlplane.model.proxy import Locality
from controlplane.model.proxy import Proxy
from controlplane.model.proxy import Role
from controlplane.serve import ControlPlane
from controlplane.serve import Reload
from controlplane.xds.snapshot import Snapshot

Line = list[Segment]
ADDRESS: Final = "127.255.0.1"
"""What gateways say is their address: on this machine, and none that a workload would be declared
at (one at 127.0.0.1 would lend the gateway its labels and its Services' ports).
"""
CONNECTED_WITHIN: Final = 15.0  # seconds until an Envoy that did not connect is told of
LOOK_EVERY: Final = 0.05  # seconds between looks at Envoys that start
LOOK_AGAIN: Final = 1.0  # seconds between looks at what proxies reject while nothing is edited
TRIALS_SHOWN: Final = 20
_REACHABLE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where to connect for every address


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A gateway that has an Envoy, and where that one's admin interface is."""

    proxy: GatewayProxy
    admin_port: int
    log: Path


class Session:
    """One run of ``up``. ``told`` takes each reload, ``follow`` does what is to be done for it."""

    def __init__(self, envoys: Envoys, concurrency: int, clock: Callable[[], datetime]) -> None:
        self._envoys = envoys
        self._concurrency = concurrency
        self._clock = clock
        self._reloads: asyncio.Queue[Reload] = asyncio.Queue()
        self._planes: list[ControlPlane] = []
        self._running: dict[GatewayProxy, Running] = {}
        self._snapshots: dict[Proxy, Snapshot] = {}
        self._objects: set[ObjectKey] = set()
        self._diagnostics: tuple[Diagnostic, ...] = ()
        self._rejected: frozenset[tuple[str, RejectedResource]] = frozenset()

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
                continue
            show(self._news(reload))
            new = await self._tend()
            show(self._rejections())
            for running in new:
                show(self._opened(running))

    @property
    def _plane(self) -> ControlPlane:
        assert self._planes, "reloads come after the start"
        return self._planes[0]

    # What there is to say

    def _news(self, reload: Reload) -> Iterator[Line]:
        engine, edit = self._plane.engine, reload.edit
        changes = Changes(
            added=tuple(key for key in edit.put if key not in self._objects),
            changed=tuple(key for key in edit.put if key in self._objects),
            removed=edit.removed,
            refused=edit.refused,
            paths=edit.paths,
        )
        self._objects = (self._objects | set(edit.put)) - set(edit.removed)
        files = EngineFiles(engine)
        if reload.is_first:
            yield news.loaded(engine.object_count, self._plane.settings.config, reload.computed)
        else:
            yield news.reloaded(changes, reload, affected=self._affected())
        yield from news.diagnostics(shown(reload.found, files))
        before, self._diagnostics = self._diagnostics, tuple(engine.diagnostics())
        yield from news.fixed(before, self._diagnostics)

    def _affected(self) -> int:
        """How many connected proxies get something else than before."""
        before, self._snapshots = self._snapshots, self._current()
        return sum(
            proxy in before and before[proxy] is not snapshot
            for proxy, snapshot in self._snapshots.items()
        )

    def _current(self) -> dict[Proxy, Snapshot]:
        plane = self._plane
        return {p: plane.world.snapshot(p) for p in plane.server.connections.proxies}

    def _rejections(self) -> Iterator[Line]:
        """What proxies reject now and did not before, and what they take again."""
        state = self._state()
        now = {(str(p.proxy), r): r for p in state.proxies for r in p.rejected}
        before, self._rejected = self._rejected, frozenset(now)
        for proxy, rejected in now:
            if (proxy, rejected) not in before:
                yield from news.rejected(proxy, rejected)
        still = {(proxy, r.type, r.name) for proxy, r in now}
        for proxy, rejected in sorted(before - set(now), key=str):
            if (proxy, rejected.type, rejected.name) not in still:
                yield news.taken(proxy, rejected)

    def _state(self) -> State:
        return state_of(msgspec.to_builtins(self._plane.overview.status()))

    def _opened(self, running: Running) -> Iterator[Line]:
        """Where an Envoy is, and commands to try."""
        plane, proxy = self._plane, running.proxy
        yield news.gateway(str(proxy), running.admin_port, running.log)
        sent = plane.overview.config(str(proxy), "all")
        if sent is None:
            yield news.not_connected(str(proxy), running.log)
            return
        found = trials(configuration(msgspec.to_builtins(sent)), self._roots())
        shown_trials = list(islice(found, TRIALS_SHOWN))
        yield from news.to_try(shown_trials, more=sum(1 for _ in found))

    def _roots(self) -> Roots:
        """The authority's certificate, in a file that curl can be told of."""
        state = self._plane.settings.state
        authority = kept_authority(state.authority, self._clock())
        file = (state.path / "root.pem").resolve()
        file.write_bytes(authority.trust_bundle)
        return Roots(authority.roots, file)

    # An Envoy for every gateway

    async def _tend(self) -> tuple[Running, ...]:
        """Start and stop Envoys as the Gateways want it; gives those that are new and settled."""
        engine = self._plane.engine
        wanted = set(gateway_proxies(engine.objects(GATEWAY), engine.objects(SERVICE)))
        gone = sorted(set(self._running) - wanted)
        if gone:
            await self._envoys.stop(str(proxy) for proxy in gone)
            show(news.gone(str(proxy)) for proxy in gone)
        for proxy in gone:
            del self._running[proxy]
        new = [self._start(proxy) for proxy in sorted(wanted - set(self._running))]
        if not wanted:
            show([news.no_gateway()])
        await self._settled(running.proxy for running in new)
        self._snapshots = self._current()
        return tuple(new)

    def _start(self, proxy: GatewayProxy) -> Running:
        folder = self._plane.settings.state.path / "envoys"
        folder.mkdir(mode=0o700, exist_ok=True)
        file, log = folder / f"{proxy}.json", folder / f"{proxy}.log"
        taken = {running.admin_port for running in self._running.values()}
        running = Running(proxy=proxy, admin_port=free_admin_port(taken), log=log)
        file.touch(mode=0o600)
        file.write_text(self._bootstrap(running), encoding="utf-8")
        self._running[proxy] = running
        self._envoys.start(
            Launch(name=str(proxy), bootstrap=file, log=log, concurrency=self._concurrency)
        )
        return running

    def _bootstrap(self, running: Running) -> str:
        settings, proxy = self._plane.settings, running.proxy
        node = Node(
            role=Role.GATEWAY,
            name=proxy.name,
            namespace=proxy.namespace,
            service_account=proxy.name,
            addresses=(ADDRESS,),
            labels=dict(proxy.labels),
            locality=Locality(),
            metadata={},
        )
        trust = None
        if not settings.is_insecure:
            trust = issued_trust(settings.state, node, DEFAULT_LIFE, self._clock())
        host = _REACHABLE.get(settings.xds.host, settings.xds.host)
        server = Address(host, settings.xds.port)
        xds = SocketAddress(host=server.host, port=server.port, numeric=server.numeric)
        admin = SocketAddress(host="127.0.0.1", port=running.admin_port, numeric=True)
        return json.dumps(bootstrap(node, xds=xds, admin=admin, trust=trust))

    async def _settled(self, proxies: Iterable[GatewayProxy]) -> None:
        """Return once each of ``proxies`` has answered all that it was sent, or was not in time."""
        missing = {str(proxy) for proxy in proxies}
        connections = self._plane.server.connections
        deadline = asyncio.get_running_loop().time() + CONNECTED_WITHIN
        while missing and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(LOOK_EVERY)
            missing -= {
                f"{s.name}.{s.namespace}" for s in connections.states() if s.revision is not None
            }


def died(death: Death) -> None:
    show([news.died(death)])
