"""EndpointSlices, Endpoints and Pods become endpoints of a Service's port.

Source: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/ and Istio
``serviceregistry/kube/controller/endpointslice.go``.
"""

from collections.abc import Callable, Iterator

from controlplane.base.hosts import is_unscoped_ip
from controlplane.base.locations import Step
from controlplane.base.names import Namespace
from controlplane.kinds.core.endpoints import (
    EndpointAddress,
    Endpoints,
    EndpointSlice,
    ObjectReference,
)
from controlplane.kinds.core.pod import Pod
from controlplane.kinds.istio.workload_entry import WorkloadEntry
from controlplane.kinds.object import Object
from controlplane.model.endpoint import NETWORK_LABEL, Endpoint, locality_of_labels
from controlplane.model.proxy import labels_of
from controlplane.model.service import ServicePort
from controlplane.translate.workload import TLS_MODE_LABEL, endpoint, workload_labels, workload_name

PodAt = Callable[[str, str], Object[Pod] | None]
"""Finds the pod behind an address: by the name that the endpoint refers to, else by the address."""
_TEMPLATE_HASH = "pod-template-hash"
ListedEndpoint = tuple[Endpoint, tuple[Step, ...], Object[Pod] | None]
"""An endpoint, the field that lists it, and the pod behind its address."""


def slice_endpoints(
    declared: Object[EndpointSlice], port: ServicePort, pod_at: PodAt
) -> Iterator[ListedEndpoint]:
    """Every address of an endpoint is one; those not ready, or terminating, are kept as such.

    Whether unready ones are published is decided by the writer of the slice, which marks them
    ready.
    """
    spec = declared.spec
    if spec.address_type not in ("IPv4", "IPv6"):
        return
    for number in [p.port for p in spec.ports if p.name == port.name and p.port]:
        for i, listed in enumerate(spec.endpoints):
            at, node = ("endpoints", i), listed.node_name
            is_ready = listed.conditions.ready is not False
            for address in filter(is_unscoped_ip, listed.addresses):
                pod = pod_at(_pod_name(listed.target_ref), address)
                yield _endpoint(address, number, pod, is_ready=is_ready, node=node), at, pod


def listed_endpoints(
    declared: Object[Endpoints], port: ServicePort, pod_at: PodAt, *, publishes_unready: bool
) -> Iterator[ListedEndpoint]:
    """The endpoints of an Endpoints object, whose subsets pair addresses with ports."""
    for i, subset in enumerate(declared.spec.subsets):
        for number in [p.port for p in subset.ports if p.name == port.name and p.port]:
            for name, is_ready, addresses in (
                ("addresses", True, subset.addresses),
                ("notReadyAddresses", publishes_unready, subset.not_ready_addresses),
            ):
                for j, address in enumerate(addresses):
                    if is_unscoped_ip(address.ip):
                        pod, node = _pod_of(address, pod_at), address.node_name
                        found = _endpoint(address.ip, number, pod, is_ready=is_ready, node=node)
                        yield found, ("subsets", i, name, j), pod


def pod_endpoint(
    declared: Object[Pod], target: int | str, *, name: str = "", publishes_unready: bool = False
) -> Endpoint | None:
    """The endpoint that a selected pod is; ``None`` while it has no address or lacks the named
    port.

    The container port called ``name``, if there is one, comes before ``target``.
    """
    address = pod_address(declared)
    named = container_port(declared, name) if name else None
    number = container_port(declared, target) if named is None else named
    if address is None or number is None or declared.spec.status.phase in ("Succeeded", "Failed"):
        return None
    return _endpoint(
        address,
        number,
        declared,
        is_ready=publishes_unready or _is_ready(declared.spec),
        node=declared.spec.spec.node_name,
    )


def workload_endpoint(declared: Object[WorkloadEntry], port: ServicePort) -> Endpoint | None:
    """The endpoint that a WorkloadEntry is which a Service selects.

    A named ``targetPort`` is looked up in ``ports`` of the entry; a number gives way to the entry's
    port of the Service's port name. Source: Istio ``serviceInstanceFromWorkloadInstance``.
    """
    entry = declared.spec
    if not is_unscoped_ip(entry.address):
        return None
    if isinstance(port.target, str):
        if port.target not in entry.ports:
            return None
        target = entry.ports[port.target]
    else:
        target = entry.ports.get(port.name, port.target)
    return endpoint(
        entry,
        declared.namespace,
        "",
        target,
        workload_labels(declared),
        workload_name(declared),
    )


def pod_address(declared: Object[Pod]) -> str | None:
    status = declared.spec.status
    addresses = (status.pod_ip, *(ip.ip for ip in status.pod_ips))
    return next((address for address in addresses if is_unscoped_ip(address)), None)


def container_port(declared: Object[Pod], target: int | str) -> int | None:
    """The number of the container port that ``target`` is or names."""
    if isinstance(target, int):
        return target
    return next(
        (
            port.container_port
            for container in (*declared.spec.spec.containers, *declared.spec.spec.init_containers)
            for port in container.ports
            if port.name == target and port.protocol == "TCP"
        ),
        None,
    )


def _endpoint(
    address: str, number: int, pod: Object[Pod] | None, *, is_ready: bool, node: str
) -> Endpoint:
    if pod is None:
        return Endpoint(address=address, port=number, is_ready=is_ready, node=node)
    labels = labels_of(dict(pod.labels))
    return Endpoint(
        address=address,
        port=number,
        labels=labels,
        locality=locality_of_labels(labels),
        network=pod.labels.get(NETWORK_LABEL, ""),
        node=node or pod.spec.spec.node_name,
        is_ready=is_ready,
        takes_mutual_tls=pod.labels.get(TLS_MODE_LABEL) == "istio",
        account=_account(pod.namespace, pod.spec),
        workload=f"{pod.namespace}/{_workload_name(pod)}",
    )


def _workload_name(pod: Object[Pod]) -> str:
    """The Deployment that made the pod, where its name says so, else the pod's own."""
    template = pod.labels.get(_TEMPLATE_HASH)
    name, found, _ = pod.name.rpartition(f"-{template}-") if template else ("", "", "")
    return name if found else pod.name


def _account(namespace: Namespace, pod: Pod) -> str:
    return f"{namespace}/{pod.spec.service_account_name or 'default'}"


def _is_ready(pod: Pod) -> bool:
    """Ready unless a condition says otherwise: files rarely hold conditions."""
    return all(c.status == "True" for c in pod.status.conditions if c.type == "Ready")


def _pod_of(address: EndpointAddress, pod_at: PodAt) -> Object[Pod] | None:
    return pod_at(_pod_name(address.target_ref), address.ip)


def _pod_name(reference: ObjectReference | None) -> str:
    return reference.name if reference is not None and reference.kind == "Pod" else ""
