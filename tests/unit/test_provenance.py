"""Routes are led back to the lines of their rules."""

from datetime import UTC
from datetime import datetime
from pathlib import Path

from envoy.config.route.v3.route_pb2 import RouteConfiguration

from controlplane.base.names import Namespace
from controlplane.engine import Engine
from controlplane.envoy.resource import packed
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import ResolvedProxy
from controlplane.model.proxy import Role
from controlplane.provenance import rule_spots
from controlplane.queries.views import proxy_view

MESH = b"""\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front}
spec:
  selector: {app: front}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  hosts: [shop.example]
  gateways: [front]
  http:
  - match:
    - uri: {exact: /a}
      port: 9999
    directResponse: {status: 200}
  - name: both
    match:
    - uri: {exact: /a}
    - uri: {prefix: /b}
      name: second
    directResponse: {status: 200}
  - directResponse: {status: 404}
"""


def table(engine: Engine) -> RouteConfiguration:
    labels = (("app", "front"),)
    proxy = ResolvedProxy(role=Role.GATEWAY, namespace=Namespace("default"), labels=labels)
    (resource,) = engine.resources(proxy_view(engine.graph, proxy)).routes.values()
    return RouteConfiguration.FromString(packed(resource).value)


def test_each_route_is_found_at_its_rule_though_some_rules_have_none() -> None:
    engine = Engine(MeshConfig(), now=datetime(2026, 1, 1, tzinfo=UTC))
    engine.apply([(Path("shop.yaml"), MESH)])

    locations = [(s.virtual_host, s.route, s.line) for s in rule_spots(engine, table(engine))]

    assert locations == [
        ("shop.example:80", 0, 21),
        ("shop.example:80", 1, 21),
        ("shop.example:80", 2, 27),
    ]
