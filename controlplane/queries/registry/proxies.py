"""What affects a proxy's configuration: its labels, the services that it is an endpoint of.

Source: Istio ``model/context.go`` (``SetWorkloadLabels``, ``SetServiceTargets``).
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Namespace, ObjectKey
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.core.endpoints import ENDPOINT_SLICE, SERVICE_NAME_LABEL, EndpointSlice
from controlplane.kinds.core.pod import POD
from controlplane.kinds.core.service import SERVICE, Service as KubernetesService
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY, ServiceEntry
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY, WorkloadEntry
from controlplane.kinds.object import Object, is_of
from controlplane.model.endpoint import (
    HOSTNAME_LABEL,
    LOCALITY_PARTS,
    Endpoint,
    locality_of_labels,
    locality_of_text,
    selects,
    topology,
)
from controlplane.model.proxy import (
    NODE_CONFIG,
    IpFamily,
    Labels,
    Locality,
    Proxy,
    ResolvedProxy,
    Target,
    labels_of,
)
from controlplane.model.service import Origin, Protocol, Service, ServicePort
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.registry.endpoints import (
    EVERY_WORKLOAD,
    Pair,
    Workload,
    WorkloadKey,
    endpoints_of,
    locality_of_pod,
    pods_by_address,
)
from controlplane.queries.registry.proxy_configs import (
    annotated,
    annotation_for,
    proxy_settings,
)
from controlplane.queries.registry.services import hosts_of, service_of
from controlplane.translate.istio.proxy_config import annotations_of
from controlplane.translate.kubernetes.endpoints import container_port
from controlplane.translate.kubernetes.service import service_host
from controlplane.translate.workload import workload_labels

Where = tuple[Namespace, str]
KEEPS_SERVER_PORTS: Final = "experimental.istio.io/disable-gateway-port-translation"
"""A label of Services, with any value. Source: Istio ``model/gateway.go`` (``resolvePorts``)."""


@index(SERVICE)
def services_by_selector(
    declared: Object[KubernetesService],
) -> Iterator[tuple[tuple[Namespace, Pair], ObjectKey[KubernetesService]]]:
    """Each Service under one pair of its selector: a workload with all pairs has that one."""
    for pair in sorted(declared.spec.selector.items())[:1]:
        yield (declared.namespace, pair), declared.key


@index(SERVICE_ENTRY)
def entries_by_selector(
    declared: Object[ServiceEntry],
) -> Iterator[tuple[tuple[Namespace, Pair], ObjectKey[ServiceEntry]]]:
    selector = declared.spec.workload_selector
    if selector is not None:
        pairs = sorted(selector.labels.items())[:1] or [EVERY_WORKLOAD]
        yield (declared.namespace, pairs[0]), declared.key


@index(SERVICE, SERVICE_ENTRY)
def pairs_of_selectors(declared: Object[Any]) -> Iterator[tuple[Namespace, Pair]]:
    """The pairs under which Services and ServiceEntries are found by selector."""
    index_ = services_by_selector if declared.kind == SERVICE else entries_by_selector
    for (namespace, pair), _ in index_.entries(declared):
        yield namespace, pair


@derived
def _selecting_pairs(graph: Graph, namespace: Namespace) -> frozenset[Pair]:
    return frozenset(pairs_of_selectors(graph, namespace))


@index(SERVICE_ENTRY)
def entries_by_address(
    declared: Object[ServiceEntry],
) -> Iterator[tuple[Where, ObjectKey[ServiceEntry]]]:
    for entry in declared.spec.endpoints or ():
        yield (declared.namespace, entry.address), declared.key


@index(ENDPOINT_SLICE)
def slices_by_address(
    declared: Object[EndpointSlice],
) -> Iterator[tuple[Where, str]]:
    name = declared.labels.get(SERVICE_NAME_LABEL)
    if name is not None:
        for listed in declared.spec.endpoints:
            for address in listed.addresses:
                yield (declared.namespace, address), name


@index(WORKLOAD_ENTRY)
def workload_entries_by_address(
    declared: Object[WorkloadEntry],
) -> Iterator[tuple[Where, ObjectKey[WorkloadEntry]]]:
    if declared.spec.address:
        yield (declared.namespace, declared.spec.address), declared.key


@guarded
def resolved(graph: Graph, proxy: Proxy) -> ResolvedProxy | None:
    """Runs again when what is declared at the proxy's addresses, or selects its labels, changes."""
    labels, locality = _labels_and_locality(graph, proxy)
    annotation = own_annotation(graph, proxy)
    services = tuple(_services(graph, proxy, labels))
    kept = tuple(service for service in services if _keeps_server_ports(graph, service))
    return ResolvedProxy(
        role=proxy.role,
        namespace=proxy.namespace,
        labels=labels,
        locality=locality,
        families=_families(proxy.addresses),
        targets=_targets(graph, proxy, labels, (s for s in services if s not in kept)),
        untranslated=(
            *_targets(graph, proxy, labels, kept),
            *_targets(graph, proxy, labels, services, is_udp=True),
        ),
        metadata=proxy_settings(graph, proxy, labels, annotation[1] if annotation else None),
    )


