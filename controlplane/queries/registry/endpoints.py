"""The endpoints of a service's port, from everything that may declare one.

Source: https://istio.io/latest/docs/reference/config/networking/service-entry/,
https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from controlplane.base.locations import Step
from controlplane.base.names import Host, Namespace, ObjectKey, key_is_of
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.core.endpoints import (
    ENDPOINT_SLICE,
    ENDPOINTS,
    SERVICE_NAME_LABEL,
    Endpoints,
    EndpointSlice,
)
from controlplane.kinds.core.node import node_key
from controlplane.kinds.core.pod import POD, Pod
from controlplane.kinds.core.service import SERVICE, Service as KubernetesService
from controlplane.kinds.istio.service_entry import (
    SERVICE_ENTRY,
    ServiceEntry,
    ServicePort as EntryPort,
)
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY, WorkloadEntry
from controlplane.kinds.object import Object, is_of
from controlplane.model.endpoint import Endpoint, locality_of_labels, locality_of_node
from controlplane.model.proxy import NOWHERE, Labels, Locality, labels_of
from controlplane.model.service import Resolution, Service, ServicePort
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.registry.services import service_of
from controlplane.translate import workload as workloads
from controlplane.translate.connections import OF_OPTION, OF_SERVICE, port_key
from controlplane.translate.istio import service_entry as entries
from controlplane.translate.kubernetes import endpoints as kubernetes

Pair = tuple[str, str]
EVERY_WORKLOAD: Final[Pair] = ("", "")
"""For selectors that select every workload of a namespace: a pair that each workload has."""
Workload = Object[Pod | WorkloadEntry]
WorkloadKey = ObjectKey[Pod | WorkloadEntry]
_OF_ENTRY: Final = ("spec", "address")
_OF_POD: Final = ("status", "podIP")
LocatedEndpoint = tuple[Endpoint, ObjectKey, tuple[Step, ...], Object[Pod] | None]
"""An endpoint, the object and the field that declare it, and the pod behind an address that is
listed.
"""


@index(ENDPOINT_SLICE)
def slices_of_service(
    declared: Object[EndpointSlice],
) -> Iterator[tuple[tuple[Namespace, str], ObjectKey[EndpointSlice]]]:
    name = declared.labels.get(SERVICE_NAME_LABEL)
    if name is not None:
        yield (declared.namespace, name), declared.key


@index(WORKLOAD_ENTRY)
def connected_workloads(
    declared: Object[WorkloadEntry],
) -> Iterator[tuple[tuple[Namespace, Host], tuple[int, ObjectKey[WorkloadEntry]]]]:
    """By the service that an annotation says the entry is, in place of all its other endpoints;
    those of options come first, and then alone.
    """
    for rank, annotation in enumerate((OF_OPTION, OF_SERVICE)):
        host = declared.annotations.get(annotation)
        if host is not None:
            yield (declared.namespace, Host(host)), (rank, declared.key)
            return


@index(POD, WORKLOAD_ENTRY)
def workloads_by_label(
    declared: Workload,
) -> Iterator[tuple[tuple[Namespace, Pair], WorkloadKey]]:
    for pair in (*labels_of_workload(declared), EVERY_WORKLOAD):
        yield (declared.namespace, pair), declared.key


@index(POD)
def pods_by_address(
    declared: Object[Pod],
) -> Iterator[tuple[tuple[Namespace, str], ObjectKey[Pod]]]:
    address = kubernetes.pod_address(declared)
    if address is not None:
        yield (declared.namespace, address), declared.key


def labels_of_workload(declared: Workload) -> Labels:
    if is_of(declared, WORKLOAD_ENTRY):
        return workloads.workload_labels(declared)
    return labels_of(dict(declared.labels))


def selected_workloads(
    graph: Graph, namespace: Namespace, selector: Labels
) -> tuple[WorkloadKey, ...]:
    """The Pods and WorkloadEntries of a namespace that have every label of ``selector``."""
    found: set[WorkloadKey] | None = None
    for pair in selector or (EVERY_WORKLOAD,):
        keys = workloads_by_label(graph, (namespace, pair))
        found = set(keys) if found is None else found & set(keys)
        if not found:
            return ()
    return tuple(sorted(found or ()))


@derived
def endpoints_of(
    graph: Graph, host: Host, namespace: Namespace, number: int
) -> tuple[Endpoint, ...]:
    """Every endpoint, ready or not, of the port of that number of the service that ``namespace``
    declares.

    Runs again when the service, one of its endpoints, or the set of workloads that it selects
    changes.
    """
    return tuple(found[0] for found in located_endpoints(graph, host, namespace, number))


def located_endpoints(
    graph: Graph, host: Host, namespace: Namespace, number: int
) -> tuple[LocatedEndpoint, ...]:
    """Each of ``endpoints_of``, with what declares it."""
    found = service_of(graph, host, namespace)
    port = found.port(number) if found is not None else None
    if found is None or port is None:
        return ()
    connected = connected_workloads(graph, (namespace, host))
    located = (
        tuple(
            endpoint
            for rank, entry in connected
            if rank == connected[0][0]
            for endpoint in endpoints_of_connected(graph, entry, port)
        )
        if connected
        else tuple(declared_endpoints(graph, found, port))
    )
    if not found.resolution.uses_dns:
        return tuple(endpoint for endpoint in located if endpoint[0].is_numeric)
    named = tuple(endpoint for endpoint in located if not endpoint[0].is_pipe)
    return named[:1] if found.resolution is Resolution.DNS_ROUND_ROBIN else named


def declared_endpoints(
    graph: Graph, found: Service, port: ServicePort
) -> Iterator[LocatedEndpoint]:
    """The endpoints of a port, but for those that an annotation puts in their place."""
    for key in sorted(found.declared_by, key=lambda key: key.kind == SERVICE):
        yield from _endpoints_of_declaration(graph, key, found, port)


def _endpoints_of_declaration(
    graph: Graph, key: ObjectKey, found: Service, port: ServicePort
) -> Iterator[LocatedEndpoint]:
    if key_is_of(key, SERVICE):
        if object_of(graph, key) is not None:
            yield from _service_endpoints(graph, key, found, port)
        return
    assert key_is_of(key, SERVICE_ENTRY), "only these two declare services"
    declared = object_of(graph, key)
    own = _counterpart(declared, found, port) if declared is not None else None
    if declared is None or own is None:
        return
    for i, endpoint in enumerate(entries.listed_endpoints(declared, found.host, own)):
        field = ("endpoints", i) if declared.spec.endpoints else ("hosts",)
        yield endpoint, key, ("spec", *field), None
    selector = declared.spec.workload_selector
    if selector is not None:
        target = own.target_port or own.number
        labels = labels_of(dict(selector.labels))
        for workload in selected_workloads(graph, key.namespace, labels):
            yield from endpoints_of_entry_workload(graph, workload, own.name, target)


def _counterpart(
    declared: Object[ServiceEntry], found: Service, port: ServicePort
) -> EntryPort | None:
    """The port of a ServiceEntry whose endpoints are those of ``port``: the one of its name, but
    with DNS, as in Istio, the one of its number.
    """
    if found.resolution.uses_dns:
        return next((own for own in declared.spec.ports if own.number == port.number), None)
    return next((own for own in declared.spec.ports if own.name == port.name), None)


@guarded(first=())
def endpoints_of_connected(
    graph: Graph, key: ObjectKey[WorkloadEntry], port: ServicePort
) -> tuple[LocatedEndpoint, ...]:
    """What a WorkloadEntry is that an annotation connects; none where it does not name the port."""
    declared = object_of(graph, key)
    name = port_key(port)
    if declared is None or name not in declared.spec.ports:
        return ()
    labels = workloads.workload_labels(declared)
    number = declared.spec.ports[name]
    endpoint = workloads.endpoint(
        declared.spec, key.namespace, name, number, labels, workloads.workload_name(declared)
    )
    return ((workloads.as_it_is(endpoint, declared), key, _OF_ENTRY, None),)


@guarded(first=())
def endpoints_of_entry_workload(
    graph: Graph, key: WorkloadKey, port_name: str, target: int
) -> tuple[LocatedEndpoint, ...]:
    """What a Pod or WorkloadEntry adds to a ServiceEntry that selects it."""
    declared = object_of(graph, key)
    if declared is None:
        return ()
    if is_of(declared, WORKLOAD_ENTRY):
        labels = workloads.workload_labels(declared)
        if not declared.spec.address or not workloads.is_usable(declared):
            return ()
        endpoint = workloads.endpoint(
            declared.spec,
            key.namespace,
            port_name,
            target,
            labels,
            workloads.workload_name(declared),
        )
        return ((workloads.as_it_is(endpoint, declared), key, _OF_ENTRY, None),)
    assert is_of(declared, POD), "a workload is one of the two"
    pod = kubernetes.pod_endpoint(declared, target, name=port_name)
    return () if pod is None else ((_on_node(graph, pod, declared), key, _OF_POD, None),)


def _service_endpoints(
    graph: Graph, key: ObjectKey[KubernetesService], found: Service, port: ServicePort
) -> Iterator[LocatedEndpoint]:
    """EndpointSlices; where there are none, the Endpoints object; where there is none, selected
    Pods.

    WorkloadEntries that the Service selects are endpoints besides, unless it is headless.
    """
    unready = found.publishes_unready
    slices = slices_of_service(graph, (key.namespace, key.name))
    listed = ObjectKey(ENDPOINTS, key.namespace, key.name)
    is_listed = object_of(graph, listed) is not None
    for slice_key in slices:
        yield from endpoints_of_slice(graph, slice_key, port)
    if is_listed and not slices:
        yield from endpoints_of_list(graph, listed, port, unready)
    if found.selector is None:
        return
    for workload in selected_workloads(graph, key.namespace, found.selector):
        if key_is_of(workload, WORKLOAD_ENTRY):
            counts = found.resolution is not Resolution.HEADLESS
        else:
            counts = not slices and not is_listed
        if counts:
            yield from endpoints_of_workload(graph, workload, port, unready)


@guarded(first=())
def endpoints_of_slice(
    graph: Graph, key: ObjectKey[EndpointSlice], port: ServicePort
) -> tuple[LocatedEndpoint, ...]:
    """What one EndpointSlice lists; runs again when it, a Pod that it names or the Node of one
    changes.
    """
    declared = object_of(graph, key)
    if declared is None:
        return ()
    found = kubernetes.slice_endpoints(declared, port, _pods(graph, key.namespace))
    return tuple((_on_node(graph, endpoint, pod), key, at, pod) for endpoint, at, pod in found)


@guarded(first=())
def endpoints_of_list(
    graph: Graph, key: ObjectKey[Endpoints], port: ServicePort, publishes_unready: bool
) -> tuple[LocatedEndpoint, ...]:
    """What an Endpoints object lists; runs again when it, a Pod that it names or the Node of one
    changes.
    """
    declared = object_of(graph, key)
    if declared is None:
        return ()
    found = kubernetes.listed_endpoints(
        declared, port, _pods(graph, key.namespace), publishes_unready=publishes_unready
    )
    return tuple((_on_node(graph, endpoint, pod), key, at, pod) for endpoint, at, pod in found)


@guarded(first=())
def endpoints_of_workload(
    graph: Graph, key: WorkloadKey, port: ServicePort, publishes_unready: bool
) -> tuple[LocatedEndpoint, ...]:
    """What a Pod or WorkloadEntry adds to a Service that selects it."""
    selected = object_of(graph, key)
    if selected is None:
        return ()
    if is_of(selected, WORKLOAD_ENTRY):
        usable = workloads.is_usable(selected)
        of_entry = kubernetes.workload_endpoint(selected, port) if usable else None
        if of_entry is None:
            return ()
        return ((workloads.as_it_is(of_entry, selected), key, _OF_ENTRY, None),)
    assert is_of(selected, POD), "a workload is one of the two"
    of_pod = kubernetes.pod_endpoint(selected, port.target, publishes_unready=publishes_unready)
    return () if of_pod is None else ((_on_node(graph, of_pod, selected), key, _OF_POD, None),)


def _on_node(graph: Graph, endpoint: Endpoint, pod: Object[Pod] | None) -> Endpoint:
    """``endpoint``, where its Pod's Node is, unless the Pod's own labels say where that is."""
    if pod is None or not pod.spec.spec.node_name or endpoint.locality != NOWHERE:
        return endpoint
    return replace(endpoint, locality=locality_of_pod(graph, pod))


def locality_of_pod(graph: Graph, pod: Object[Pod]) -> Locality:
    """Where a Pod is: as its labels say, else as its Node's do."""
    said, name = locality_of_labels(labels_of(dict(pod.labels))), pod.spec.spec.node_name
    node = object_of(graph, node_key(name)) if name and said == NOWHERE else None
    return said if node is None else locality_of_node(node.labels)


def _pods(graph: Graph, namespace: Namespace) -> Callable[[str, str], Object[Pod] | None]:
    """Finds a Pod by its name, or by its address where no name is given."""

    def pod_at(name: str, address: str) -> Object[Pod] | None:
        keys = (
            (ObjectKey(POD, namespace, name),)
            if name
            else pods_by_address(graph, (namespace, address))
        )
        return object_of(graph, keys[0]) if keys else None

    return pod_at


@derived
def accounts_of(graph: Graph, host: Host, namespace: Namespace) -> tuple[str, ...]:
    """``namespace/service account`` of every endpoint of every port, each once; mostly equal while
    endpoints come and go.
    """
    found = service_of(graph, host, namespace)
    ports = found.ports if found is not None else ()
    endpoints = (e for port in ports for e in endpoints_of(graph, host, namespace, port.number))
    return tuple(sorted({e.account for e in endpoints if e.account is not None}))
