"""Clusters of a Service and of a ServiceEntry, as a gateway gets them."""

from pathlib import Path
from typing import Any

from controlplane.base.diagnostics import Report
from controlplane.base.names import Namespace
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.mesh import decode_mesh_config
from controlplane.model.proxy import ResolvedProxy, Role
from tests.support.declared import Declared

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80, targetPort: 9080}]}
---
"""


NAME = "outbound|80||reviews.default.svc.cluster.local"


def entry(**fields: str) -> str:
    """A ServiceEntry for api.partner.com; fields in YAML's flow style."""
    body = {
        "hosts": "[api.partner.com]",
        "resolution": "STATIC",
        "ports": "[{number: 80, name: http, protocol: HTTP}]",
    } | fields
    lines = "\n".join(f"  {name}: {value}" for name, value in body.items())
    return (
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
        f"metadata: {{name: partner, namespace: default}}\nspec:\n{lines}\n---\n"
    )


PARTNER = "outbound|80||api.partner.com"


def rule(policy: str, *, host: str = "reviews", subsets: str = "[]") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: rule, namespace: default}}
spec:
  host: {host}
  trafficPolicy: {policy}
  subsets: {subsets}
---
"""


def cluster(text: str, name: str = NAME, mesh: MeshConfig | None = None) -> dict[str, Any]:
    return Declared(text, mesh=mesh).clusters()[name]


def mesh_of(text: str) -> MeshConfig:
    report = Report()
    found = decode_mesh_config(text, Path("mesh.yaml"), report)
    assert not list(report)
    return found


def part(found: dict[str, Any], path: str) -> object:
    """What is at ``path``, names with dots between them; ``None`` where something is missing.

    ``http`` is the cluster's options for HTTP.
    """
    value: Any = found
    if path.partition(".")[0] == "http":
        value, path = value.get("typed_extension_protocol_options", {}), path.removeprefix("http")
        value, path = value.get(HTTP_OPTIONS), path.removeprefix(".")
    for name in path.split(".") if path else ():
        value = value.get(name) if value is not None else None
    return value


def tls(found: dict[str, Any]) -> dict[str, Any]:
    context: dict[str, Any] = found["transport_socket"]["typed_config"]
    return context


def unlimited(**limits: int) -> list[dict[str, int]]:
    names = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
    return [dict.fromkeys(names, 4294967295) | limits]


SIDECAR = ResolvedProxy(role=Role.SIDECAR, namespace=Namespace("default"))
