"""Which listeners of a Gateway have TLS that overlaps with that of others on their port."""

from collections.abc import Iterator, Mapping

from controlplane.base.names import ObjectKey, PortNumber
from controlplane.graph import Graph, derived
from controlplane.kinds.gateway_api.gateway import KubernetesGateway
from controlplane.model.gateway_api import Condition, Conformance, ListenerId
from controlplane.queries.gateway_api.listeners import attached, siblings
from controlplane.queries.registry.credentials import credential_of, owner_of, reading
from controlplane.translate.gateway_api.listener import AttachedListener
from controlplane.translate.gateway_api.tls_overlap import SecuredListener, tls_overlaps
from controlplane.translate.kubernetes.secret_entries import ReadKeyPair


@derived
def overlaps(
    graph: Graph, key: ObjectKey[KubernetesGateway], port: PortNumber
) -> Mapping[ListenerId, Condition]:
    """Runs again when a listener of the port or a certificate of one changes."""
    entries = [each for each in siblings(graph, key, port) if each.protocol == "HTTPS"]
    return tls_overlaps(_secured(graph, each.id) for each in entries) if len(entries) > 1 else {}


def _secured(graph: Graph, listener: ListenerId) -> SecuredListener:
    found = attached(graph, listener)
    assert found is not None, "the siblings of a Gateway that is served are attached"
    names = tuple(_names(graph, found))
    return SecuredListener(id=listener, hostname=found.hostname, names=names)


@derived
def overlap(graph: Graph, listener: ListenerId) -> Condition | None:
    """The condition of one listener: changes of others stop here. Istio has none."""
    found = attached(graph, listener)
    if found is None or found.protocol != "HTTPS" or found.conformance is Conformance.ISTIO:
        return None
    return overlaps(graph, found.gateway, found.port).get(listener)


def _names(graph: Graph, listener: AttachedListener) -> Iterator[str]:
    tls = listener.server.tls if listener.server is not None else None
    for name in tls.certificates if tls is not None else ():
        credential = credential_of(name, owner_of(name))
        read = reading(graph, credential) if credential is not None else None
        if isinstance(read, ReadKeyPair):
            yield from read.names
