"""The admin interface's ``Overview``: what is shown of a running control plane."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from google.protobuf import message_factory
from google.protobuf.message import Message
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from controlplane.admin.authorization import AskedCall, WorkloadAuthorization
from controlplane.admin.metrics import Metrics
from controlplane.admin.objects import FoundObjects, Gateways, KindObject, ObjectsOfKind
from controlplane.admin.tls import TlsState
from controlplane.admin.view import (
    ConfigResource,
    ConnectedRunner,
    DeclaredObject,
    Diagnosis,
    IdlePatch,
    ListedObject,
    Origin,
    ProxyConfig,
    ProxyStatus,
    RegisteredWorkload,
    RejectedResource,
    ShownProxy,
    Status,
)
from controlplane.admin.workload import Workload
from controlplane.base import provenance
from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.base.paced import paced
from controlplane.base.provenance import Provenance
from controlplane.engine.engine import Engine
from controlplane.engine.internal_errors import NotComputed
from controlplane.envoy.redact import shown_json
from controlplane.envoy.resource import Resource, TypeUrl, packed
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.istio.gateway import GATEWAY
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE
from controlplane.kinds.registry import SERVED
from controlplane.model.proxy import Proxy, Role
from controlplane.model.proxy_view import ProxyView
from controlplane.protobuf.descriptors import message_type
from controlplane.queries.inputs.connected_gateways import connected_gateways
from controlplane.queries.patches.effects import idle_patches
from controlplane.queries.snapshot.origins import joined, origin_slices, origins_by_name
from controlplane.serve.authorization_view import AuthorizationView
from controlplane.serve.mesh_trust import MeshTrust
from controlplane.serve.object_view import meant_kinds
from controlplane.serve.origins import (
    config_part,
    every_origin,
    origin_by_object,
    origin_for,
    shown_idle,
    shown_origin,
)
from controlplane.serve.report import diagnosis, finding
from controlplane.serve.shown_objects import ShownObjects, declared_at
from controlplane.serve.snapshot_cache import SnapshotCache
from controlplane.serve.statuses import Statuses
from controlplane.serve.workload_view import WorkloadView
from controlplane.tls.state import LiveTls
from controlplane.xds.connections import Connections

PARTS: Final = {
    TypeUrl.LISTENER: "listeners",
    TypeUrl.ROUTE: "routes",
    TypeUrl.CLUSTER: "clusters",
    TypeUrl.ENDPOINT: "endpoints",
    TypeUrl.SECRET: "secrets",
    TypeUrl.EXTENSION: "extensions",
}
TRIES: Final = 3  # of showing a proxy's configuration, while edits come in between
_INBOUND: Final = "inbound|"  # how the clusters of a workload's own ports are named
_TYPES: Final = {type_url.name.lower(): type_url for type_url in TypeUrl}


def _no_secrets(_: Proxy) -> Mapping[str, Resource]:
    return {}


class LiveOverview:
    """Reads the engine and the connections; changes nothing."""

    def __init__(
        self,
        engine: Engine,
        snapshots: SnapshotCache,
        connections: Connections,
        metrics: Metrics,
        tls: LiveTls,
        mesh_trust: MeshTrust | None = None,
        registered: Callable[[], Iterable[RegisteredWorkload]] = tuple,
        statuses: Statuses | None = None,
        runners: Callable[[], Iterable[ConnectedRunner]] = tuple,
    ) -> None:
        self._engine = engine
        self._snapshots = snapshots
        self._connections = connections
        self._metrics = metrics
        self._tls = tls
        self._mesh_trust = mesh_trust
        own_secrets = mesh_trust.own_secrets if mesh_trust is not None else _no_secrets
        self._workloads = WorkloadView(engine, own_secrets)
        self._registered = registered
        self._runners = runners
        statuses = statuses or Statuses(engine, connections, lambda: datetime.now(UTC))
        self._shown_objects = ShownObjects(engine, statuses)
        metrics.look_up(
            connections=lambda: len(connections),
            services=lambda: engine.count(SERVICE) + engine.count(SERVICE_ENTRY),
            virtual_services=lambda: engine.count(VIRTUAL_SERVICE),
            objects=lambda: engine.object_count,
            refused=lambda: sum(d.is_refused for d in engine.declarations()),
            held=lambda: len(engine.held_removals),
            registered=lambda: sum(1 for _ in registered()),
            kinds=lambda: {kind: engine.count(kind) for kind in SERVED},
        )

    def ready(self) -> bool:
        return self._snapshots.ready.is_set()

    def status(self) -> Status:
        proxies = {(str(p.namespace), p.name): p for p in self._connections.proxies}
        found = _OriginsOfTypes(self._engine)
        return Status(
            ready=self.ready(),
            revision=self._engine.revision,
            objects=self._engine.object_count,
            refused=sum(d.is_refused for d in self._engine.declarations()),
            waiting=len(self._engine.waiting),
            waiting_objects=tuple(str(key) for key in self._engine.waiting),
            held_removals=tuple(str(key) for key in self._engine.held_removals),
            idle_gateways=tuple(map(self._declared, self._idle_gateways())),
            proxies=tuple(
                self._shown(s, proxies.get((s.namespace, s.name)), found)
                for s in self._connections.states()
            ),
            authority=self._mesh_trust.status() if self._mesh_trust is not None else None,
            registered=tuple(self._registered()),
            runners=tuple(self._runners()),
        )

    def _shown(
        self, status: ProxyStatus, proxy: Proxy | None, found: "_OriginsOfTypes"
    ) -> ShownProxy:
        rejected = self._rejected(status, proxy, found)
        if proxy is None:
            return ShownProxy(proxy=status, rejected=rejected)
        return ShownProxy(
            proxy=status,
            rejected=rejected,
            group=self._workloads.group(proxy),
            mtls=self._workloads.mtls(proxy),
            certificate_ends=self._workloads.certificate_ends(proxy),
        )

    def _idle_gateways(self) -> list[ObjectKey]:
        """The Gateways that no connected proxy is selected by."""
        connected = connected_gateways(self._engine.graph)
        served = {key for gateway in connected for key in gateway.instance.gateways}
        return sorted(g.key for g in self._engine.objects(GATEWAY) if g.key not in served)

    async def config(self, proxy: str, part: str) -> ProxyConfig | None:
        """Where edits come all the time, the last try is shown, in which origins may be newer than
        the resources.
        """
        found = next(
            (p for p in self._connections.proxies if proxy in (p.name, f"{p.name}.{p.namespace}")),
            None,
        )
        if found is None:
            return None
        for _ in range(TRIES):
            shown = await self._config(found, part)
            if shown.revision == self._engine.revision:
                break
        return shown

    async def _config(self, proxy: Proxy, part: str) -> ProxyConfig:
        engine, revision = self._engine, self._engine.revision
        view = engine.view(proxy)
        parts: dict[str, tuple[ConfigResource, ...]] = {}
        for type_url, shelf in engine.resources(view):
            if part not in (PARTS[type_url], "all"):
                continue
            slices = origin_slices(engine.graph, view, type_url)
            origins = joined([slice_ async for slice_ in paced(slices)])
            named = dict.fromkeys(o for found in origins.values() for o in every_origin(found))
            shown = {o: located async for o, located in paced(self._located(proxy, named))}
            parts[PARTS[type_url]] = await asyncio.to_thread(_shown, shelf, origins, shown)
        return ProxyConfig(
            proxy=f"{proxy.name}.{proxy.namespace}",
            role=proxy.role.value,
            service_account=proxy.service_account,
            labels=dict(proxy.labels),
            addresses=proxy.addresses,
            revision=revision,
            idle_patches=self._idle_patches(view) if part == "all" else UNSET,
            **parts,
        )

    def _idle_patches(self, view: ProxyView) -> tuple[IdlePatch, ...] | UnsetType:
        """Unset where there is none, as with most proxies."""
        idle = idle_patches(self._engine.graph, view)
        return tuple(shown_idle(self._engine, view, each) for each in idle) or UNSET

    async def workload(self, name: str) -> Workload | None:
        """Where edits come in between, origins may be newer than the resources."""
        proxy = self._sidecar(name)
        if proxy is None:
            return None
        listeners = (await self._config(proxy, "listeners")).listeners or ()
        inbound = tuple(each for each in listeners if _is_inbound(each))
        names = {each.name for each in inbound}
        view = self._engine.view(proxy)
        objects_in, objects_out = set[ObjectKey](), set[ObjectKey]()
        for type_url in (TypeUrl.LISTENER, TypeUrl.ROUTE, TypeUrl.CLUSTER):
            slices = origin_slices(self._engine.graph, view, type_url)
            for made in joined([slice_ async for slice_ in paced(slices)]).values():
                is_inbound = made.name in names or made.name.startswith(_INBOUND)
                objects = objects_in if is_inbound else objects_out
                found = (origin_for(self._engine, proxy, o) for o in every_origin(made))
                objects.update(o.object for o in found if isinstance(o, FieldRef))
        shown = self._workloads.described(proxy, inbound, objects_in, objects_out)
        return replace(shown, idle_patches=self._idle_patches(view) or ())

    def authorization(self, name: str, call: AskedCall | None) -> WorkloadAuthorization | None:
        view = AuthorizationView(self._engine, datetime.now(UTC))
        named = (
            p for p in self._connections.proxies if name in (p.name, f"{p.name}.{p.namespace}")
        )
        connected = next(named, None) or self._sidecar(name)
        proxy = connected or view.declared(name)
        if proxy is None:
            return None
        return view.shown(proxy, call, is_connected=connected is not None)

    def _sidecar(self, name: str) -> Proxy | None:
        """The connected sidecar of a name, or the first of a WorkloadGroup."""
        sidecars = [p for p in self._connections.proxies if p.role is Role.SIDECAR]
        named = (p for p in sidecars if name in (p.name, f"{p.name}.{p.namespace}"))
        grouped = (
            p
            for p in sidecars
            if name in ((group := self._workloads.group(p)), f"{group}.{p.namespace}") and group
        )
        return next(named, None) or next(grouped, None)

    async def diagnostics(self) -> Diagnosis:
        found = (finding(self._engine, d) for d in self._engine.diagnostics())
        return diagnosis(self._engine, [each async for each in paced(found)])

    async def tls(self) -> TlsState:
        return await self._tls.state(self._connections.proxies)

    async def objects(self) -> tuple[ListedObject, ...]:
        return tuple([each async for each in paced(map(self._listed, self._keys()))])

    async def objects_of(self, kind: str) -> ObjectsOfKind | None:
        keys = self._keys()
        kinds = meant_kinds(kind, {key.kind for key in keys})
        if not kinds:
            return None
        listed = paced(self._of_kind(key) for key in keys if key.kind in kinds)
        return ObjectsOfKind(objects=tuple([each async for each in listed]))

    def _keys(self) -> list[ObjectKey]:
        """Of every object that is declared or in force."""
        declared = (d.key for d in self._engine.declarations())
        return sorted({*declared, *(raw.key for raw in self._engine.accepted())})

    def _of_kind(self, key: ObjectKey) -> KindObject:
        listed, kind = self._listed(key), key.kind
        return KindObject(
            object=listed.object,
            path=listed.path,
            line=listed.line,
            in_force=listed.in_force,
            refused=listed.refused,
            kind=f"{kind.name}.{kind.group}".lower().removesuffix("."),
        )

    def object(self, kind: str, namespace: str, name: str) -> FoundObjects | None:
        return self._shown_objects.found(kind, namespace, name)

    def gateways(self) -> Gateways:
        return self._shown_objects.gateways()

    def metrics(self) -> tuple[bytes, str]:
        return self._metrics.exposition()

    def _rejected(
        self, status: ProxyStatus, proxy: Proxy | None, found: "_OriginsOfTypes"
    ) -> tuple[RejectedResource, ...]:
        refused = [(t.type, r) for t in status.types for r in t.rejections]
        if not refused:
            return ()
        try:
            view = self._engine.view(proxy) if proxy is not None else None
        except NotComputed:
            view = None
        return tuple(
            RejectedResource(
                type=type_,
                name=rejection.name,
                error=rejection.error,
                origins=found.of(view, _TYPES[type_], rejection.name) if view is not None else (),
            )
            for type_, rejection in refused
        )

    def _located(
        self, proxy: Proxy, named: Iterable[provenance.Origin]
    ) -> Iterator[tuple[provenance.Origin, Origin]]:
        for origin in named:
            yield origin, shown_origin(self._engine, origin_for(self._engine, proxy, origin))

    def _declared(self, key: ObjectKey) -> DeclaredObject:
        return declared_at(self._engine, key)

    def _listed(self, key: ObjectKey) -> ListedObject:
        declared = self._declared(key)
        return ListedObject(
            object=declared.object,
            path=declared.path,
            line=declared.line,
            in_force=self._engine.object(key) is not None,
            refused=self._engine.is_refused(key),
        )


@dataclass(slots=True)
class _OriginsOfTypes:
    """Looks up origins by resource; those of a type are computed once for all proxies of a view."""

    engine: Engine
    _known: dict[tuple[ProxyView, TypeUrl], Mapping[str, Provenance]] = field(default_factory=dict)

    def of(self, view: ProxyView, type_url: TypeUrl, name: str) -> tuple[Origin, ...]:
        """A field of each object that a resource came from."""
        known = self._known.get((view, type_url))
        if known is None:
            known = origins_by_name(self.engine.graph, view, type_url)
            self._known[view, type_url] = known
        found = known.get(name)
        return origin_by_object(self.engine, found) if found is not None else ()


def _is_inbound(listener: ConfigResource) -> bool:
    return listener.resource.get("traffic_direction") == "INBOUND"


def _shown(
    shelf: Mapping[str, Resource],
    origins: Mapping[str, Provenance],
    shown: Mapping[provenance.Origin, Origin],
) -> tuple[ConfigResource, ...]:
    """The resources of a type. Reads values alone, so it may run in a thread."""
    return tuple(_config_resources(shelf, origins, shown))


def _config_resources(
    shelf: Mapping[str, Resource],
    origins: Mapping[str, Provenance],
    shown: Mapping[provenance.Origin, Origin],
) -> Iterator[ConfigResource]:
    for name in sorted(shelf):
        found = config_part(origins.get(name, Provenance(name=name, origins=())), shown)
        yield ConfigResource(
            name=name,
            version=shelf[name].version,
            resource=shown_json(_unpacked(shelf[name])),
            origins=found.origins,
            parts=found.parts,
        )


def _unpacked(resource: Resource) -> Message:
    found = packed(resource)
    kind = message_type(found.type_url.rpartition("/")[2])
    assert kind is not None, "a resource is of a type that envoy encodes"
    message = message_factory.GetMessageClass(kind)()
    message.ParseFromString(found.value)
    return message
