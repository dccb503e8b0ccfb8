"""Which addresses the status of a Gateway shows: those of the proxies that serve it."""

from pathlib import Path

import pytest

from controlplane.base.names import Namespace, ObjectKey
from controlplane.engine.engine import Engine
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Proxy, Role, labels_of
from controlplane.serve.gateway_addresses import gateway_addresses
from tests.support.checked import NOW

MESH = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: shop}
spec:
  gatewayClassName: istio
  listeners: [{name: http, port: 8080, protocol: HTTP}]
"""
FRONT = ObjectKey(KUBERNETES_GATEWAY, Namespace("shop"), "front")


def proxy(address: str, *, gateway: str = "front", bind: str = "") -> Proxy:
    return Proxy(
        name=f"{gateway}-istio",
        role=Role.GATEWAY,
        namespace=Namespace("shop"),
        service_account=f"{gateway}-istio",
        labels=(("gateway.networking.k8s.io/gateway-name", gateway),),
        addresses=(address,),
        metadata=labels_of({"BIND_ADDRESS": bind}) if bind else (),
    )


@pytest.mark.parametrize(
    ("proxies", "addresses"),
    [
        ((), {}),
        ((proxy("10.0.0.7"),), {FRONT: ("10.0.0.7",)}),
        ((proxy("10.0.0.7", bind="127.0.1.1"),), {FRONT: ("127.0.1.1",)}),
        ((proxy("10.0.0.7", bind="0.0.0.0"),), {FRONT: ("10.0.0.7",)}),
        (
            (proxy("10.0.0.7"), proxy("10.0.0.8"), proxy("10.0.0.7")),
            {FRONT: ("10.0.0.7", "10.0.0.8")},
        ),
        ((proxy("10.0.0.7", gateway="other"),), {}),
    ],
    ids=["none", "its own", "where it is bound", "everywhere", "replicas", "another Gateway's"],
)
def test_addresses_of_a_gateway(
    proxies: tuple[Proxy, ...], addresses: dict[ObjectKey, tuple[str, ...]]
) -> None:
    engine = Engine(MeshConfig(), now=NOW)
    engine.apply([(Path("mesh.yaml"), MESH)])

    assert dict(gateway_addresses(engine, proxies)) == addresses
