"""Real TLS to backends, connections and datagrams through a Gateway of the Gateway API."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.mesh import Mesh, Workload, running_mesh
from tests.support.pki import Authority
from tests.support.process import eventually
from tests.support.upstream import server_tls

pytestmark = pytest.mark.envoy

ROOT, OTHER = Authority("root"), Authority("other")
EDGE = Workload(
    name="edge-istio",
    namespace="default",
    labels={"gateway.networking.k8s.io/gateway-name": "edge"},
)
GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec:
  gatewayClassName: controlplane
  listeners:
  - {name: http, port: 8080, protocol: HTTP}
  - {name: tcp, port: 9000, protocol: TCP}
  - {name: share, port: 9001, protocol: TCP}
  - {name: udp, port: 9000, protocol: UDP}
  - {name: lost, port: 9001, protocol: UDP}
  - name: ends
    port: 9443
    protocol: TLS
    hostname: "*.shop.example"
    tls: {mode: Terminate, certificateRefs: [{name: shop}]}
  - {name: through, port: 9443, protocol: TLS, hostname: tls.example, tls: {mode: Passthrough}}
---
"""
NAMES = ("right", "wrongname", "wrongca", "missing")


def config_map(name: str, pem: str) -> str:
    lines = "".join(f"    {line}\n" for line in pem.splitlines())
    return (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: default}}\n"
        f"data:\n  ca.crt: |\n{lines}---\n"
    )


def service(name: str, target: int, protocol: str = "TCP") -> str:
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec:
  clusterIP: 10.96.0.1
  ports: [{{name: main, port: 80, targetPort: {target}, protocol: {protocol}}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}, namespace: default, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{name: main, port: {target}, protocol: {protocol}}}]
endpoints: [{{addresses: [127.0.0.1], conditions: {{ready: true}}}}]
---
"""


def route(kind: str, section: str, backends: str, more: str = "") -> str:
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: {section}, namespace: default}}
spec:
  parentRefs: [{{name: edge, sectionName: {section}}}]
  {more}
  rules: [{{backendRefs: [{backends}]}}]
---
"""


def tls_policy(name: str, authority: str, hostname: str) -> str:
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{name: {name}, namespace: default}}
spec:
  targetRefs: [{{group: "", kind: Service, name: {name}}}]
  validation:
    hostname: {hostname}
    caCertificateRefs: [{{group: "", kind: ConfigMap, name: {authority}}}]
---
"""


def mesh_text() -> str:
    rules = "".join(
        f"  - matches: [{{path: {{value: /{name}}}}}]\n"
        f"    backendRefs: [{{name: {name}, port: 80}}]\n"
        for name in NAMES
    )
    http = (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"
        "metadata: {name: http, namespace: default}\nspec:\n"
        f"  parentRefs: [{{name: edge, sectionName: http}}]\n  rules:\n{rules}---\n"
    )
    return "".join(
        (
            GATEWAY,
            http,
            ROOT.leaf("*.shop.example").secret("shop", namespace="default"),
            config_map("root", ROOT.pem),
            config_map("other", OTHER.pem),
            *(service(name, 9444) for name in NAMES),
            tls_policy("right", "root", "pay.internal"),
            tls_policy("wrongname", "root", "other.internal"),
            tls_policy("wrongca", "other", "pay.internal"),
            tls_policy("missing", "none", "pay.internal"),
            service("echo", 9101),
            service("tls", 9444),
            service("dns", 9102, "UDP"),
            route("TCPRoute", "tcp", "{name: echo, port: 80}"),
            route("TCPRoute", "share", "{name: echo, port: 80}, {name: none, port: 80}"),
            route("TLSRoute", "ends", "{name: echo, port: 80}", "hostnames: [a.shop.example]"),
            route("TLSRoute", "through", "{name: tls, port: 80}", "hostnames: [tls.example]"),
            route("UDPRoute", "udp", "{name: dns, port: 80}"),
            route("UDPRoute", "lost", "{name: dns, port: 80}, {name: none, port: 80}"),
        )
    )


def echo_datagrams(server: socket.socket) -> None:
    while True:
        try:
            data, client = server.recvfrom(2048)
        except OSError:
            return
        server.sendto(b"echo:" + data, client)


@pytest.fixture(scope="module")
def mesh(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("files")
    files = {"mesh.yaml": mesh_text()}
    with (
        running_mesh(tmp_path_factory.mktemp("mesh"), files=files, workload=EDGE) as running,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
    ):
        server.bind(("127.0.0.1", 9102))
        threading.Thread(target=echo_datagrams, args=(server,), daemon=True).start()
        running.upstreams.add("echo", "127.0.0.1", 9101)
        leaf = ROOT.leaf("pay.internal", "tls.example")
        running.upstreams.add("pay", "127.0.0.1", 9444, tls=server_tls(*leaf.files(folder, "pay")))
        running.until_upstream("pay", "http://any.example:8080/right")
        yield running


def said(mesh: Mesh, port: int) -> bytes:
    """What comes back from a stream to which a line is sent; nothing where it is closed."""
    with socket.create_connection((mesh.workload.address, port), timeout=10) as stream:
        try:
            stream.sendall(b"hello\n")
            return stream.recv(64)
        except ConnectionResetError:
            return b""


def returned(mesh: Mesh, port: int) -> bytes:
    """What comes back for one datagram of a new client; nothing where it is lost."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.3)
        client.sendto(b"hello", (mesh.workload.address, port))
        try:
            return client.recv(64)
        except TimeoutError:
            return b""


def test_a_backend_is_verified_by_its_authority_and_its_name(mesh: Mesh) -> None:
    answers = {
        name: mesh.send(f"http://any.example:8080/{name}").status
        for name in ("right", "wrongname", "wrongca")
    }

    assert answers == {"right": 200, "wrongname": 503, "wrongca": 503}


def test_a_backend_without_authorities_gets_nothing(mesh: Mesh) -> None:
    hits = mesh.upstreams.hits("pay")

    assert mesh.send("http://any.example:8080/missing").status == 503
    assert mesh.upstreams.hits("pay") == hits


def test_the_name_of_a_backend_is_sent_to_it(mesh: Mesh) -> None:
    tls = mesh.send("http://any.example:8080/right").seen["tls"]

    assert isinstance(tls, dict)
    assert tls["sni"] == "pay.internal"


def test_a_tcp_route_forwards_connections(mesh: Mesh) -> None:
    assert said(mesh, 9000) == b"echo:hello\n"


def test_the_share_of_a_missing_backend_is_closed(mesh: Mesh) -> None:
    answers = Counter(said(mesh, 9001) for _ in range(60))

    assert set(answers) == {b"echo:hello\n", b""}


def test_one_port_ends_tls_for_one_name_and_passes_it_through_for_another(mesh: Mesh) -> None:
    ended = mesh.send("https://a.shop.example:9443/", sni="a.shop.example")
    through = mesh.send("https://tls.example:9443/", sni="tls.example")
    other = mesh.send("https://b.shop.example:9443/", sni="b.shop.example")

    assert (ended.upstream, through.upstream) == ("echo", "pay")
    assert other.status == 0


def test_datagrams_come_back_to_who_sent_them(mesh: Mesh) -> None:
    eventually("the listener forwards datagrams", lambda: returned(mesh, 9000) == b"echo:hello")


def test_the_share_of_datagrams_for_a_missing_backend_is_lost(mesh: Mesh) -> None:
    answers = Counter(returned(mesh, 9001) for _ in range(30))

    assert set(answers) == {b"echo:hello", b""}
