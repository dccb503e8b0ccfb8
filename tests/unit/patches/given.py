"""A gateway and a sidecar whose configuration is patched."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import yaml
from google.protobuf.json_format import MessageToDict

from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.envoy.resource import Resource, packed
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Proxy, Role
from controlplane.queries.snapshot.snapshot import Resources

NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
MESH: Final = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: ["*"]
  - port: {number: 9000, name: tcp, protocol: TCP}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default}
spec:
  hosts: [shop.example.com]
  gateways: [istio-system/gw]
  http:
  - name: api
    match: [{uri: {prefix: /api}}]
    route: [{destination: {host: shop}}]
  - name: moved
    match: [{uri: {prefix: /moved}}]
    redirect: {uri: /api}
  tcp:
  - match: [{port: 9000}]
    route: [{destination: {host: shop, port: {number: 80}}}]
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: default}
spec:
  clusterIP: 10.0.0.5
  selector: {app: shop}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: shop, namespace: default}
spec: {address: 10.1.0.1, labels: {app: shop}}
"""
GATEWAY: Final = Proxy(
    name="ingress",
    role=Role.GATEWAY,
    namespace=Namespace("istio-system"),
    service_account="ingress",
    labels=(("istio", "ingressgateway"),),
    addresses=("10.9.0.1",),
    node_metadata=(("ISTIO_VERSION", "1.31.0"), ("REGION", "north")),
)
SIDECAR: Final = Proxy(
    name="shop",
    role=Role.SIDECAR,
    namespace=Namespace("default"),
    service_account="shop",
    labels=(("app", "shop"),),
    addresses=("10.1.0.1",),
)
HCM: Final = "envoy.filters.network.http_connection_manager"
TYPES: Final = "type.googleapis.com/envoy.extensions.filters."
LUA: Final = {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
    "default_source_code": {"inline_string": "-- nothing"},
}


def envoy_filter(
    *patches: dict[str, Any], name: str = "patch", namespace: str = "istio-system", **spec: Any
) -> str:
    body = {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"configPatches": list(patches), **spec},
    }
    return yaml.safe_dump(body)


def patch(
    apply_to: str,
    operation: str,
    value: dict[str, Any] | None = None,
    match: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "applyTo": apply_to,
        "match": match or {},
        "patch": {"operation": operation, **({"value": value} if value is not None else {})},
    }


class Patched:
    """An engine with a mesh and EnvoyFilters."""

    other = Path("other.yaml")

    def __init__(self, *filters: str) -> None:
        self.engine = Engine(MeshConfig(), now=NOW)
        self.engine.apply([(Path("mesh.yaml"), MESH)])
        self.edit(*filters)

    def edit(self, *filters: str) -> None:
        self.engine.apply([(Path("filters.yaml"), "\n---\n".join(filters))])

    def resources(self, proxy: Proxy = GATEWAY) -> Resources:
        self.engine.connected.join(proxy)
        view = self.engine.view(proxy)
        self.engine.connected.hold(view)
        return self.engine.resources(view)

    def listener(self, name: str = "0.0.0.0_8080", proxy: Proxy = GATEWAY) -> dict[str, Any]:
        return plain(self.resources(proxy).listeners[name])

    def manager(self, name: str = "0.0.0.0_8080", proxy: Proxy = GATEWAY) -> dict[str, Any]:
        """The HTTP connection manager of the first chain."""
        found = next(f for f in self.listener(name, proxy)["filter_chains"][0]["filters"])
        assert found["name"] == HCM
        manager: dict[str, Any] = found["typed_config"]
        return manager

    def http_filters(self) -> list[str]:
        """By name, without the one that Istio's own build of Envoy does not need."""
        names = [each["name"] for each in self.manager()["http_filters"]]
        return [name for name in names if name != "envoy.filters.http.set_filter_state"]

    def table(self, name: str = "http.8080", proxy: Proxy = GATEWAY) -> dict[str, Any]:
        return plain(self.resources(proxy).routes[name])

    def cluster(
        self,
        name: str = "outbound|80||shop.default.svc.cluster.local",
        proxy: Proxy = GATEWAY,
    ) -> dict[str, Any]:
        return plain(self.resources(proxy).clusters[name])

    def reported(self) -> list[str]:
        while self.engine.analyse():
            pass
        found = sorted(
            f"{d.code} {d.place}" for d in self.engine.diagnostics() if d.code.id != "CP0233"
        )
        return [each for each in found if "EnvoyFilter" in each]


def plain(resource: Resource) -> dict[str, Any]:
    found: dict[str, Any] = MessageToDict(packed(resource), preserving_proto_field_name=True)
    return found
