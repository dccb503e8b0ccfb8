"""Real requests along routes of the Gateway API, at a Gateway of our own class."""

import json
import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.mesh import Mesh, Workload, running_mesh

pytestmark = pytest.mark.envoy

EDGE: Final = Workload(
    name="edge-controlplane",
    namespace="apps",
    labels={"gateway.networking.k8s.io/gateway-name": "edge"},
)


def entry(name: str, *addresses: str) -> str:
    endpoints = ", ".join(f"{{address: {address}}}" for address in addresses)
    return f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: apps}}
spec:
  hosts: [{name}.example]
  ports: [{{number: 80, name: http, protocol: HTTP, targetPort: 9080}}]
  resolution: STATIC
  endpoints: [{endpoints}]
---
"""


def ref(name: str, more: str = "") -> str:
    kind = "group: networking.istio.io, kind: Hostname"
    return f"{{{kind}, name: {name}.example, port: 80{more}}}"


def service(name: str, address: str, protocol: str) -> str:
    """A Service with one endpoint, whose port has an ``appProtocol``."""
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: apps}}
spec: {{ports: [{{name: web, port: 80, appProtocol: {protocol}}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}-1, namespace: apps, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{name: web, port: 9080}}]
endpoints: [{{addresses: [{address}]}}]
---
"""


def rewrite(path: str) -> str:
    return (
        "filters: [{type: URLRewrite, urlRewrite: {path:"
        f" {{type: ReplaceFullPath, replaceFullPath: {path}}}}}}}]"
    )


def redirect(path: str) -> str:
    return (
        "filters: [{type: RequestRedirect, requestRedirect: {path:"
        f" {{type: ReplaceFullPath, replaceFullPath: {path}}}}}}}]"
    )


RULES: Final = (
    f"{{matches: [{{path: {{value: /half}}}}], backendRefs: [{ref('shop')}, {ref('missing')}]}}",
    f"{{matches: [{{path: {{value: /each}}}}], backendRefs: [{ref('shop', ', ' + rewrite('/a'))},"
    f" {ref('pay', ', weight: 3, ' + rewrite('/b'))}]}}",
    f"{{matches: [{{path: {{value: /session}}}}], sessionPersistence: {{sessionName: sid}},"
    f" backendRefs: [{ref('two')}]}}",
    "{matches: [{path: {value: /decided}}], filters: [{type: ExternalAuth, externalAuth: {protocol:"
    f" HTTP, backendRef: {ref('judge')}, http: {{path: /check, allowedHeaders: [x-in]}}}}}}],"
    f" backendRefs: [{ref('shop')}]}}",
    "{matches: [{path: {value: /cors}, method: PUT}], filters: [{type: CORS, cors: {allowOrigins:"
    f" ['https://*.a.test'], allowMethods: [PUT]}}}}], backendRefs: [{ref('shop')}]}}",
    f"{{matches: [{{path: {{value: /tries}}}}], retry: {{attempts: 2, backoff: 25ms}}, timeouts:"
    f" {{backendRequest: 300ms}}, backendRefs: [{ref('shop')}]}}",
    f"{{matches: [{{path: {{value: /broken}}}}], retry: {{attempts: 3, backoff: 25ms}},"
    f" backendRefs: [{ref('shop')}]}}",
    f"{{matches: [{{path: {{value: /limited}}}}], retry: {{attempts: 5, backoff: 25ms}}, timeouts:"
    f" {{request: 500ms, backendRequest: 300ms}}, backendRefs: [{ref('shop')}]}}",
    "{matches: [{path: {value: /moved}}],"
    f" backendRefs: [{ref('shop', ', ' + redirect('/b'))}]}}",
    "{matches: [{path: {value: /h2c}}], backendRefs: [{name: h2c, port: 80}]}",
    "{matches: [{path: {value: /ws}}], backendRefs: [{name: ws, port: 80}]}",
    "{matches: [{path: {value: /away}}], filters: [{type: RequestRedirect, requestRedirect:"
    " {scheme: https}}]}",
    "{matches: [{path: {value: /unknown}}], filters: [{type: ExtensionRef, extensionRef: {group:"
    f" a.test, kind: B, name: c}}}}], backendRefs: [{ref('shop')}]}}",
    "{matches: [{path: {value: /datagrams}}], backendRefs: [{name: dns, port: 53}]}",
)
DATAGRAMS: Final = """
apiVersion: v1
kind: Service
metadata: {name: dns, namespace: apps}
spec: {ports: [{name: dns, port: 53, protocol: UDP}]}
---
"""
MESH: Final = (
    """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: apps}
spec:
  gatewayClassName: controlplane
  listeners: [{name: http, port: 8080, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: apps}
spec:
  parentRefs: [{name: edge}]
  rules:
"""
    + "".join(f"  - {rule}\n" for rule in RULES)
    + "---\n"
    + entry("shop", "127.0.1.1")
    + entry("pay", "127.0.1.2")
    + entry("judge", "127.0.1.3")
    + entry("two", "127.0.1.1", "127.0.1.2")
    + service("h2c", "127.0.1.1", "kubernetes.io/h2c")
    + service("ws", "127.0.1.2", "kubernetes.io/ws")
    + DATAGRAMS
)


