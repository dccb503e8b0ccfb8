"""Calls of a workload that HTTPRoutes on a Service route, through a real sidecar."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.http_routes import request_route
from tests.support.mesh_network import ran
from tests.support.sidecar_mesh import SidecarMesh, sidecar_mesh

pytestmark = [
    pytest.mark.envoy,
    pytest.mark.skipif(not shutil.which("curl"), reason="no curl here"),
]

APP = """
apiVersion: v1
kind: Service
metadata: {name: app, namespace: bank}
spec:
  clusterIP: 10.96.0.1
  selector: {app: app}
  ports: [{name: http, port: 80, targetPort: 8000}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: app, namespace: bank}
spec: {address: ADDRESS, labels: {app: app}}
---
"""


def route(namespace: str, path: str, word: str) -> str:
    """A route on the Service that says by a header which one it is."""
    return request_route(
        f"{{matches: [{{path: {{value: {path}}}}}], filters: [{{type: RequestHeaderModifier, "
        f"requestHeaderModifier: {{set: [{{name: x-route, value: {word}}}]}}}}], "
        "backendRefs: [{name: app, namespace: bank, port: 80}]}",
        name="app",
        namespace=namespace,
        hosts="[]",
        parents='[{group: "", kind: Service, name: app, namespace: bank}]',
    )


def called(mesh: SidecarMesh, path: str) -> str:
    """What the route that the client's call takes says of itself, or the status without one."""
    url = f"http://10.96.0.1{path}"
    options = ("-sS", "--max-time", "10", "-H", "host: app.bank", "-w", "\n%{http_code}")
    body, _, status = ran(mesh.client, "curl", *options, url).stdout.rpartition("\n")
    if status != "200":
        return status
    word = json.loads(body)["headers"].get("x-route", "none")
    assert isinstance(word, str)
    return word


def test_callers_get_the_services_routes_and_those_of_their_own_namespace_instead(
    tmp_path: Path,
) -> None:
    with sidecar_mesh(tmp_path, APP) as mesh:
        mesh.upstreams.add("app", mesh.host.address, 8000)
        assert called(mesh, "/") == "none"

        producer, consumer = route("bank", "/p", "producer"), route("default", "/c", "consumer")
        mesh.edited(lambda: mesh.write("producer.yaml", producer))
        assert [called(mesh, path) for path in ("/p", "/c")] == ["producer", "404"]

        mesh.edited(lambda: mesh.write("consumer.yaml", consumer))
        assert [called(mesh, path) for path in ("/p", "/c")] == ["404", "consumer"]

        mesh.edited(lambda: mesh.write("consumer.yaml", route("other", "/c", "stranger")))
        assert [called(mesh, path) for path in ("/p", "/c")] == ["producer", "404"]


RULES = """
  - name: checkout
    matches: [{path: {value: /query}, queryParams: [{name: a, value: b}]}]
    filters:
    - type: URLRewrite
      urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /rewritten}}
    backendRefs:
    - name: app
      namespace: bank
      port: 80
      filters:
      - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-backend, value: app}]}}
  - matches: [{path: {value: /away}}]
    filters:
    - type: RequestRedirect
      requestRedirect:
        scheme: https
        hostname: other.example
        port: 8443
        path: {type: ReplaceFullPath, replaceFullPath: /there}
"""


def test_a_rule_for_calls_does_what_one_at_a_gateway_does(tmp_path: Path) -> None:
    parent = '[{group: "", kind: Service, name: app, namespace: bank}]'
    declared = request_route(name="app", namespace="bank", hosts="[]", parents=parent)
    text = APP + declared.replace("  rules:\n", f"  rules:{RULES}")
    with sidecar_mesh(tmp_path, text) as mesh:
        mesh.upstreams.add("app", mesh.host.address, 8000)

        def answer(path: str) -> str:
            options = ("-sS", "--max-time", "10", "-H", "host: app.bank", "-w")
            written = "\n%{http_code} %{redirect_url}"
            url = f"http://10.96.0.1{path}"
            return ran(mesh.client, "curl", *options, written, url).stdout

        body, _, status = answer("/query/one?a=b").rpartition("\n")
        seen = json.loads(body)
        assert (status, seen["path"]) == ("200 ", "/rewritten/one?a=b")
        assert seen["headers"]["x-backend"] == "app"
        assert answer("/query/one?a=c").endswith("\n404 ")
        assert answer("/away").endswith("\n302 https://other.example:8443/there")


STREAMS = """
apiVersion: v1
kind: Service
metadata: {name: db, namespace: bank}
spec:
  clusterIP: 10.96.0.2
  selector: {app: app}
  ports: [{name: tcp, port: 5432, targetPort: 8000}]
---
apiVersion: v1
kind: Service
metadata: {name: new, namespace: bank}
spec:
  clusterIP: 10.96.0.3
  selector: {app: app}
  ports: [{name: tcp, port: 5432, targetPort: 8001}]
---
"""


def tcp_route(*backends: str) -> str:
    refs = ", ".join(f"{{name: {each}, port: 5432}}" for each in backends)
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {{name: db, namespace: bank}}
spec:
  parentRefs: [{{group: "", kind: Service, name: db}}]
  rules: [{{backendRefs: [{refs}]}}]
"""


def connected(mesh: SidecarMesh) -> str:
    """Who answers at the address of the database; empty where the connection is closed."""
    url = "http://10.96.0.2:5432/"
    done = ran(mesh.client, "curl", "-sS", "--max-time", "10", url)
    return str(json.loads(done.stdout)["name"]) if done.returncode == 0 else ""


def test_connections_to_a_service_go_where_a_tcp_route_sends_them(tmp_path: Path) -> None:
    with sidecar_mesh(tmp_path, APP + STREAMS) as mesh:
        mesh.upstreams.add("db", mesh.host.address, 8000)
        mesh.upstreams.add("new", mesh.host.address, 8001)
        assert connected(mesh) == "db"

        mesh.edited(lambda: mesh.write("route.yaml", tcp_route("new")))
        assert connected(mesh) == "new"

        mesh.edited(lambda: mesh.write("route.yaml", tcp_route("none")))
        assert connected(mesh) == ""

        mesh.edited(lambda: mesh.write("route.yaml", tcp_route("db")))
        assert connected(mesh) == "db"
