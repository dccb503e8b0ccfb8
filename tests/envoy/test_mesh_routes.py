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