def own_annotation(graph: Graph, proxy: Proxy) -> tuple[FieldRef, str] | None:
    """The annotation ``proxy.istio.io/config`` of the proxy's workload, and where it is."""
    return annotation_for(graph, proxy, _declared_at(graph, proxy))


def own_annotations(graph: Graph, proxy: Proxy) -> Mapping[str, object]:
    """The annotations of the proxy's workload that are about its proxy."""
    declared = annotated(graph, proxy, _declared_at(graph, proxy))
    return annotations_of(declared)[1] if declared is not None else {}


def resolved_or_as_it_says(graph: Graph, proxy: Proxy) -> ResolvedProxy:
    """As ``resolved``; only from what the proxy reports where an internal error hides what is
    declared for it.
    """
    found = resolved(graph, proxy)
    if found is not None:
        return found
    return ResolvedProxy(
        role=proxy.role,
        namespace=proxy.namespace,
        labels=proxy.labels,
        locality=proxy.locality,
        families=_families(proxy.addresses),
        targets=(),
        metadata=tuple(pair for pair in proxy.metadata if pair[0] != NODE_CONFIG),
    )


def _families(addresses: tuple[str, ...]) -> tuple[IpFamily, ...]:
    """The families of its addresses, in their order; IPv4 where it has none."""
    versions = {ipaddress.ip_address(address).version for address in addresses}
    return tuple(family for family in IpFamily if family.value in versions) or (IpFamily.IPV4,)


def _labels_and_locality(graph: Graph, proxy: Proxy) -> tuple[Labels, Locality]:
    """The labels of the proxy, with those that say where it is, and its locality.

    The labels win over the node's own locality. Source: Istio ``pilot/pkg/xds/ads.go``
    (``setTopologyLabels``).
    """
    labels, declared = _workload(graph, proxy)
    known = dict(labels) | topology(declared)
    parts = [known.get(name, "") for name in LOCALITY_PARTS]
    locality = Locality(*parts) if any(parts) else proxy.locality
    return labels_of(known | topology(locality)), locality


def _workload(graph: Graph, proxy: Proxy) -> tuple[Labels, Locality]:
    """Labels and locality as declared for the proxy's address in its namespace, else as its node's
    labels say.

    A Pod comes before a WorkloadEntry, which comes before an endpoint within a ServiceEntry.
    """
    for address in proxy.addresses:
        where = (proxy.namespace, address)
        declared = _workload_at(graph, where, proxy.labels)
        if declared is not None:
            return _declared(graph, declared)
        for entry_key in entries_by_address(graph, where):
            entry = object_of(graph, entry_key)
            for listed in (entry.spec.endpoints or ()) if entry is not None else ():
                if listed.address == address:
                    labels = labels_of(dict(listed.labels))
                    text = listed.locality
                    return labels, locality_of_text(text) if text else locality_of_labels(labels)
    return proxy.labels, locality_of_labels(proxy.labels)


def _declared_at(graph: Graph, proxy: Proxy) -> Workload | None:
    """The Pod or WorkloadEntry at the first of the proxy's addresses that has one."""
    found = (_workload_at(graph, (proxy.namespace, a), proxy.labels) for a in proxy.addresses)
    return next((declared for declared in found if declared is not None), None)


def _workload_at(graph: Graph, where: Where, labels: Labels) -> Workload | None:
    found: tuple[WorkloadKey, ...] = pods_by_address(graph, where)
    for key in (*found, *_entries_at(graph, where, labels)):
        declared = object_of(graph, key)
        if declared is not None:
            return declared
    return None


def _entries_at(graph: Graph, where: Where, labels: Labels) -> tuple[ObjectKey[WorkloadEntry], ...]:
    """The WorkloadEntries at an address; of several, which share loopback, first those with the
    labels that the proxy has itself.
    """
    keys = workload_entries_by_address(graph, where)
    if len(keys) < 2:
        return keys

    def differs(key: ObjectKey[WorkloadEntry]) -> bool:
        declared = object_of(graph, key)
        return declared is None or workload_labels(declared) != labels

    return tuple(sorted(keys, key=differs))


