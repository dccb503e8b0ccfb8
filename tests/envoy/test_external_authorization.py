"""External authorization by real Envoys and the server of the samples, over HTTP and gRPC."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.envoy.test_authorization import MESH, answers
from tests.support.client import Answer
from tests.support.mesh import Mesh, running_mesh
from tests.support.network import own_network
from tests.support.process import Running

pytestmark = pytest.mark.envoy

SERVER: Final = Path(__file__).parents[2] / "samples" / "authz" / "server.py"
AUTHZ: Final = "127.1.1.9"
SERVICE = f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: authz, namespace: default}}
spec:
  hosts: [authz.example]
  location: MESH_INTERNAL
  ports:
  - {{number: 8000, name: http, protocol: HTTP}}
  - {{number: 9000, name: grpc, protocol: GRPC}}
  - {{number: 8001, name: http-down, protocol: HTTP, targetPort: 1}}
  - {{number: 9001, name: grpc-down, protocol: GRPC, targetPort: 1}}
  - {{number: 8002, name: http-mute, protocol: HTTP, targetPort: 8002}}
  resolution: STATIC
  endpoints: [{{address: {AUTHZ}}}]
---
"""
PROVIDERS = """
extensionProviders:
- name: http
  envoyExtAuthzHttp:
    service: default/authz.example
    port: 8000
    pathPrefix: /check
    includeRequestHeadersInCheck: [X-EXT-AUTHZ]
    includeAdditionalHeadersInCheck: {x-added: a}
    headersToUpstreamOnAllow: [x-ext-authz-*]
    headersToDownstreamOnAllow: ["*-result"]
    headersToDownstreamOnDeny: [x-ext-authz-check-received]
- name: http-body
  envoyExtAuthzHttp:
    service: authz.example
    port: 8000
    includeRequestHeadersInCheck: [x-ext-authz]
    includeRequestBodyInCheck: {maxRequestBytes: 4}
    headersToUpstreamOnAllow: [x-ext-authz-check-received]
- name: http-partial
  envoyExtAuthzHttp:
    service: authz.example
    port: 8000
    includeRequestHeadersInCheck: [x-ext-authz]
    includeRequestBodyInCheck: {maxRequestBytes: 4, allowPartialMessage: true}
    headersToUpstreamOnAllow: [x-ext-authz-check-received]
- name: http-without-header
  envoyExtAuthzHttp: {service: authz.example, port: 8000}
- name: grpc
  envoyExtAuthzGrpc: {service: authz.example, port: 9000}
- name: grpc-bytes
  envoyExtAuthzGrpc:
    service: authz.example
    port: 9000
    includeRequestBodyInCheck: {maxRequestBytes: 100, packAsBytes: true}
- name: http-down
  envoyExtAuthzHttp: {service: authz.example, port: 8001}
- name: http-down-open
  envoyExtAuthzHttp: {service: authz.example, port: 8001, failOpen: true}
- name: http-down-status
  envoyExtAuthzHttp: {service: authz.example, port: 8001, statusOnError: "503"}
- name: grpc-down
  envoyExtAuthzGrpc: {service: authz.example, port: 9001}
- name: grpc-down-open
  envoyExtAuthzGrpc: {service: authz.example, port: 9001, failOpen: true}
- name: grpc-down-status
  envoyExtAuthzGrpc: {service: authz.example, port: 9001, statusOnError: "429"}
- name: mute
  envoyExtAuthzHttp: {service: authz.example, port: 8002, timeout: 0.2s}
- name: mute-open
  envoyExtAuthzHttp: {service: authz.example, port: 8002, timeout: 0.2s, failOpen: true}
- name: no-port
  envoyExtAuthzHttp: {service: authz.example, port: 8009}
- name: faulty
  envoyExtAuthzHttp: {service: authz.example, port: 8000, failOpen: "true"}
- name: elsewhere
  envoyExtAuthzHttp: {service: authz, port: 8000, failOpen: true}
"""


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("mesh")
    settings = folder / "mesh-config.yaml"
    settings.write_text(PROVIDERS)
    command = (sys.executable, str(SERVER), "--address", AUTHZ, "--admit", "127.0.0.1")
    with own_network(), socket.socket() as mute:
        mute.bind((AUTHZ, 8002))
        mute.listen()  # it takes connections and never answers
        with (
            Running(command, folder / "authz.log") as server,
            running_mesh(folder, serve_options=("--mesh-config", str(settings))) as running,
        ):
            server.eventually("it listens", lambda: "checks by" in server.last_words())
            running.upstreams.add("shop", "127.1.1.1", 9080)
            yield running


