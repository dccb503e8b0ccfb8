"""What calls a workload, through a real sidecar that intercepts it."""

import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.mesh_network import on, ran
from tests.support.sidecar_mesh import SidecarMesh, sidecar_mesh

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
STREAM = """
apiVersion: v1
kind: Service
metadata: {name: stream, namespace: default}
spec:
  clusterIP: 10.96.0.2
  selector: {app: app}
  ports: [{name: tcp, port: 9001, targetPort: 9001}]
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


def asked(mesh: SidecarMesh, *options: str) -> dict[str, Any]:
    """What the workload saw of a request that the client sends through both sidecars."""
    done = ran(mesh.client, "curl", "-sS", "--max-time", "10", *options, "http://10.96.0.1/")
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
def test_a_sidecar_says_in_mutual_tls_which_http_is_inside(tmp_path: Path) -> None:
    with sidecar_mesh(tmp_path, STRICT + APP) as mesh:
        mesh.upstreams.add("app", mesh.host.address, 8000)

        for option, version in (("--http1.1", "HTTP/1.1"), ("--http2-prior-knowledge", "HTTP/2")):
            seen = asked(mesh, option)
            assert seen["protocol"] == version
            assert seen["headers"]["x-forwarded-client-cert"].startswith(PEER), seen

        with on(mesh.client), socket.create_connection(("10.96.0.1", 80), timeout=10) as client:
            client.sendall(b"\x01not HTTP\r\n")
            assert client.recv(100) == b"app:\x01not HTTP\r\n"


def service(name: str, port: str) -> str:
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec: {{clusterIP: 10.96.0.3, selector: {{app: app}}, ports: [{port}]}}
---
"""


def peers(mode: str, ports: str) -> str:
    return f"""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: app, namespace: default}}
spec: {{selector: {{matchLabels: {{app: app}}}}, mtls: {{mode: {mode}}}, portLevelMtls: {ports}}}
---
"""


LIMITS = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: app, namespace: default}
spec: {host: app, trafficPolicy: {connectionPool: {tcp: {maxConnections: 9}}}}
---
"""


def lives(client: socket.socket) -> bool:
    """Whether a stream still answers once what drains has gone."""
    client.settimeout(3)
    try:
        assert client.recv(100) == b""  # only the end of the stream comes by itself
    except TimeoutError:
        client.settimeout(10)
        client.sendall(b"still")
        return client.recv(100) == b"stream:still"
    except ConnectionError:
        pass
    return False


@contextmanager
def stream(address: str) -> Iterator[socket.socket]:
    with socket.create_connection((address, 9001), timeout=10) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"stream:hello"
        yield client


def test_a_long_stream_outlives_edits_of_what_is_beside_it(tmp_path: Path) -> None:
    with sidecar_mesh(tmp_path, APP + STREAM) as mesh:
        mesh.upstreams.add("stream", mesh.host.address, 9001)
        with stream(mesh.host.address) as client:
            for name, text in {
                "http.yaml": service("more", "{name: http, port: 80, targetPort: 8081}"),
                "sniffed.yaml": service("any", "{name: any, port: 80, targetPort: 8082}"),
                "peers.yaml": peers("STRICT", "{8000: {mode: STRICT}, 9001: {mode: PERMISSIVE}}"),
                "limits.yaml": LIMITS,
            }.items():
                mesh.edited(lambda name=name, text=text: mesh.write(name, text))
            assert lives(client)

            # Another port where a server may speak first changes what is looked at, everywhere.
            more = service("tcp", "{name: tcp, port: 1, targetPort: 1}")
            mesh.edited(lambda: mesh.write("tcp.yaml", more))
            assert not lives(client)
