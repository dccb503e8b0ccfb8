"""The admin interface's ``Overview``: what is shown of a running control plane."""

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Final

from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf import message_factory
from google.protobuf.message import Message

from controlplane.admin.metrics import Metrics
from controlplane.admin.view import ConfigResource
from controlplane.admin.view import DeclaredObject
from controlplane.admin.view import Diagnosis
from controlplane.admin.view import ProxyConfig
from controlplane.admin.view import ProxyStatus
from controlplane.admin.view import RejectedResource
from controlplane.admin.view import Rejection
from controlplane.admin.view import RuleOrigin
from controlplane.admin.view import ShownProxy
from controlplane.admin.view import Status
from controlplane.admin.view import TlsState
from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.diagnosis import diagnosis
from controlplane.engine import Engine
from controlplane.envoy.descriptors import message_type
from controlplane.envoy.redact import shown_json
from controlplane.envoy.resource import Resource
from controlplane.envoy.resource import TypeUrl
from controlplane.envoy.resource import packed
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE
from controlplane.model.proxy import Proxy
from controlplane.model.proxy_view import ProxyView
from controlplane.provenance import rule_spots
from controlplane.snapshot_cache import SnapshotCache
from controlplane.tls.state import LiveTls
from controlplane.xds.connections import Connections

PARTS: Final = {
    TypeUrl.LISTENER: "listeners",
    TypeUrl.ROUTE: "routes",
    TypeUrl.CLUSTER: "clusters",
    TypeUrl.ENDPOINT: "endpoints",
    TypeUrl.SECRET: "secrets",
}


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
        sources = self._sources(view)
        shelves = dict(self._engine.resources(view))
        parts = {
            name: tuple(
                self._shown(shelves[type_url][resource], sources)
                for resource in sorted(shelves[type_url])
            )
            for type_url, name in PARTS.items()
            if part in (name, "all")
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
        self, resource: Resource, sources: Mapping[Resource, tuple[DeclaredObject, ...]]
    ) -> ConfigResource:
        message = _unpacked(resource)
        rules: tuple[RuleOrigin, ...] = ()
        if isinstance(message, RouteConfiguration):
            rules = tuple(rule_spots(self._engine, message))
        return ConfigResource(
            name=resource.name,
            version=resource.version,
            resource=shown_json(message),
            sources=sources.get(resource, ()),
            rules=rules,
        )

    def _rejected(self, status: ProxyStatus, proxy: Proxy | None) -> tuple[RejectedResource, ...]:
        refused = [(t.type, r) for t in status.types for r in t.rejections]
        if not refused:
            return ()
        sources = self._sources(self._engine.view(proxy)) if proxy is not None else {}
        return tuple(_rejected(type_, r, sources) for type_, r in refused)

    def _sources(self, view: ProxyView) -> dict[Resource, tuple[DeclaredObject, ...]]:
        return {
            resource: tuple(s for key in keys for s in self._source(key))
            for resource, keys in self._engine.sources(view)
        }

    def _source(self, key: ObjectKey) -> Iterator[DeclaredObject]:
        location = self._engine.location(FieldRef(key))
        if location is not None:
            yield DeclaredObject(object=str(key), path=str(location.path), line=location.line)


def _rejected(
    type_: str, rejection: Rejection, sources: Mapping[Resource, tuple[DeclaredObject, ...]]
) -> RejectedResource:
    found = next((s for r, s in sources.items() if r.name == rejection.name), ())
    return RejectedResource(type=type_, name=rejection.name, error=rejection.error, sources=found)


def _unpacked(resource: Resource) -> Message:
    found = packed(resource)
    kind = message_type(found.type_url.rpartition("/")[2])
    assert kind is not None, "a resource is of a type that envoy encodes"
    message = message_factory.GetMessageClass(kind)()
    message.ParseFromString(found.value)
    return message
