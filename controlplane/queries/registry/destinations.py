"""Where a destination of a VirtualService leads: one rule for HTTP, TLS and TCP routes.

Source: Istio ``pilot/pkg/networking/core/route/route.go`` (``GetDestinationCluster``) and
``pilot/pkg/networking/core/httproute.go`` (``buildNameToServiceMapForHTTPRoutes``).
"""

from dataclasses import dataclass

from controlplane.base.names import Host, Namespace, PortNumber
from controlplane.graph import Graph, derived
from controlplane.model.cluster_name import outbound
from controlplane.queries.registry.services import service, service_of


@dataclass(frozen=True, slots=True)
class Reached:
    """What of a service a destination depends on: the host behind an alias, and the
    port where it has but one.
    """

    host: Host
    only_port: PortNumber | None


@derived
def reached(graph: Graph, host: Host, client: Namespace, owner: Namespace | None) -> Reached:
    """What ``host`` refers to for a client, in an object of the namespace ``owner``.

    The service of that namespace comes first, if the client sees it; without an ``owner`` none
    does. A host that is declared nowhere is used as it is. Runs again when a declaration of the
    host changes.
    """
    found = service_of(graph, host, owner) if owner is not None else None
    if found is None or not found.visibility.admits(client):
        found = service(graph, host, client)
    if found is None:
        return Reached(host, None)
    only = found.ports[0].number if len(found.ports) == 1 else None
    return Reached(found.alias or host, only)


@dataclass(frozen=True, slots=True)
class DestinationCluster:
    """A cluster's name, and the host and port in it."""

    name: str
    host: Host
    port: PortNumber


def destination_cluster(
    graph: Graph,
    *,
    client: Namespace,
    owner: Namespace | None,
    host: Host,
    port: PortNumber | None,
    subset: str | None,
    listened: PortNumber,
) -> DestinationCluster:
    """The cluster of a destination; it need not exist: a request to one that does not is answered
    503.

    ``host`` is complete. HTTP routes look in the namespace of their object (``owner``) first, TLS
    and TCP routes do not. A port left out is the service's only one, else the ``listened`` one.
    """
    found = reached(graph, host, client, owner)
    chosen = port or found.only_port or listened
    return DestinationCluster(outbound(chosen, subset, found.host), found.host, chosen)
