"""What is declared for the tests of a sidecar's listeners, and how these read."""

from typing import Any

from controlplane.base.names import Namespace
from controlplane.kinds.istio.mesh_config import (
    MeshConfig,
)
from controlplane.model.outbound_view import Interception
from controlplane.model.proxy import ResolvedProxy, Role, labels_of
from tests.support.declared import Declared

HTTP = "raw http/1.1,h2c -> "
PASSES = "else -> PassthroughCluster"


def client(
    namespace: str = "default", *, mode: Interception = Interception.REDIRECT, **labels: str
) -> ResolvedProxy:
    return ResolvedProxy(
        role=Role.SIDECAR,
        namespace=Namespace(namespace),
        labels=labels_of(labels),
        metadata=(("INTERCEPTION_MODE", mode.value),),
    )


CLIENT = client()


def service(
    name: str, ports: str, *, address: str = "10.96.0.1", namespace: str = "default"
) -> str:
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{clusterIP: {address}, ports: [{ports}]}}
---
"""


def entry(name: str, ports: str, *, rest: str = "resolution: STATIC", host: str = "") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: default}}
spec: {{hosts: ["{host or f"{name}.example.com"}"], ports: [{ports}], {rest}}}
---
"""


def port(number: int, protocol: str) -> str:
    return f"{{number: {number}, name: p{number}, protocol: {protocol}}}"


def rules(name: str, hosts: str, spec: str, *, namespace: str = "default") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{hosts: [{hosts}], {spec}}}
---
"""


def sidecar(spec: str) -> str:
    return (
        "apiVersion: networking.istio.io/v1\nkind: Sidecar\n"
        f"metadata: {{name: default, namespace: default}}\nspec: {spec}\n---\n"
    )


def found(
    text: str, proxy: ResolvedProxy = CLIENT, mesh: MeshConfig | None = None
) -> dict[str, list[str]]:
    """The chains of each listener but the two virtual ones."""
    listeners = Declared(text, mesh=mesh).listeners(proxy)
    return {
        name: chains(listener)
        for name, listener in listeners.items()
        if name not in ("virtualInbound", "virtualOutbound")
    }


def chains(listener: dict[str, Any]) -> list[str]:
    """``match -> where``, the chain of everything else last, as ``else``."""
    lines = [chain_line(chain) for chain in listener.get("filter_chains", [])]
    if "default_filter_chain" in listener:
        default = chain_line(listener["default_filter_chain"])
        lines.append("else " + default[default.index("->") :])
    return lines


def chain_line(chain: dict[str, Any]) -> str:
    match = chain.get("filter_chain_match", {})
    words = [
        *(str(match[key]) for key in ("destination_port",) if key in match),
        *(f"{r['address_prefix']}/{r['prefix_len']}" for r in match.get("prefix_ranges", [])),
        *match.get("server_names", []),
        *(["raw"] if match.get("transport_protocol") == "raw_buffer" else []),
        ",".join(match.get("application_protocols", [])),
    ]
    where = " ".join(filter_word(each) for each in chain["filters"])
    return " ".join([*filter(None, words), "->", where])


def filter_word(filter_: dict[str, Any]) -> str:
    name, config = filter_["name"].rpartition(".")[2], filter_["typed_config"]
    match name:
        case "tcp_proxy" if "cluster" in config:
            return str(config["cluster"])
        case "tcp_proxy":
            weighted = config["weighted_clusters"]["clusters"]
            return "+".join(f"{each['weight']}*{each['name']}" for each in weighted)
        case "http_connection_manager" if "rds" in config:
            return f"table {config['rds']['route_config_name']}"
        case "http_connection_manager":
            return f"inline {config['route_config']['name']}"
    return str(name)


def out(number: int, host: str) -> str:
    full = host if "." in host else f"{host}.default.svc.cluster.local"
    return f"outbound|{number}||{full}"
