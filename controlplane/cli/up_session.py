"""What ``up`` does after each edit: start and stop Envoys, and report what happened."""

import asyncio
from collections.abc import Callable, Iterator, Set
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Final

import structlog
from cryptography.hazmat.primitives.serialization import Encoding
from envoy.config.core.v3.health_check_pb2 import HealthStatus
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

from controlplane.admin.view import RejectedResource
from controlplane.base.diagnostics import Diagnostic
from controlplane.base.names import ObjectKey
from controlplane.cli import up_messages
from controlplane.cli.curl import Resources, Roots, trials
from controlplane.cli.diagnostic_text import diagnostic_texts
from controlplane.cli.engine_files import EngineFiles
from controlplane.cli.gateway_envoys import NOTHING_RECONCILED, GatewayEnvoys, Running
from controlplane.cli.gateway_proxies import IMPLYING
from controlplane.cli.output import Segment, show
from controlplane.cli.ports import EVERYWHERE, Process, Socket, are_shared, holders
from controlplane.cli.status_view import forbidden_port, taken_port
from controlplane.envoy.resource import Resource, TypeUrl, packed
from controlplane.model.proxy import Proxy
from controlplane.serve.control_plane import ControlPlane
from controlplane.serve.edit_reports import ANALYSED_AT_ONCE
from controlplane.serve.reload import Noticed, Reload
from controlplane.xds.snapshot import Snapshot

Line = list[Segment]
LOOK_AGAIN: Final = 1.0  # seconds between looks at what proxies reject while nothing is edited
TRIALS_SHOWN: Final = 20
ROOT_FILE: Final = "root.pem"  # in the state directory
_UNTRUSTED: Final = "the commands to try do not check certificates"

_OUT_OF_USE: Final = frozenset({HealthStatus.UNHEALTHY, HealthStatus.DRAINING})

log = structlog.get_logger(__name__)


