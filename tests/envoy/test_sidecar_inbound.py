"""What calls a workload, through a real sidecar that intercepts it."""

import socket
from pathlib import Path

import pytest

from tests.support.sidecar_mesh import sidecar_mesh

pytestmark = pytest.mark.envoy

STRICT = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: default}
spec: {mtls: {mode: STRICT}}
---
"""
APP = """
apiVersion: v1
kind: Service
metadata: {name: app, namespace: default}
spec:
  clusterIP: 10.96.0.1
  selector: {app: app}
  ports: [{name: any, port: 80, targetPort: 8000}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: app, namespace: default}
spec: {address: ADDRESS, labels: {app: app}, serviceAccount: default}
---
"""
GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"]}
  - {port: {number: 9000, name: tcp, protocol: TCP}, hosts: ["*"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: app, namespace: default}
spec:
  hosts: ["*"]
  gateways: [istio-system/gw]
  http:
  - match: [{uri: {prefix: /weighted}}]
    route:
    - {destination: {host: app, port: {number: 80}}, weight: 50}
    - {destination: {host: app.default.svc.cluster.local, port: {number: 80}}, weight: 50}
  - route: [{destination: {host: app, port: {number: 80}}}]
  tcp: [{route: [{destination: {host: app, port: {number: 80}}}]}]
---
"""
PEER = "By=spiffe://cluster.local/ns/default/sa/default"


def test_a_gateway_says_in_mutual_tls_whether_http_is_inside(tmp_path: Path) -> None:
    with sidecar_mesh(tmp_path, STRICT + APP + GATEWAY) as mesh:
        mesh.upstreams.add("app", mesh.host.address, 8000)

        for path in ("/", "/weighted"):
            answer = mesh.until_upstream("app", f"http://app.example:8080{path}")
            # Only what was read as HTTP tells the workload whose certificate it was.
            headers = answer.seen["headers"]
            assert isinstance(headers, dict)
            assert headers["x-forwarded-client-cert"].startswith(PEER), answer.seen

        with socket.create_connection((mesh.workload.address, 9000), timeout=10) as client:
            client.sendall(b"\x01GET / HTTP/1.1\r\n")
            assert client.recv(100) == b"app:\x01GET / HTTP/1.1\r\n"
