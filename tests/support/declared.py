"""A graph that holds what some YAML declares, and readers for what comes out of it."""

from datetime import datetime
from pathlib import Path
from typing import Any

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse
from google.protobuf.json_format import MessageToDict

from controlplane.base.diagnostics import Diagnostic, Report
from controlplane.base.names import Namespace
from controlplane.documents.content import file_objects
from controlplane.envoy.resource import Resource
from controlplane.graph import Graph
from controlplane.kinds.decode import decode
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY, MeshConfig
from controlplane.model.proxy import ResolvedProxy, Role
from controlplane.model.proxy_view import GatewayInstance, ProxyView
from controlplane.queries.analysis.roots import roots
from controlplane.queries.inputs.clock import CLOCK
from controlplane.queries.inputs.mesh import MESH_CONFIG
from controlplane.queries.inputs.objects import Objects
from controlplane.queries.snapshot.snapshot import Resources, resources
from controlplane.queries.views.views import proxy_view

INGRESS = ResolvedProxy(
    role=Role.GATEWAY, namespace=Namespace("istio-system"), labels=(("istio", "ingressgateway"),)
)


class Declared:
    """What was declared; ``edit`` puts objects in the place of those of the same name."""

    def __init__(self, text: str, *, mesh: MeshConfig | None = None, now: datetime | None = None):
        self.graph = Graph()
        self._objects = Objects(self.graph)
        self.graph.edit()
        self.graph.set(MESH_CONFIG, "mesh", mesh or MeshConfig())
        self.graph.set(CLOCK, "clock", now)
        self.put(text)

    def edit(self, text: str) -> None:
        self.graph.edit()
        self.put(text)

    def put(self, text: str) -> None:
        report = Report()
        content = file_objects(Path("input.yaml"), text)
        assert not content.diagnostics, content.diagnostics
        for raw in content.objects:
            declared = decode(raw, report)
            assert declared is not None, list(report)
            self._objects.put(declared)
        self._objects.settle()

    def remove(self, text: str) -> None:
        self.graph.edit()
        for raw in file_objects(Path("input.yaml"), text).objects:
            self._objects.remove(raw.key)
        self._objects.settle()

    def view(self, proxy: ResolvedProxy = INGRESS) -> ProxyView:
        return proxy_view(self.graph, proxy)

    def instance(self, proxy: ResolvedProxy = INGRESS) -> GatewayInstance:
        """What the listeners of a gateway depend on."""
        found = self.view(proxy).gateway
        assert found is not None, "the proxy is a gateway"
        return found

    def resources(self, proxy: ResolvedProxy = INGRESS) -> Resources:
        return self.resources_of(self.view(proxy))

    def resources_of(self, view: ProxyView) -> Resources:
        found = resources(self.graph, view)
        assert found is not None, "nobody listens to faults, so they are raised"
        return found

    def listeners(self, proxy: ResolvedProxy = INGRESS) -> dict[str, dict[str, Any]]:
        """The listeners of a proxy by name, as Envoy's JSON."""
        return self.listeners_of(self.view(proxy))

    def listeners_of(self, view: ProxyView) -> dict[str, dict[str, Any]]:
        found = self.resources_of(view).listeners
        return {name: plain(found[name]) for name in sorted(found)}

    def clusters(self, proxy: ResolvedProxy = INGRESS) -> dict[str, dict[str, Any]]:
        """The clusters of a proxy by name, as Envoy's JSON."""
        return self.clusters_of(self.view(proxy))

    def clusters_of(self, view: ProxyView) -> dict[str, dict[str, Any]]:
        found = self.resources_of(view).clusters
        return {name: plain(found[name]) for name in sorted(found)}

    def endpoints(self, proxy: ResolvedProxy = INGRESS) -> dict[str, list[dict[str, Any]]]:
        """The endpoint groups of each cluster that is sent them, as Envoy's JSON."""
        found = self.resources(proxy).endpoints
        assignments = {name: plain(found[name]) for name in sorted(found)}
        return {name: message.get("endpoints", []) for name, message in assignments.items()}

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What the analyses of all objects, and of MeshConfig, find, each once."""
        keys = (*sorted(self._objects.keys()), MESH_CONFIG_KEY)
        found = (d for key in keys for root in roots(key.kind) for d in root(self.graph, key))
        return tuple(dict.fromkeys(found))

    def reported(self) -> set[str]:
        """Code and place of everything that the analyses find."""
        return {f"{found.code} {found.place}" for found in self.diagnostics()}


def plain(resource: Resource) -> dict[str, Any]:
    packed = DeltaDiscoveryResponse.FromString(resource.framed).resources[0].resource
    plain: dict[str, Any] = MessageToDict(packed, preserving_proto_field_name=True)
    del plain["@type"]
    return plain