@pytest.fixture(scope="module")
def mesh(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    files = {"mesh.yaml": MESH}
    with running_mesh(tmp_path_factory.mktemp("mesh"), workload=EDGE, files=files) as running:
        for name, address in (("shop", "127.0.1.1"), ("pay", "127.0.1.2"), ("judge", "127.0.1.3")):
            running.upstreams.add(name, address, 9080)
        running.until_upstream("shop", "http://a.test:8080/tries")
        yield running


def test_the_share_of_a_backend_that_does_not_exist_is_answered_500(mesh: Mesh) -> None:
    found = Counter(mesh.send("http://a.test:8080/half").status for _ in range(200))

    assert set(found) == {200, 500}
    assert 60 < found[500] < 140


def test_each_backend_rewrites_its_share_of_the_requests(mesh: Mesh) -> None:
    answers = [mesh.send("http://a.test:8080/each").seen for _ in range(200)]

    found = Counter((seen["name"], seen["path"]) for seen in answers)
    assert set(found) == {("shop", "/a"), ("pay", "/b")}
    assert 110 < found["pay", "/b"] < 190


def test_a_session_stays_with_its_endpoint(mesh: Mesh) -> None:
    first = mesh.send("http://a.test:8080/session")
    cookie = first.headers["set-cookie"].split(";")[0]

    again = {
        mesh.send("http://a.test:8080/session", headers={"cookie": cookie}).upstream
        for _ in range(20)
    }

    assert cookie.startswith("sid=")
    assert again == {first.upstream}


@pytest.mark.parametrize(("path", "status"), [("200", 200), ("403", 403), ("500", 403)])
def test_a_service_decides_and_sees_the_headers_that_are_allowed(
    mesh: Mesh, path: str, status: int
) -> None:
    """The judge is asked for ``/check/decided/status/403``, and answers that status."""
    url = f"http://a.test:8080/decided/status/{path}"

    answer = mesh.send(url, headers={"x-in": "1", "x-out": "1"})

    asked = mesh.upstreams.by_name["judge"].last[f"/check/decided/status/{path}"]
    assert asked.headers["x-in"] == "1"
    assert "x-out" not in asked.headers
    assert answer.status == status


def test_a_preflight_is_answered_for_a_rule_of_another_method(mesh: Mesh) -> None:
    headers = {"origin": "https://b.a.test", "access-control-request-method": "PUT"}

    answer = mesh.send("http://a.test:8080/cors", method="OPTIONS", headers=headers)

    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "https://b.a.test"


def test_a_try_that_runs_out_of_time_is_repeated(mesh: Mesh) -> None:
    path = "/tries/delay/2"

    answer = mesh.send(f"http://a.test:8080{path}")

    assert answer.status == 504
    assert mesh.upstreams.by_name["shop"].hits[path] == 3


def test_tries_that_run_out_of_time_cost_nothing_when_a_later_one_is_answered(mesh: Mesh) -> None:
    path = "/tries/slow/2"

    answer = mesh.send(f"http://a.test:8080{path}")

    assert answer.status == 200
    assert mesh.upstreams.by_name["shop"].hits[path] == 3


def test_the_limit_of_the_whole_request_ends_its_tries(mesh: Mesh) -> None:
    path = "/limited/slow/5"

    answer = mesh.send(f"http://a.test:8080{path}")

    assert answer.status == 504
    assert mesh.upstreams.by_name["shop"].hits[path] <= 2


@pytest.mark.parametrize(("resets", "status"), [(2, 200), (4, 503)])
def test_a_connection_that_breaks_is_tried_again(mesh: Mesh, resets: int, status: int) -> None:
    path = f"/broken/reset/{resets}"

    answer = mesh.send(f"http://a.test:8080{path}")

    assert answer.status == status
    assert mesh.upstreams.by_name["shop"].hits[path] == min(resets, 3) + 1


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
def test_a_client_and_a_backend_speak_http2_without_tls(mesh: Mesh) -> None:
    command = ["curl", "-sS", "--max-time", "10", "--http2-prior-knowledge", "-w"]
    command += ["\n%{http_version}", f"http://{mesh.workload.address}:8080/h2c"]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    body, _, version = done.stdout.rpartition("\n")
    assert version == "2"
    assert json.loads(body)["protocol"] == "HTTP/2"


def test_a_websocket_is_passed_on_in_both_directions(mesh: Mesh) -> None:
    text, binary = b"\x81\x82\x01\x02\x03\x04ik", b"\x82\x81\x01\x02\x03\x04\xff"
    with socket.create_connection((mesh.workload.address, 8080), timeout=10) as client:
        client.sendall(
            b"GET /ws HTTP/1.1\r\nhost: a.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
        )
        head = client.recv(4096)
        echoes = []
        for frame in (text, binary):
            client.sendall(frame)
            echoes.append(client.recv(4096))

    assert head.startswith(b"HTTP/1.1 101 ")
    assert echoes == [b"pay:" + text, b"pay:" + binary]


def test_a_backend_of_a_rule_may_redirect(mesh: Mesh) -> None:
    answer = mesh.send("http://a.test:8080/moved")

    assert answer.status == 302
    assert answer.headers["location"] == "http://a.test:8080/b"


def test_a_redirect_to_another_scheme_does_not_keep_the_port(mesh: Mesh) -> None:
    answer = mesh.send("http://a.test:8080/away")

    assert answer.status == 302
    assert answer.headers["location"] == "https://a.test:443/away"


def test_a_port_of_udp_answers_no_request(mesh: Mesh) -> None:
    assert mesh.send("http://a.test:8080/datagrams").status == 500


def test_a_filter_that_is_not_known_costs_its_rule(mesh: Mesh) -> None:
    assert mesh.send("http://a.test:8080/unknown").status == 500