class Session:
    """One run of ``up``: ``on_reload`` takes each reload, ``follow`` acts on it."""

    def __init__(self, gateways: GatewayEnvoys, clock: Callable[[], datetime]) -> None:
        self._gateways = gateways
        self._clock = clock
        self._reloads: asyncio.Queue[Reload | Noticed] = asyncio.Queue()
        self._planes: list[ControlPlane] = []
        self._objects: set[ObjectKey] = set()
        self._diagnostics: tuple[Diagnostic, ...] = ()
        self._rejected: frozenset[tuple[str, RejectedResource]] = frozenset()
        self._sockets: dict[Socket, list[str]] = {}

    def started(self, plane: ControlPlane) -> None:
        self._planes.append(plane)

    def on_reload(self, reload: Reload | Noticed) -> None:
        self._reloads.put_nowait(reload)

    async def follow(self) -> None:
        """Take each reload until cancelled."""
        while True:
            try:
                reload = await asyncio.wait_for(self._reloads.get(), LOOK_AGAIN)
            except TimeoutError:
                show(self._rejections())
            else:
                if isinstance(reload, Noticed):
                    show(await self._diagnosed())
                else:
                    await self._after(reload)

    async def _after(self, reload: Reload) -> None:
        show([self._news(reload)])
        show(up_messages.held(reload.edit.held))
        if reload.is_first:
            show(up_messages.foreign(self._plane.engine.foreign()))
        if not reload.is_first:
            show(await self._diagnosed())
        edited = {key.kind for key in (*reload.edit.put, *reload.edit.removed)}
        reconciled = NOTHING_RECONCILED
        if reload.is_first or edited & IMPLYING:
            reconciled = await self._gateways.reconcile(self._plane)
            show(await self._diagnosed())
        if not reconciled.wanted and (reconciled.stopping or reload.is_first):
            show([up_messages.no_gateway()])
        show(map(up_messages.unserved, reconciled.unserved))
        rejections = list(self._rejections())
        for running in reconciled.started:
            show(up_messages.gateway(running))
            show(await self._to_try(running))
        show(rejections)
        show(self._shared_ports())

    @property
    def _plane(self) -> ControlPlane:
        assert self._planes, "reloads come after the start"
        return self._planes[0]

    def _news(self, reload: Reload) -> Line:
        engine, edit = self._plane.engine, reload.edit
        changes = up_messages.Changes(
            added=tuple(key for key in edit.put if key not in self._objects),
            changed=tuple(key for key in edit.put if key in self._objects),
            removed=edit.removed,
            refused=edit.refused,
            paths=edit.paths,
        )
        self._objects.update(edit.put)
        self._objects.difference_update(edit.removed)
        if reload.is_first:
            plane = self._plane
            made = plane.connected_services.object_count + plane.registering.workloads.object_count
            declared = engine.object_count - made
            return up_messages.loaded(declared, self._plane.settings.config, reload.computed)
        return up_messages.reloaded(changes, reload)

    async def _diagnosed(self) -> list[Line]:
        """What is wrong now and was not when last shown, and what is fixed."""
        engine = self._plane.engine
        while engine.analyse(ANALYSED_AT_ONCE):
            await asyncio.sleep(0)
        before, self._diagnostics = self._diagnostics, tuple(engine.diagnostics())
        known = set(before)
        found = [diagnostic for diagnostic in self._diagnostics if diagnostic not in known]
        return [
            *up_messages.diagnostics(diagnostic_texts(found, EngineFiles(engine))),
            *up_messages.fixed(before, self._diagnostics),
        ]

    def _current(self) -> Iterator[tuple[Proxy, Snapshot]]:
        for proxy in self._plane.server.connections.proxies:
            yield proxy, self._plane.snapshots.snapshot(proxy)

    def _rejections(self) -> Iterator[Line]:
        """What proxies reject now and did not before, and what connected ones accept again."""
        if not self._rejected and not self._plane.server.connections.refusing:
            return
        proxies = self._plane.overview.status().proxies
        now = [(p.proxy.full_name, rejected) for p in proxies for rejected in p.rejected]
        before, self._rejected = self._rejected, frozenset(now)
        for proxy, rejected in now:
            if (proxy, rejected) not in before:
                yield from up_messages.rejected(proxy, rejected, self._holders(rejected))
                port, gateway = forbidden_port(rejected.error), self._gateways.named(proxy)
                if port is not None and gateway is not None:
                    yield from up_messages.mapped(gateway, port)
        connected = {p.proxy.full_name for p in proxies}
        still = {(proxy, rejected.type, rejected.name) for proxy, rejected in now}
        for proxy, rejected in sorted(before, key=str):
            if proxy in connected and (proxy, rejected.type, rejected.name) not in still:
                yield up_messages.taken(proxy, rejected)

    def _holders(self, rejected: RejectedResource) -> tuple[Process, ...]:
        """The processes that have the port that a listener cannot bind to."""
        port = taken_port(rejected.error)
        if port is None:
            return ()
        wanted = (EVERYWHERE, port)
        return tuple(p for p in holders({wanted})[wanted] if p.pid not in self._gateways.pids)

    def _shared_ports(self) -> Iterator[Line]:
        """Ports that others listen on too; looked for when the gateways' ports change."""
        rejected = {r.name for _, r in self._rejected}
        sockets: dict[Socket, list[str]] = {}
        for proxy, snapshot in self._current():
            for name, resource in snapshot.shelf(TypeUrl.LISTENER).items():
                socket = _socket(resource)
                if socket is not None and name not in rejected:
                    gateway = f"gateway {proxy.name}.{proxy.namespace}"
                    sockets.setdefault(socket, []).append(gateway)
        if sockets == self._sockets:
            return
        self._sockets = sockets
        own, others = self._gateways.pids, holders(set(sockets))
        everyone: dict[int, dict[str, None]] = {}
        for socket in sockets:
            gateways = [
                who for s, found in sockets.items() if are_shared(s, socket) for who in found
            ]
            who = [*gateways, *(str(p) for p in others[socket] if p.pid not in own)]
            if len(who) > 1:
                everyone.setdefault(socket[1], {}).update(dict.fromkeys(who))
        yield from up_messages.shared_ports({port: tuple(who) for port, who in everyone.items()})

    async def _to_try(self, running: Running) -> list[Line]:
        """Commands to try; they are found on another thread, because a mesh may be large."""
        name = str(running.proxy)
        snapshot = next((s for p, s in self._current() if f"{p.name}.{p.namespace}" == name), None)
        if snapshot is None:
            return [up_messages.not_connected(name, running.process.log)]
        rejected = frozenset(r.name for of, r in self._rejected if of == name)
        roots = self._roots()
        return await asyncio.to_thread(_to_try, snapshot, roots, rejected)

    def _roots(self) -> Roots:
        """The authority's certificate, in a file that curl can be given; none, so that curl checks
        nothing, where the file cannot be written.
        """
        state, trusted = self._plane.settings.state, self._plane.trusted
        file = (state.path / ROOT_FILE).resolve()
        try:
            state.write(ROOT_FILE, b"".join(root.public_bytes(Encoding.PEM) for root in trusted))
        except OSError as error:
            reason = error.strerror or str(error)
            log.error("root_not_written", file=str(file), reason=reason, effect=_UNTRUSTED)
            return Roots((), file)
        return Roots(trusted, file)


def _to_try(snapshot: Snapshot, roots: Roots, rejected: Set[str]) -> list[Line]:
    listeners, routes, secrets = (
        [packed(resource).value for _, resource in sorted(snapshot.shelf(type_url).items())]
        for type_url in (TypeUrl.LISTENER, TypeUrl.ROUTE, TypeUrl.SECRET)
    )
    tables = map(RouteConfiguration.FromString, routes)
    resources = Resources(
        listeners=tuple(map(Listener.FromString, listeners)),
        tables={table.name: table for table in tables},
        secrets=tuple(map(Secret.FromString, secrets)),
        is_empty=partial(_is_empty, snapshot),
        is_missing=lambda cluster: cluster not in snapshot.shelf(TypeUrl.CLUSTER),
    )
    found = trials(resources, roots, without=rejected)
    first = list(islice(found, TRIALS_SHOWN))
    more = sum(1 for _ in found)
    return list(up_messages.to_try(first, more=more, rejected=bool(rejected)))


def _is_empty(snapshot: Snapshot, cluster: str) -> bool:
    """Whether requests to a cluster fail: it has no endpoint that may be used, or is none."""
    assigned = snapshot.shelf(TypeUrl.ENDPOINT).get(cluster)
    if assigned is None:
        return cluster not in snapshot.shelf(TypeUrl.CLUSTER)
    groups = ClusterLoadAssignment.FromString(packed(assigned).value).endpoints
    return all(e.health_status in _OUT_OF_USE for group in groups for e in group.lb_endpoints)


def _socket(resource: Resource) -> Socket | None:
    """Where a listener listens; ``None`` for one on a path."""
    address = Listener.FromString(packed(resource).value).address.socket_address
    return (address.address, address.port_value) if address.port_value else None
