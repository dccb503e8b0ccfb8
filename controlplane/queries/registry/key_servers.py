"""Where an issuer of the mesh's own registry is: DNS of the control plane may not know it."""

from controlplane.base.names import Host, Namespace
from controlplane.graph import Graph
from controlplane.model.service import Resolution
from controlplane.queries.registry.endpoints import endpoints_of
from controlplane.queries.registry.services import service

DOMAINS = ("", ".svc.cluster.local", ".cluster.local")
"""What a name of Kubernetes' DNS may leave out."""


def key_server(
    graph: Graph, host: str, port: int, root: Namespace
) -> tuple[tuple[str, int], ...] | None:
    """The ready endpoints of the service named ``host``; ``None`` where the registry has none of
    that name, or leaves its addresses to DNS by its own name.
    """
    for domain in DOMAINS:
        found = service(graph, Host(host.lower() + domain), root)
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
