"""Origins as ``config`` and ``status`` show them: with files and lines."""

from pathlib import Path

from msgspec.structs import asdict

from controlplane.admin.view import ConfigPart, Origin
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace
from controlplane.base.provenance import BuiltIn, Provenance
from controlplane.engine.engine import Engine
from controlplane.envoy.resource import TypeUrl
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Proxy, Role
from controlplane.queries.snapshot.origins import origins_by_name
from controlplane.serve.origins import config_part, every_origin, origin_by_object, shown_origin
from tests.support.cases import NOW

GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {app: front}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*"]
"""
SHOP = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default}
spec:
  hosts: [shop.example]
  gateways: [istio-system/gw]
  http:
  - match:
    - uri: {exact: /a}
    - uri: {prefix: /b}
    directResponse: {status: 200}
  - route: [{destination: {host: shop.example}}]
"""
CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |-
    rootNamespace: istio-system
    defaultHttpRetryPolicy:
      attempts: 5
"""
FRONT = Proxy(
    name="front",
    role=Role.GATEWAY,
    namespace=Namespace("istio-system"),
    service_account="front",
    labels=(("app", "front"),),
)


def engine() -> Engine:
    made = Engine(MeshConfig(), now=NOW)
    made.read_mesh(Path("mesh.yaml"), CONFIG_MAP)
    made.apply([(Path("gateway.yaml"), GATEWAY), (Path("shop.yaml"), SHOP)])
    return made


def lines(part: ConfigPart) -> list[str]:
    return [f"{origin.path}:{origin.line}" for origin in part.origins]


def shown(made: Engine, found: Provenance) -> dict[FieldRef | BuiltIn, Origin]:
    return {origin: shown_origin(made, origin) for origin in every_origin(found)}


def test_every_origin_has_its_file_and_line() -> None:
    made = engine()
    (found,) = origins_by_name(made.graph, made.view(FRONT), TypeUrl.ROUTE).values()

    table = config_part(found, shown(made, found))

    (host,) = table.parts
    assert lines(table) == ["gateway.yaml:7"]
    assert lines(host) == ["shop.yaml:5", "gateway.yaml:8"]
    assert [lines(route) for route in host.parts] == [
        ["shop.yaml:9", "shop.yaml:8"],
        ["shop.yaml:10", "shop.yaml:8"],
        ["shop.yaml:12", "mesh.yaml:7"],
    ]
    assert asdict(host.parts[2].origins[1]) == asdict(
        Origin(object="MeshConfig", field="defaultHttpRetryPolicy", path="mesh.yaml", line=7)
    )


def test_a_rejected_resource_has_a_line_of_each_object_its_own_first() -> None:
    made = engine()
    (found,) = origins_by_name(made.graph, made.view(FRONT), TypeUrl.ROUTE).values()

    assert [(o.object, o.field) for o in origin_by_object(made, found)] == [
        ("Gateway/istio-system/gw", "spec.servers[0]"),
        ("VirtualService/default/shop", "spec.hosts[0]"),
        ("MeshConfig", "defaultHttpRetryPolicy"),
    ]


def test_what_is_built_in_says_so_and_has_no_file() -> None:
    made = engine()
    (found,) = origins_by_name(made.graph, made.view(FRONT), TypeUrl.CLUSTER).values()

    assert config_part(found, shown(made, found)).origins == (
        Origin(built_in="the cluster for requests without a destination"),
    )
