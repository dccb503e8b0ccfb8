"""Who may call what, by real Envoys: at a gateway, for requests and for connections, and at a
sidecar for what calls its workload.
"""

import shutil
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.mesh import Mesh, running_mesh
from tests.support.mesh_network import on, ran
from tests.support.network import own_network
from tests.support.process import eventually
from tests.support.sidecar_mesh import SidecarMesh, sidecar_mesh

pytestmark = pytest.mark.envoy

SHOP = "127.1.1.1"
MESH = f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: gw, namespace: istio-system}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - {{port: {{number: 8080, name: http, protocol: HTTP}}, hosts: ["*"]}}
  - {{port: {{number: 9000, name: tcp, protocol: TCP}}, hosts: ["*"]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: shop, namespace: default}}
spec:
  hosts: ["*"]
  gateways: [istio-system/gw]
  http: [{{route: [{{destination: {{host: shop}}}}]}}]
  tcp: [{{route: [{{destination: {{host: shop}}}}]}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: shop, namespace: default}}
spec:
  hosts: [shop.default.svc.cluster.local]
  location: MESH_INTERNAL
  ports: [{{number: 80, name: http, protocol: HTTP, targetPort: 9080}}]
  resolution: STATIC
  endpoints: [{{address: {SHOP}}}]
---
"""


def policy(action: str, rules: str, *, name: str = "p", annotations: str = "{}") -> str:
    return f"""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: istio-system, annotations: {annotations}}}
