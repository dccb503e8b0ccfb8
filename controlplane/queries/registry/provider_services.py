"""Services that providers of MeshConfig name.

Source: Istio ``pilot/pkg/model/telemetry_logging.go`` (``LookupCluster``)
"""

from controlplane.base.names import Namespace
from controlplane.graph import Graph
from controlplane.model.external_authorization import Why
from controlplane.model.proxy import Role
from controlplane.model.service import Protocol, Resolution, Service
from controlplane.queries.registry.services import declaring_namespaces, service_for, service_of
from controlplane.translate.istio.external_authorization import ProviderService


def meant_services(graph: Graph, service: ProviderService) -> tuple[Service, ...]:
    """Those that may be meant: of any namespace, if none is named."""
    named = service.namespace
    namespaces = declaring_namespaces(graph, service.host)
    found = (service_of(graph, service.host, each) for each in namespaces if named in (None, each))
    return tuple(each for each in found if each is not None)


def missing_service(graph: Graph, service: ProviderService) -> Why | None:
    """Why the service cannot be found, in any namespace if none is named."""
    found = meant_services(graph, service)
    if not found:
        return Why.SERVICE_UNKNOWN
    return Why.SERVICE_AMBIGUOUS if len(found) > 1 else None


def has_cluster(graph: Graph, service: ProviderService, namespace: Namespace, role: Role) -> bool:
    """Whether proxies of a namespace have a cluster for the port of the service: Envoy refuses a
    listener that sends something to a cluster which it does not have.
    """
    found = service_for(graph, service.host, namespace, role)
    if found is None or found.resolution is Resolution.ALIAS:
        return False
    port = found.port(service.port)
    return port is not None and port.protocol is not Protocol.UDP