def _declared(graph: Graph, declared: Workload) -> tuple[Labels, Locality]:
    if is_of(declared, POD):
        node = declared.spec.spec.node_name
        labels = labels_of(dict(declared.labels) | ({HOSTNAME_LABEL: node} if node else {}))
        return labels, locality_of_pod(graph, declared)
    assert is_of(declared, WORKLOAD_ENTRY), "a workload is one of the two"
    labels = workload_labels(declared)
    text = declared.spec.locality
    return labels, locality_of_text(text) if text else locality_of_labels(labels)


def _targets(
    graph: Graph,
    proxy: Proxy,
    labels: Labels,
    services: Iterable[Service],
    *,
    is_udp: bool = False,
) -> tuple[Target, ...]:
    """The ports of services that the proxy is an endpoint of, by the age of the service, then its
    host.
    """
    found = {
        target: (declared.created, declared.host)
        for declared in services
        for target in _targets_of(graph, proxy, declared, labels)
        if target.is_udp is is_udp
    }
    return tuple(sorted(found, key=lambda target: (found[target], target)))


def _keeps_server_ports(graph: Graph, declared: Service) -> bool:
    """Whether the service asks that its ports do not change where a gateway's servers listen."""
    if declared.origin is not Origin.KUBERNETES:
        return False
    objects = (object_of(graph, key) for key in declared.declared_by)
    return any(KEEPS_SERVER_PORTS in found.labels for found in objects if found is not None)


def _targets_of(graph: Graph, proxy: Proxy, declared: Service, labels: Labels) -> Iterator[Target]:
    """Of several ports of a Kubernetes Service with one protocol that arrive at one port only the
    first is used, as in Istio.
    """
    arrived: set[tuple[int, Protocol]] = set()
    for port in declared.ports:
        for number in _arrivals(graph, proxy, declared, port, labels):
            if (number, port.protocol) not in arrived or declared.origin is not Origin.KUBERNETES:
                arrived.add((number, port.protocol))
                yield Target(declared.host, port.number, number, port.protocol is Protocol.UDP)


def _services(graph: Graph, proxy: Proxy, labels: Labels) -> Iterator[Service]:
    hosts: dict[Host, None] = {}
    namespace = proxy.namespace
    asked_for = _selecting_pairs(graph, namespace)
    for pair in (*labels, EVERY_WORKLOAD):
        if pair not in asked_for:
            continue
        for key in services_by_selector(graph, (namespace, pair)):
            declared = object_of(graph, key)
            if declared is not None and set(declared.spec.selector.items()) <= set(labels):
                hosts[service_host(declared)] = None
        for entry_key in entries_by_selector(graph, (namespace, pair)):
            entry = object_of(graph, entry_key)
            selector = entry.spec.workload_selector if entry is not None else None
            if entry is None or selector is None:
                continue
            if set(selector.labels.items()) <= set(labels):
                hosts |= dict.fromkeys(hosts_of(entry))
    for address in proxy.addresses:
        for entry_key in entries_by_address(graph, (namespace, address)):
            entry = object_of(graph, entry_key)
            hosts |= dict.fromkeys(hosts_of(entry) if entry is not None else ())
        for name in slices_by_address(graph, (namespace, address)):
            service = object_of(graph, ObjectKey(SERVICE, namespace, name))
            if service is not None:
                hosts[service_host(service)] = None
    for host in hosts:
        found = service_of(graph, host, namespace)
        if found is not None:
            yield found


def _arrivals(
    graph: Graph, proxy: Proxy, found: Service, port: ServicePort, labels: Labels
) -> Iterator[int]:
    """Where connections for ``port`` arrive at the proxy: as an endpoint there says, else as
    ``targetPort`` does.
    """
    listed = [
        endpoint.port
        for endpoint in _own_endpoints(graph, proxy, found, port)
        if endpoint.address in proxy.addresses
    ]
    if listed:
        yield from dict.fromkeys(listed)
        return
    if found.selector is None or not selects(found.selector, labels):
        return
    if isinstance(port.target, int):
        yield port.target
        return
    for address in proxy.addresses:
        for key in pods_by_address(graph, (proxy.namespace, address)):
            pod = object_of(graph, key)
            number = container_port(pod, port.target) if pod is not None else None
            if number is not None:
                yield number


def _own_endpoints(
    graph: Graph, proxy: Proxy, found: Service, port: ServicePort
) -> tuple[Endpoint, ...]:
    """The service's endpoints, but only where something is declared at the proxy's addresses at
    all.
    """
    for address in proxy.addresses:
        where = (proxy.namespace, address)
        if (
            entries_by_address(graph, where)
            or workload_entries_by_address(graph, where)
            or slices_by_address(graph, where)
            or pods_by_address(graph, where)
        ):
            return endpoints_of(graph, found.host, found.namespace, port.number)
    return ()
