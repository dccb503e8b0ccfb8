"""One service behind a gateway, for tests of what is done to its requests."""

from typing import Final

from tests.support.mesh import Mesh

ADDRESS: Final = "127.1.9.1"
SHOP: Final = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: ["*"]
  - port: {number: 8082, name: http-other, protocol: HTTP}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default}
spec:
  hosts: ["*"]
  gateways: [istio-system/gw]
  http: [{route: [{destination: {host: shop}}]}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: shop, namespace: default}
spec:
  hosts: [shop.default.svc.cluster.local]
  location: MESH_INTERNAL
  ports: [{number: 80, targetPort: 9080, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 127.1.9.1}]
---
"""


def with_shop(mesh: Mesh) -> Mesh:
    """``mesh`` with the service's workload, whose name upstream is ``shop``."""
    mesh.upstreams.add("shop", ADDRESS, 9080)
    return mesh