spec: {{action: {action}, rules: {rules}}}
---
"""


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with own_network(), running_mesh(tmp_path_factory.mktemp("mesh")) as running:
        running.upstreams.add("shop", SHOP, 9080)
        yield running


def status(mesh: Mesh, said: str) -> int:
    """Of a request written ``METHOD /path header=value…``."""
    method, path, *headers = said.split()
    pairs = dict(header.split("=", 1) for header in headers)
    host = pairs.pop("host", "shop.example:8080")
    return mesh.send(f"http://{host}{path}", port=8080, method=method, headers=pairs).status


RULES = [
    pytest.param("[]", {"GET /": 403}, id="no rules"),
    pytest.param("[{}]", {"GET /": 200}, id="an empty rule"),
    pytest.param(
        "[{to: [{operation: {methods: [GET], paths: ['/a/*', '*.css', '/e']}}]}]",
        {
            "GET /a/b": 200,
            "GET /x.css": 200,
            "GET /e?q=1": 200,
            "GET /e/": 403,
            "GET /A/b": 403,
            "POST /a/b": 403,
        },
        id="methods and paths",
    ),
    pytest.param(
        "[{to: [{operation: {paths: ['/a/{*}/b', '/c/{**}', 'd/{*}', '//e/{*}']}}]}]",
        {"GET /a/x/b": 403, "GET /c/x/y": 403, "GET /": 403},
        id="a template that Envoy does not take allows nothing",
    ),
    pytest.param(
        "[{to: [{operation: {paths: ['/a/{*}/b', '/c/{**}', 'd/{*}']}}]}]",
        {"GET /a/x/b": 200, "GET /a/b": 403, "GET /c/x/y": 200, "GET /c/": 200, "GET /d/x": 403},
        id="templates",
    ),
    pytest.param(
        "[{to: [{operation: {hosts: ['SHOP.example:*', '*.Other']}}]}]",
        {"GET /": 200, "GET / host=a.OTHER": 200, "GET / host=shop.example": 403},
        id="hosts in any case, with the port that was sent",
    ),
    pytest.param(
        "[{to: [{operation: {notPaths: [/a], notMethods: [POST]}}]}]",
        {"GET /": 200, "GET /a": 403, "POST /": 403},
        id="none of these",
    ),
    pytest.param(
        "[{to: [{operation: {ports: ['8080']}}]}]", {"GET /": 200}, id="the port of the server"
    ),
    pytest.param(
        "[{to: [{operation: {notPorts: ['8080']}}]}]", {"GET /": 403}, id="any other port"
    ),
    pytest.param(
        "[{from: [{source: {ipBlocks: [127.0.0.0/8]}}]}]", {"GET /": 200}, id="where it comes from"
    ),
    pytest.param(
        "[{from: [{source: {principals: ['*']}}]}]", {"GET /": 403}, id="plaintext has no identity"
    ),
    pytest.param(
        "[{from: [{source: {notPrincipals: ['*']}}]}]", {"GET /": 200}, id="nor is it any other"
    ),
    pytest.param("[{from: [{source: {requestPrincipals: ['*']}}]}]", {"GET /": 403}, id="no token"),
    pytest.param(
        "[{when: [{key: 'request.headers[X-A]', values: ['a*', '*z'], notValues: [ab]}]}]",
        {"GET / x-a=a": 200, "GET / x-a=yz": 200, "GET / x-a=ab": 403, "GET / x-a=y": 403},
        id="headers",
    ),
    pytest.param(
        "[{when: [{key: destination.port, values: ['8080']}, {key: source.ip, values: ['::1']}]}]",
        {"GET /": 403},
        id="every condition",
    ),
]


@pytest.mark.parametrize(("rules", "expected"), RULES)
def test_what_allow_rules_admit(mesh: Mesh, rules: str, expected: dict[str, int]) -> None:
    mesh.apply(MESH + policy("ALLOW", rules))

    assert {said: status(mesh, said) for said in expected} == expected


DENIALS = [
    pytest.param(
        "[{to: [{operation: {paths: [/admin]}}]}]",
        {"GET /admin": 403, "GET /": 200},
        id="a path",
    ),
    pytest.param(
        "[{to: [{operation: {paths: ['//admin/{*}']}}]}]",
        {"GET /": 403},
        id="what Envoy does not take is left out, so more is denied",
    ),
    pytest.param("[{}]", {"GET /": 403}, id="everything"),
]


@pytest.mark.parametrize(("rules", "expected"), DENIALS)
def test_what_deny_rules_refuse_whatever_is_allowed(
    mesh: Mesh, rules: str, expected: dict[str, int]
) -> None:
    mesh.apply(MESH + policy("DENY", rules) + policy("ALLOW", "[{}]", name="all"))

    assert {said: status(mesh, said) for said in expected} == expected


def answers(mesh: Mesh) -> bool:
    """Whether a connection is forwarded."""
    with socket.create_connection((mesh.workload.address, 9000), timeout=10) as client:
        client.sendall(b"\x01hello\r\n")
        try:
            return client.recv(100).startswith(b"shop:")
        except ConnectionError:
            return False


@pytest.mark.parametrize(
    ("action", "rules", "is_forwarded"),
    [
        pytest.param("ALLOW", "[]", False, id="no rules"),
        pytest.param("ALLOW", "[{to: [{operation: {ports: ['9000']}}]}]", True, id="its port"),
        pytest.param(
            "ALLOW",
            "[{to: [{operation: {ports: ['9000'], methods: [GET]}}]}]",
            False,
            id="a rule about requests allows no connection",
        ),
        pytest.param(
            "DENY",
            "[{to: [{operation: {methods: [GET]}}]}]",
            False,
            id="a rule about requests denies connections",
        ),
        pytest.param(
            "DENY",
            "[{to: [{operation: {ports: ['8080'], methods: [GET]}}]}]",
            True,
            id="unless it has ports",
        ),
        pytest.param("AUDIT", "[{}]", True, id="what is marked goes on"),
    ],
)
def test_connections(mesh: Mesh, action: str, rules: str, is_forwarded: bool) -> None:
    mesh.apply(MESH + policy(action, rules))

    assert answers(mesh) is is_forwarded


def test_a_dry_run_decides_nothing_and_is_counted(mesh: Mesh) -> None:
    dry = "{istio.io/dry-run: 'true'}"
    mesh.apply(
        MESH
        + policy("ALLOW", "[{to: [{operation: {paths: [/a]}}]}]", annotations=dry)
        + policy("DENY", "[{to: [{operation: {paths: [/b]}}]}]", name="d", annotations=dry)
    )

    assert [status(mesh, f"GET {path}") for path in ("/a", "/b", "/b")] == [200, 200, 200]
    counts = mesh.gateway.stats("istio_dry_run")
    found = {name.rpartition("rbac.")[2]: count for name, count in counts.items() if count}
    assert found == {
        "istio_dry_run_allow_.shadow_allowed": 1,
        "istio_dry_run_allow_.shadow_denied": 2,
        "istio_dry_run_deny_.shadow_allowed": 1,
        "istio_dry_run_deny_.shadow_denied": 2,
    }


def test_many_rules_of_every_sort_are_taken_at_once(mesh: Mesh) -> None:
    rules = ", ".join(
        f"{{from: [{{source: {{namespaces: [ns{i}]}}}}], "
        f"to: [{{operation: {{paths: ['/p{i}/{{*}}', '/q{i}*']}}}}]}}"
        for i in range(500)
    )
    mesh.apply(MESH + policy("ALLOW", f"[{rules}, {{to: [{{operation: {{paths: [/in]}}}}]}}]"))

    assert [status(mesh, "GET /in"), status(mesh, "GET /p7/a")] == [200, 403]


APP = """
apiVersion: v1
kind: Service
metadata: {name: app, namespace: default}
spec:
  clusterIP: 10.96.0.1
  selector: {app: app}
  ports: [{name: http, port: 80, targetPort: 8000}, {name: tcp, port: 9001, targetPort: 9001}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: app, namespace: default}
