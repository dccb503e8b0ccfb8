"""The admin interface's ``Overview``: what is shown of a running control plane."""

from collections.abc import Iterator, Mapping
from typing import Final

from google.protobuf import message_factory
from google.protobuf.message import Message

from controlplane.admin.metrics import Metrics
from controlplane.admin.view import (
    ConfigResource,
    DeclaredObject,
    Diagnosis,
    Origin,
    ProxyConfig,
    ProxyStatus,
    RejectedResource,
    ShownProxy,
    Status,
    TlsState,
)
from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.base.provenance import Provenance
from controlplane.engine.engine import Engine
from controlplane.engine.internal_errors import NotComputed
from controlplane.envoy.descriptors import message_type
from controlplane.envoy.redact import shown_json
from controlplane.envoy.resource import Resource, TypeUrl, packed
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE
from controlplane.model.proxy import Proxy
from controlplane.model.proxy_view import ProxyView
from controlplane.queries.snapshot.origins import origins_by_name
from controlplane.serve.origins import config_part, origin_by_object
from controlplane.serve.report import diagnosis
from controlplane.serve.snapshot_cache import SnapshotCache
from controlplane.tls.state import LiveTls
from controlplane.xds.connections import Connections

PARTS: Final = {
    TypeUrl.LISTENER: "listeners",
    TypeUrl.ROUTE: "routes",
    TypeUrl.CLUSTER: "clusters",
    TypeUrl.ENDPOINT: "endpoints",
    TypeUrl.SECRET: "secrets",
}
_TYPES: Final = {type_url.name.lower(): type_url for type_url in TypeUrl}


class LiveOverview:
    """Reads the engine and the connections; changes nothing."""

    def __init__(
        self,
        engine: Engine,
        snapshots: SnapshotCache,
        connections: Connections,
        metrics: Metrics,
        tls: LiveTls,
    ) -> None:
        self._engine = engine
        self._snapshots = snapshots
        self._connections = connections
        self._metrics = metrics
        self._tls = tls
        metrics.look_up(
            connections=lambda: len(connections),
            services=lambda: engine.count(SERVICE) + engine.count(SERVICE_ENTRY),
            virtual_services=lambda: engine.count(VIRTUAL_SERVICE),
            objects=lambda: engine.object_count,
            refused=lambda: sum(d.is_refused for d in engine.declarations()),
            held=lambda: len(engine.held_removals),
        )

    def ready(self) -> bool:
        return self._snapshots.ready.is_set()

    def status(self) -> Status:
        proxies = {(str(p.namespace), p.name): p for p in self._connections.proxies}
        return Status(
            ready=self.ready(),
            revision=self._engine.revision,
            objects=self._engine.object_count,
            refused=sum(d.is_refused for d in self._engine.declarations()),
            waiting=len(self._engine.waiting),
            held_removals=tuple(str(key) for key in self._engine.held_removals),
            proxies=tuple(
                ShownProxy(proxy=s, rejected=self._rejected(s, proxies.get((s.namespace, s.name))))
                for s in self._connections.states()
            ),
        )

    def config(self, proxy: str, part: str) -> ProxyConfig | None:
        found = next(
            (p for p in self._connections.proxies if proxy in (p.name, f"{p.name}.{p.namespace}")),
            None,
        )
        if found is None:
            return None
        view = self._engine.view(found)
        parts = {
            name: tuple(self._shown(view, type_url, shelf))
            for type_url, shelf in self._engine.resources(view)
            if part in ((name := PARTS[type_url]), "all")
        }
        return ProxyConfig(
            proxy=f"{found.name}.{found.namespace}",
            role=found.role.value,
            service_account=found.service_account,
            labels=dict(found.labels),
            addresses=found.addresses,
            revision=self._engine.revision,
            **parts,
        )

    def diagnostics(self) -> Diagnosis:
        return diagnosis(self._engine)

    async def tls(self) -> TlsState:
        return await self._tls.state(self._connections.proxies)

    def objects(self) -> tuple[DeclaredObject, ...]:
        keys = sorted({d.key for d in self._engine.declarations()})
        return tuple(s for key in keys for s in self._source(key))

    def metrics(self) -> tuple[bytes, str]:
        return self._metrics.exposition()

    def _shown(
        self, view: ProxyView, type_url: TypeUrl, shelf: Mapping[str, Resource]
    ) -> Iterator[ConfigResource]:
        origins = origins_by_name(self._engine.graph, view, type_url)
        for name in sorted(shelf):
            found = origins.get(name, Provenance(name=name, origins=()))
            shown = config_part(self._engine, found)
            yield ConfigResource(
                name=name,
                version=shelf[name].version,
                resource=shown_json(_unpacked(shelf[name])),
                origins=shown.origins,
                parts=shown.parts,
            )

    def _rejected(self, status: ProxyStatus, proxy: Proxy | None) -> tuple[RejectedResource, ...]:
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
                origins=self._origins(view, type_, rejection.name),
            )
            for type_, rejection in refused
        )

    def _origins(self, view: ProxyView | None, type_: str, name: str) -> tuple[Origin, ...]:
        """A field of each object that a resource came from."""
        found = (
            origins_by_name(self._engine.graph, view, _TYPES[type_]).get(name)
            if view is not None
            else None
        )
        return origin_by_object(self._engine, found) if found is not None else ()

    def _source(self, key: ObjectKey) -> Iterator[DeclaredObject]:
        location = self._engine.location(FieldRef(key))
        if location is not None:
            yield DeclaredObject(object=str(key), path=str(location.path), line=location.line)


def _unpacked(resource: Resource) -> Message:
    found = packed(resource)
    kind = message_type(found.type_url.rpartition("/")[2])
    assert kind is not None, "a resource is of a type that envoy encodes"
    message = message_factory.GetMessageClass(kind)()
    message.ParseFromString(found.value)
    return message
