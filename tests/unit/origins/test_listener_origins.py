"""Which fields a listener and its chains come from."""

from controlplane.envoy.resource import TypeUrl
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.queries.snapshot.origins import origins_by_name
from tests.support.declared import Declared

GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, credentialName: shop}
  - port: {number: 443, name: tls, protocol: TLS}
    hosts: [raw.example.com]
    tls: {mode: PASSTHROUGH}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: raw, namespace: default}
spec:
  hosts: [raw.example.com]
  gateways: [istio-system/gw]
  tls:
  - match: [{sniHosts: [raw.example.com]}]
    route: [{destination: {host: raw, port: {number: 443}}}]
---
"""


def test_a_listener_comes_from_servers_and_rules_and_each_chain_from_its_own() -> None:
    declared = Declared(GATEWAY, mesh=MeshConfig(access_log_file="/dev/stdout"))

    (listener,) = origins_by_name(declared.graph, declared.view(), TypeUrl.LISTENER).values()

    assert {part.name: list(map(str, part.origins)) for part in listener.parts} == {
        "shop.example.com": ["Gateway/istio-system/gw.spec.servers[0]"],
        "raw.example.com": [
            "VirtualService/default/raw.spec.tls[0].match[0].sniHosts",
            "Gateway/istio-system/gw.spec.servers[1]",
        ],
    }
    assert list(map(str, listener.origins)) == [
        "Gateway/istio-system/gw.spec.servers[0]",
        "VirtualService/default/raw.spec.tls[0].match[0].sniHosts",
        "Gateway/istio-system/gw.spec.servers[1]",
        "MeshConfig//mesh.accessLogFile",
    ]