spec: {address: ADDRESS, labels: {app: app}, serviceAccount: default}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: app, namespace: default}
spec: {host: app, trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 1}}}}
---
"""
"""A connection that is kept is decided by the policies of when it came."""


def at_app(rules: str) -> str:
    return f"""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: app, namespace: default}}
spec: {{selector: {{matchLabels: {{app: app}}}}, rules: {rules}}}
"""


def from_client(mesh: SidecarMesh) -> tuple[str, bool]:
    """The status of a request, and whether a connection is forwarded."""
    options = ("-sS", "-o", "/dev/null", "--max-time", "10", "-w", "%{http_code}")
    request = ran(mesh.client, "curl", *options, "http://10.96.0.1/").stdout
    with on(mesh.client), socket.create_connection(("10.96.0.1", 9001), timeout=10) as client:
        client.sendall(b"\x01hello\r\n")
        try:
            return request, client.recv(100).startswith(b"tcp:")
        except ConnectionError:
            return request, False


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
def test_a_sidecar_asks_who_calls_its_workload_and_on_which_of_its_ports(tmp_path: Path) -> None:
    with sidecar_mesh(tmp_path, APP) as mesh:
        mesh.upstreams.add("http", mesh.host.address, 8000)
        mesh.upstreams.add("tcp", mesh.host.address, 9001)
        eventually("all pass", lambda: from_client(mesh) == ("200", True))

        found: dict[str, Any] = {}
        for rules in (
            "[]",
            "[{from: [{source: {namespaces: [default]}}]}]",
            "[{from: [{source: {serviceAccounts: [default]}}]}]",
            "[{from: [{source: {principals: [cluster.local/ns/default/sa/other]}}]}]",
            "[{to: [{operation: {ports: ['8000']}}]}]",
            "[{to: [{operation: {ports: ['80']}}]}]",
            "[{to: [{operation: {ports: ['9001']}}]}]",
        ):
            mesh.edited(partial(mesh.write, "policy.yaml", at_app(rules)))
            found[rules] = from_client(mesh)

        assert list(found.values()) == [
            ("403", False),
            ("200", True),
            ("200", True),
            ("403", False),
            ("200", False),  # the workload's port, not the Service's
            ("403", False),
            ("403", True),
        ]
