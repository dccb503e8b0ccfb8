"""``--lean`` leaves out of routes what no answer depends on: the name of their VirtualService."""

from collections.abc import Iterator
from pathlib import Path

from envoy.config.route.v3.route_components_pb2 import Route
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.envoy.resource import TypeUrl, packed
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Proxy, Role
from controlplane.queries.snapshot.origins import origins_by_name
from tests.support.cases import NOW
from tests.support.routes import GATEWAY, SERVICES, virtual_service

MESH = GATEWAY + SERVICES + virtual_service("[{route: [{destination: {host: shop}}]}]")
INGRESS = Proxy(
    name="ingressgateway",
    role=Role.GATEWAY,
    namespace=Namespace("istio-system"),
    service_account="ingressgateway",
    labels=(("istio", "ingressgateway"),),
)


def engine(*, lean: bool) -> Engine:
    made = Engine(MeshConfig(), now=NOW, lean=lean)
    made.apply([(Path("mesh.yaml"), MESH)])
    return made


def routes(made: Engine) -> Iterator[Route]:
    for table in made.resources(made.view(INGRESS)).routes.values():
        for host in RouteConfiguration.FromString(packed(table).value).virtual_hosts:
            yield from host.routes


def test_a_lean_route_differs_in_its_metadata_alone() -> None:
    (whole,), (lean,) = routes(engine(lean=False)), routes(engine(lean=True))

    assert dict(whole.metadata.filter_metadata["istio"]) == {
        "config": "/apis/networking.istio.io/v1/namespaces/default/virtual-service/shop"
    }
    assert not lean.HasField("metadata")
    whole.ClearField("metadata")
    assert lean == whole


def test_a_lean_route_still_knows_its_rule() -> None:
    made = engine(lean=True)
    found = origins_by_name(made.graph, made.view(INGRESS), TypeUrl.ROUTE)

    (route,) = found["http.8080"].parts[0].parts
    assert list(map(str, route.origins)) == ["VirtualService/default/shop.spec.http[0]"]
