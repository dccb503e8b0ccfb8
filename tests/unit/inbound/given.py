"""Sidecars of a workload, and readers for what they have for its callers."""

from typing import Any

from controlplane.base.names import Namespace
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import IpFamily, Labels, ResolvedProxy, Role, Target
from tests.support.declared import Declared

HOST = "app.default.svc.cluster.local"
PORTS = (("http", 8001), ("grpc", 8002), ("tcp", 8003), ("any", 8004))
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: app, namespace: default}
spec:
  clusterIP: 10.96.0.1
  selector: {app: app}
  ports:
  - {name: http, port: 80, targetPort: 8001}
  - {name: grpc, port: 82, targetPort: 8002}
  - {name: tcp, port: 83, targetPort: 8003}
  - {name: any, port: 84, targetPort: 8004}
---
"""
TARGETS = (
    Target(HOST, 80, 8001),
    Target(HOST, 82, 8002),
    Target(HOST, 83, 8003),
    Target(HOST, 84, 8004),
)


def sidecar(
    targets: tuple[Target, ...] = TARGETS,
    *,
    families: tuple[IpFamily, ...] = (IpFamily.IPV4,),
    metadata: Labels = (),
) -> ResolvedProxy:
    return ResolvedProxy(
        role=Role.SIDECAR,
        namespace=Namespace("default"),
        labels=(("app", "app"),),
        families=families,
        targets=targets,
        metadata=metadata,
    )


def virtual_inbound(
    text: str = SERVICE,
    proxy: ResolvedProxy | None = None,
    mesh: MeshConfig | None = None,
) -> dict[str, Any]:
    return Declared(text, mesh=mesh).listeners(proxy or sidecar())["virtualInbound"]


def cluster(
    name: str,
    text: str = SERVICE,
    proxy: ResolvedProxy | None = None,
    mesh: MeshConfig | None = None,
) -> dict[str, Any]:
    return Declared(text, mesh=mesh).clusters(proxy or sidecar())[name]


def chains(listener: dict[str, Any], port: int | None) -> list[str]:
    """How each chain of a port is chosen and what it does, in order: ``tls a,b mTLS HTTP``."""
    return [
        _shown(chain)
        for chain in listener["filter_chains"]
        if chain["filter_chain_match"].get("destination_port") == port
    ]


def _shown(chain: dict[str, Any]) -> str:
    match = chain["filter_chain_match"]
    name = chain["filters"][-1]["name"].rsplit(".", 1)[-1]
    parts = [
        match["transport_protocol"],
        ",".join(match.get("application_protocols", ())),
        "mTLS" if "transport_socket" in chain else "",
        {"http_connection_manager": "HTTP", "tcp_proxy": "TCP"}[name],
    ]
    return " ".join(part for part in parts if part)


def skipped_ports(listener: dict[str, Any], inspector: str) -> list[int]:
    """The ports whose first bytes an inspector does not look at."""
    (filter_,) = (f for f in listener["listener_filters"] if f["name"].endswith(inspector))
    disabled = filter_.get("filter_disabled", {})
    rules = disabled["or_match"]["rules"] if "or_match" in disabled else [disabled]
    return [rule["destination_port_range"]["start"] for rule in rules]


def peer_authentication(
    mode: str | None = None,
    *,
    namespace: str = "default",
    selector: str | None = None,
    ports: str | None = None,
    name: str = "peers",
) -> str:
    """A PeerAuthentication; ``selector`` and ``ports`` in YAML's flow style."""
    return f"""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  {f"selector: {{matchLabels: {selector}}}" if selector else ""}
  {f"mtls: {{mode: {mode}}}" if mode else ""}
  {f"portLevelMtls: {ports}" if ports else ""}
---
"""