def ask(provider: str, rules: str = "[{to: [{operation: {paths: ['/asked*']}}]}]") -> str:
    return f"""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: ask, namespace: istio-system}}
spec: {{action: CUSTOM, provider: {{name: {provider}}}, rules: {rules}}}
---
"""


def sent(mesh: Mesh, path: str, verdict: str = "", **options: Any) -> Answer:
    headers = {"x-ext-authz": verdict} if verdict else {}
    return mesh.send(f"http://shop.example:8080{path}", port=8080, headers=headers, **options)


def seen(answer: Answer) -> dict[str, str]:
    """The headers that the upstream saw."""
    found = answer.seen["headers"]
    assert isinstance(found, dict), "the upstream tells them"
    return found


@pytest.mark.parametrize("provider", ["http", "grpc"])
def test_the_provider_decides_what_the_rules_match_and_nothing_else(
    mesh: Mesh, provider: str
) -> None:
    mesh.apply(MESH + SERVICE + ask(provider))

    assert sent(mesh, "/asked", "allow").status == 200
    assert sent(mesh, "/asked", "deny").status == 403
    assert sent(mesh, "/asked").status == 403
    assert sent(mesh, "/free").status == 200


def test_headers_go_to_the_provider_the_upstream_and_the_client_as_they_are_named(
    mesh: Mesh,
) -> None:
    mesh.apply(MESH + SERVICE + ask("http"))

    admitted, refused = sent(mesh, "/asked?a=b", "allow"), sent(mesh, "/asked", "deny")

    assert seen(admitted)["x-ext-authz-check-result"] == "allowed"
    assert seen(admitted)["x-ext-authz-check-received"] == "GET /check/asked?a=b"
    assert admitted.headers["x-ext-authz-check-result"] == "allowed"
    assert "x-ext-authz-check-received" not in admitted.headers
    assert refused.headers["x-ext-authz-check-received"] == "GET /check/asked"
    assert "x-ext-authz-check-result" not in refused.headers


def test_a_header_that_is_not_named_does_not_reach_a_provider_over_http(mesh: Mesh) -> None:
    mesh.apply(MESH + SERVICE + ask("http-without-header"))

    assert sent(mesh, "/asked", "allow").status == 403


@pytest.mark.parametrize(
    ("provider", "body", "status", "received"),
    [
        ("http-body", b"abcd", 200, "POST /asked abcd"),
        ("http-partial", b"abcde", 200, "POST /asked abcd"),
        ("http-body", b"abcde", 413, None),
        ("grpc", b"abcd", 200, "POST /asked "),
        ("grpc-bytes", b"abcd", 200, "POST /asked abcd"),
    ],
)
def test_bodies(mesh: Mesh, provider: str, body: bytes, status: int, received: str | None) -> None:
    mesh.apply(MESH + SERVICE + ask(provider))

    answer = sent(mesh, "/asked", "allow", method="POST", body=body)

    assert answer.status == status
    if received is not None:
        assert seen(answer)["x-ext-authz-check-received"].strip() == received.strip()


@pytest.mark.parametrize(
    ("provider", "status"),
    [
        ("http-down", 403),
        ("http-down-open", 200),
        ("http-down-status", 503),
        ("grpc-down", 403),
        ("grpc-down-open", 200),
        ("grpc-down-status", 429),
        ("mute", 403),
        ("mute-open", 200),
        ("no-port", 403),
        ("faulty", 403),
        ("elsewhere", 403),
        ("nobody", 403),
    ],
)
def test_where_nobody_answers(mesh: Mesh, provider: str, status: int) -> None:
    mesh.apply(MESH + SERVICE + ask(provider))

    assert sent(mesh, "/asked", "allow").status == status
    assert sent(mesh, "/free").status == 200


@pytest.mark.parametrize(
    ("provider", "is_forwarded"),
    [
        pytest.param("grpc", True, id="gRPC admits the address"),
        pytest.param("grpc-down", False, id="nobody answers"),
        pytest.param("grpc-down-open", True, id="nobody answers and it fails open"),
        pytest.param("http", True, id="HTTP is not asked about connections"),
        pytest.param("nobody", False, id="nobody can be asked"),
    ],
)
def test_connections(mesh: Mesh, provider: str, is_forwarded: bool) -> None:
    mesh.apply(MESH + SERVICE + ask(provider, "[{}]"))

    assert answers(mesh) is is_forwarded
