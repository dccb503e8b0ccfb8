"""Where an issuer of the mesh's own registry is: DNS of the control plane may not know it."""

from typing import Final

from controlplane.base.names import CLUSTER_DOMAIN, Host, Namespace
from controlplane.graph import Graph
from controlplane.model.service import Resolution
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.registry.endpoints import endpoints_of
from controlplane.queries.registry.services import service

_SERVICES: Final = f"svc.{CLUSTER_DOMAIN}"


def key_server(graph: Graph, host: str, port: int) -> tuple[tuple[str, int], ...] | None:
    """The ready endpoints of the service that the root namespace knows as ``host``, by its whole
    name or what Kubernetes' DNS takes for it there; ``None`` where the registry has none, or leaves
    its addresses to DNS by its own name.
    """
    root = Namespace(mesh_config(graph).root_namespace)
    name = host.lower().removesuffix(".")
    for domain in ("", f".{root}.{_SERVICES}", f".{_SERVICES}", f".{CLUSTER_DOMAIN}"):
        found = service(graph, Host(name + domain), root)
        if found is None:
            continue
        if found.resolution is Resolution.NONE:
            return None
        return tuple(
            (each.address, each.port)
            for each in endpoints_of(graph, found.host, found.namespace, port)
            if each.is_ready and not each.is_pipe
        )
    return None
