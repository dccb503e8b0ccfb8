"""Where clusters and their endpoints come from: declarations of services, rules, endpoints.

Computed on demand and not kept.
"""

from collections.abc import Iterator

from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Namespace, ObjectKey, PortNumber, key_is_of
from controlplane.base.provenance import BuiltIn, Provenance
from controlplane.graph import Graph
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY
from controlplane.model.cluster_name import BLACK_HOLE, outbound, sni_dnat_name
from controlplane.model.locality import Group
from controlplane.model.outbound_view import ClientLocality, OutboundView
from controlplane.model.service import Service
from controlplane.queries.clusters.cluster_shelves import clusters, endpoints
from controlplane.queries.clusters.clusters import (
    ClusterKey,
    cluster_keys,
    endpoint_groups,
    held_groups,
)
from controlplane.queries.clusters.datagram_clusters import (
    datagram_cluster_origins,
    datagram_endpoint_origins,
)
from controlplane.queries.clusters.special_clusters import special_clusters_of
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.rule_origins import rule_origins
from controlplane.queries.registry.endpoints import LocatedEndpoint, located_endpoints
from controlplane.queries.registry.imported import hosts_in_view
from controlplane.queries.registry.services import service_of

_Origins = tuple[FieldRef, ...]


def cluster_origins(
    graph: Graph, view: OutboundView, client: ClientLocality, shards: range
) -> Iterator[Provenance]:
    """Each cluster of a view in some shards. Those that hold their endpoints themselves have them
    as parts.
    """
    made = clusters(graph, view, client)
    if 0 in shards:
        yield Provenance(name=BLACK_HOLE, origins=(BuiltIn.BLACK_HOLE,))
        for special in special_clusters_of(graph, view):
            yield Provenance(name=special, origins=(BuiltIn.UNKNOWN_TRAFFIC,))
    for shard in shards:
        yield from datagram_cluster_origins(graph, view, shard)
    for key in _cluster_keys(graph, view, shards):
        name = _cluster_name(key)
        if name in made:
            held = _endpoints(graph, key, held_groups(graph, key, client))
            rules = rule_origins(graph, key.rules, key.subset, _port_name(graph, key))
            origins = (*_service_origins(graph, key), *rules)
            yield Provenance(name=name, origins=origins, parts=tuple(held))


def endpoint_origins(
    graph: Graph, view: OutboundView, client: ClientLocality, shards: range
) -> Iterator[Provenance]:
    """Each assignment of endpoints in some shards, with its endpoints as parts."""
    assigned = endpoints(graph, view, client)
    for shard in shards:
        yield from datagram_endpoint_origins(graph, view, shard)
    for key in _cluster_keys(graph, view, shards):
        name = _cluster_name(key)
        if name in assigned:
            yield Provenance(
                name=name,
                origins=_service_origins(graph, key),
                parts=tuple(_endpoints(graph, key, endpoint_groups(graph, key, client))),
            )


def _cluster_keys(graph: Graph, view: OutboundView, shards: range) -> Iterator[ClusterKey]:
    hosts = (host for shard in shards for host in hosts_in_view(graph, view, shard))
    for host in hosts:
        yield from cluster_keys(graph, host, view)


def _cluster_name(key: ClusterKey) -> str:
    spell = sni_dnat_name if key.is_sni_dnat else outbound
    return spell(PortNumber(key.port), key.subset, key.host)


def _port_name(graph: Graph, key: ClusterKey) -> str | None:
    service = service_of(graph, key.host, key.namespace)
    port = service.port(key.port) if service is not None else None
    return port.name if port is not None else None


def _service_origins(graph: Graph, key: ClusterKey) -> _Origins:
    return port_origins(graph, key.host, key.namespace, key.port)


def port_origins(graph: Graph, host: Host, namespace: Namespace, number: int) -> _Origins:
    """The port of a service in every declaration that has it, and the host in the one that decides
    the rest.
    """
    service = service_of(graph, host, namespace)
    if service is None:
        return ()
    found = tuple(port_fields(graph, service, number))
    deciding = service.declared_by[0]
    if any(origin.object == deciding for origin in found):
        return found
    return (_host_field(graph, deciding, service.host), *found)


def port_fields(graph: Graph, service: Service, number: int) -> Iterator[FieldRef]:
    """A port in every declaration that has it."""
    for declaring in service.declared_by:
        for i, each in enumerate(_port_numbers(graph, declaring)):
            if each == number:
                yield FieldRef(declaring, ("spec", "ports", i))


def _port_numbers(graph: Graph, key: ObjectKey) -> tuple[int, ...]:
    if key_is_of(key, SERVICE):
        service = object_of(graph, key)
        return tuple(port.port for port in service.spec.ports) if service is not None else ()
    assert key_is_of(key, SERVICE_ENTRY), "only these two declare services"
    entry = object_of(graph, key)
    return tuple(port.number for port in entry.spec.ports) if entry is not None else ()


def _host_field(graph: Graph, key: ObjectKey, host: Host) -> FieldRef:
    if key_is_of(key, SERVICE_ENTRY):
        entry = object_of(graph, key)
        if entry is not None:
            return FieldRef(key, ("spec", "hosts", entry.spec.hosts.index(host)))
    return FieldRef(key, ("metadata", "name"))


def _endpoints(graph: Graph, key: ClusterKey, groups: tuple[Group, ...]) -> Iterator[Provenance]:
    """The endpoints in the order of the message. What has the same address and port more than once
    comes from all that say so.
    """
    where = (key.host, key.namespace, key.port)
    declared: dict[tuple[str, int], dict[FieldRef, None]] = {}
    for located in located_endpoints(graph, *where):
        at = declared.setdefault((located[0].address, located[0].port), {})
        at.update(dict.fromkeys(_origins_of(located)))
    for group in groups:
        for endpoint in group.endpoints:
            name = endpoint.address if endpoint.is_pipe else f"{endpoint.address}:{endpoint.port}"
            yield Provenance(name=name, origins=tuple(declared[(endpoint.address, endpoint.port)]))


def _origins_of(located: LocatedEndpoint) -> Iterator[FieldRef]:
    _, key, path, pod = located
    yield FieldRef(key, path)
    if pod is not None:
        yield FieldRef(pod.key, ("metadata", "name"))
