"""Real connections to the listeners of Gateways: which of them answers, with which certificate, and
whom it admits.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.support.mesh import Mesh, Workload, running_mesh
from tests.support.pki import Authority

pytestmark = pytest.mark.envoy

ROOT, CLIENTS, STRANGERS = Authority("root"), Authority("clients"), Authority("strangers")
EDGE: Final = Workload(
    name="edge-controlplane",
    namespace="apps",
    labels={"gateway.networking.k8s.io/gateway-name": "edge"},
)
CERTIFICATE: Final = "tls: {certificateRefs: [{name: shop}]}"
GATEWAY: Final = f"""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: edge, namespace: apps}}
spec:
  gatewayClassName: controlplane
  allowedListeners: {{namespaces: {{from: All}}}}
  tls:
    frontend:
      default: {{}}
      perPort:
      - port: 8443
        tls: {{validation: {{caCertificateRefs: [{{group: "", kind: ConfigMap, name: ca}}]}}}}
      - port: 8444
        tls:
          validation:
            mode: AllowInsecureFallback
            caCertificateRefs: [{{group: "", kind: ConfigMap, name: ca}}]
  listeners:
  - {{name: any, port: 443, protocol: HTTPS, {CERTIFICATE}}}
  - {{name: second, port: 443, protocol: HTTPS, hostname: second.example, {CERTIFICATE}}}
  - {{name: wild, port: 443, protocol: HTTPS, hostname: "*.wild.example", {CERTIFICATE}}}
  - {{name: fourth, port: 443, protocol: HTTPS, hostname: fourth.wild.example, {CERTIFICATE}}}
  - {{name: mutual, port: 8443, protocol: HTTPS, {CERTIFICATE}}}
  - {{name: fallback, port: 8444, protocol: HTTPS, {CERTIFICATE}}}
  - name: granted
    port: 9443
    protocol: HTTPS
    hostname: granted.example
    tls: {{certificateRefs: [{{name: there, namespace: elsewhere}}]}}
  - name: kept
    port: 9443
    protocol: HTTPS
    hostname: kept.example
    tls: {{certificateRefs: [{{name: private, namespace: elsewhere}}]}}
  - {{name: names, port: 53, protocol: UDP}}
  - {{name: stream, port: 53, protocol: TCP}}
  - {{name: http, port: 80, protocol: HTTP}}
  - {{name: wild-http, port: 80, protocol: HTTP, hostname: "*.example.com"}}
  - {{name: empty-http, port: 80, protocol: HTTP, hostname: "*.empty.example.com"}}
  - {{name: exact-http, port: 80, protocol: HTTP, hostname: exact.empty.example.com}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {{name: more, namespace: elsewhere}}
spec:
  parentRef: {{name: edge, namespace: apps}}
  listeners:
  - name: added
    port: 9443
    protocol: HTTPS
    hostname: added.example
    tls: {{certificateRefs: [{{name: private}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {{name: there, namespace: elsewhere}}
spec:
  from: [{{group: gateway.networking.k8s.io, kind: Gateway, namespace: apps}}]
  to: [{{group: "", kind: Secret, name: there}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: {{name: names, namespace: apps}}
spec:
  parentRefs: [{{name: edge}}]
  rules: [{{backendRefs: [{{name: names, port: 5353}}]}}]
---
apiVersion: v1
kind: Service
metadata: {{name: names, namespace: apps}}
spec: {{ports: [{{name: dns, port: 5353, protocol: UDP}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: names-1, namespace: apps, labels: {{kubernetes.io/service-name: names}}}}
addressType: IPv4
ports: [{{name: dns, port: 9053, protocol: UDP}}]
endpoints: [{{addresses: [127.0.0.1]}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: shop, namespace: apps}}
spec:
  hosts: [shop.internal.example]
  ports: [{{number: 80, name: http, protocol: HTTP, targetPort: 9080}}]
  resolution: STATIC
  endpoints: [{{address: 127.0.0.1}}]
---
"""


def route(name: str, hostname: str = "", parent: str = "", namespace: str = "apps") -> str:
    """A route to the upstream, attached to the listener of its name."""
    hostnames = f"hostnames: ['{hostname}']" if hostname else ""
    parent = parent or f"{{name: edge, sectionName: {name}}}"
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  parentRefs: [{parent}]
  {hostnames}
  rules:
  - backendRefs:
    - {{group: networking.istio.io, kind: Hostname, name: shop.internal.example, port: 80}}
---
"""


ROUTES: Final = (
    route("any", "first.example")
    + route("second", "second.example")
    + route("wild", "*.wild.example")
    + route("fourth", "fourth.wild.example")
    + route("mutual")
    + route("fallback")
    + route("granted")
    + route("kept")
    + route("http")
    + route("wild-http")
    + route("exact-http")
    + route("added", parent="{kind: ListenerSet, name: more}", namespace="elsewhere")
)


@pytest.fixture(scope="module")
def mesh(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    shop = ROOT.leaf("*.example", "*.wild.example", "first.example")
    ca = "".join(f"    {line}\n" for line in CLIENTS.pem.splitlines())
    files = {
        "mesh.yaml": GATEWAY + ROUTES,
        "secrets.yaml": shop.secret("shop", namespace="apps")
        + ROOT.leaf("granted.example").secret("there", namespace="elsewhere")
        + ROOT.leaf("added.example").secret("private", namespace="elsewhere"),
        "ca.yaml": (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ca, namespace: apps}\n"
            f"data:\n  ca.crt: |\n{ca}"
        ),
    }
    with running_mesh(tmp_path_factory.mktemp("mesh"), workload=EDGE, files=files) as running:
        running.upstreams.add("shop", "127.0.0.1", 9080)
        running.until_upstream("shop", "http://else.example/")
        yield running


@pytest.mark.parametrize(
    ("sni", "host", "status"),
    [
        ("first.example", "first.example", 200),
        ("first.example", "second.example", 421),
        ("first.example", "third.wild.example", 421),
        ("first.example", "fourth.wild.example", 421),
        ("first.example", "unknown.example", 404),
        ("second.example", "second.example", 200),
        ("second.example", "first.example", 421),
        ("second.example", "unknown.example", 421),
        ("third.wild.example", "third.wild.example", 200),
        ("third.wild.example", "fifth.wild.example", 200),
        ("third.wild.example", "fourth.wild.example", 421),
        ("third.wild.example", "second.example", 421),
        ("fourth.wild.example", "fourth.wild.example", 200),
        ("fourth.wild.example", "fifth.wild.example", 421),
        ("unknown.example", "first.example", 200),
        ("unknown.example", "unknown.example", 404),
    ],
)
def test_a_request_over_the_connection_of_another_listener_is_misdirected(
    mesh: Mesh, sni: str, host: str, status: int
) -> None:
    assert mesh.send(f"https://{host}:443/", sni=sni).status == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("else.example", 200),
        ("a.example.com", 200),
        ("a.empty.example.com", 404),  # its listener has no route; wider ones have
        ("exact.empty.example.com", 200),
    ],
)
def test_a_request_is_the_business_of_the_listener_with_the_most_specific_hostname(
    mesh: Mesh, host: str, status: int
) -> None:
    assert mesh.send(f"http://{host}/").status == status


@pytest.mark.parametrize(
    ("port", "client", "expected"),
    [
        (443, None, 200),
        (8443, "alice", 200),
        (8443, "mallory", None),
        (8443, None, None),
        (8444, "alice", 200),
        (8444, "mallory", 200),
        (8444, None, 200),
    ],
)
def test_clients_are_verified_as_the_gateway_says_for_the_port(
    mesh: Mesh, tmp_path: Path, port: int, client: str | None, expected: int | None
) -> None:
    leaves = {"alice": CLIENTS.leaf("alice"), "mallory": STRANGERS.leaf("alice")}
    files = leaves[client].files(tmp_path, client) if client is not None else None

    answer = mesh.send(f"https://first.example:{port}/", client=files)

    assert (answer.status or None) == expected


@pytest.mark.parametrize(
    ("host", "answered"),
    [("granted.example", True), ("kept.example", False), ("added.example", True)],
)
def test_a_certificate_of_another_namespace_is_shown_where_it_is_granted(
    mesh: Mesh, host: str, answered: bool
) -> None:
    answer = mesh.send(f"https://{host}:9443/", trust=ROOT.pem)

    assert (answer.status == 200) is answered


def test_datagrams_reach_the_backend_and_its_answers_the_client(mesh: Mesh) -> None:
    def echo() -> None:
        with suppress(OSError):
            while True:
                data, client = backend.recvfrom(1024)
                backend.sendto(data.upper(), client)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as backend:
        backend.bind(("127.0.0.1", 9053))
        backend.settimeout(10)
        answering = threading.Thread(target=echo, daemon=True)
        answering.start()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.sendto(b"who", (mesh.workload.address, 53))

            assert client.recv(1024) == b"WHO"
