"""Which service a host is, as a client's namespace sees it.

Source: https://istio.io/latest/docs/reference/config/networking/service-entry/ and Istio
``model/push_context.go`` (``initServiceRegistry``).
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from controlplane.base.names import Host, Kind, Namespace, ObjectKey
from controlplane.base.shelf import shard_of
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.core.configuration import NAMESPACE
from controlplane.kinds.core.service import SERVICE, Service as KubernetesService
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY, ServiceEntry
from controlplane.kinds.object import Object, is_of
from controlplane.model.egress import EVERYTHING, Imports
from controlplane.model.proxy import Labels, Role, labels_of
from controlplane.model.service import Origin, Service
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index, object_of
from controlplane.translate.istio import service_entry as entries
from controlplane.translate.istio.entry_visibility import capped
from controlplane.translate.kubernetes import service as kubernetes
from controlplane.translate.traffic_distribution import TRAFFIC_DISTRIBUTION

Declaration = Object[KubernetesService | ServiceEntry]
DeclarationKey = ObjectKey[KubernetesService | ServiceEntry]
"""A Service or a ServiceEntry; its kind tells which."""
_KINDS: Final[tuple[Kind, ...]] = (SERVICE, SERVICE_ENTRY)


def hosts_of(declared: Declaration) -> tuple[Host, ...]:
    """The hosts that an object declares, each once."""
    if is_of(declared, SERVICE):
        return (kubernetes.service_host(declared),)
    assert is_of(declared, SERVICE_ENTRY), "only these two declare hosts"
    return tuple(dict.fromkeys(Host(host) for host in declared.spec.hosts))


@index(SERVICE, SERVICE_ENTRY)
def declarations_of_host(declared: Declaration) -> Iterator[tuple[Host, DeclarationKey]]:
    for host in hosts_of(declared):
        yield host, declared.key


@index(SERVICE, SERVICE_ENTRY)
def hosts_of_shard(declared: Declaration) -> Iterator[tuple[int, Host]]:
    for host in hosts_of(declared):
        yield shard_of(host), host


@index(SERVICE, SERVICE_ENTRY)
def hosts_of_namespace(declared: Declaration) -> Iterator[tuple[Namespace, Host]]:
    for host in hosts_of(declared):
        yield declared.namespace, host


@guarded
def service_of(graph: Graph, host: Host, namespace: Namespace) -> Service | None:
    """The service that the declarations of ``host`` in one namespace make together.

    A Service comes before ServiceEntries, which come by age. The first decides; a ServiceEntry of
    the same resolution, labels, selector and visibility adds its ports. Runs again when one of
    these declarations changes.
    """
    declared = [
        found
        for key in declarations_of_host(graph, host)
        if key.namespace == namespace and (found := object_of(graph, key)) is not None
    ]
    if not declared:
        return None
    if len(declared) == 1:
        return _service(graph, declared[0], host)
    declared.sort(key=lambda found: (found.kind != SERVICE, found.age))
    parts = (service_declared(graph, found.key, host) for found in declared)
    services = [part for part in parts if part is not None]
    return _joined(services) if services else None


@guarded
def service_declared(graph: Graph, key: DeclarationKey, host: Host) -> Service | None:
    """One declaration of a host, on its own, so that an error in it costs no other."""
    declared = object_of(graph, key)
    return _service(graph, declared, host) if declared is not None else None


@derived
def service(graph: Graph, host: Host, namespace: Namespace) -> Service | None:
    """The service that ``host`` is for a gateway in ``namespace``; ``None`` where it sees none.

    A Service comes before ServiceEntries; of those, a private one of the namespace before one that
    is exported to it by name, that before a public one, then the oldest. Of public ones a gateway
    does not prefer those of its own namespace.
    """
    seen = _seen(graph, host, namespace)
    return min(seen, key=lambda found: _order(found, namespace), default=None)


@derived
def sidecar_service(graph: Graph, host: Host, namespace: Namespace) -> Service | None:
    """The service that ``host`` is for a sidecar in ``namespace``: its own namespace's comes first,
    then a Service, then the oldest.
    """
    return _first_for_sidecars(_seen(graph, host, namespace), namespace)


def imported_service(
    graph: Graph, host: Host, namespace: Namespace, imports: Imports
) -> Service | None:
    """The service that ``host`` is for a sidecar in ``namespace``, of those that are imported."""
    if imports == EVERYTHING:
        return sidecar_service(graph, host, namespace)
    admitted = (
        found
        for declaring in declaring_namespaces(graph, host)
        if imports.admits(declaring, host)
        and (found := service_of(graph, host, declaring)) is not None
        and found.visibility.admits(namespace)
    )
    return _first_for_sidecars(admitted, namespace)


def _first_for_sidecars(services: Iterable[Service], namespace: Namespace) -> Service | None:
    return min(
        services,
        key=lambda found: (found.namespace != namespace, _order(found, namespace)),
        default=None,
    )


def service_for(graph: Graph, host: Host, namespace: Namespace, role: Role) -> Service | None:
    """The service that ``host`` is for proxies of a role in ``namespace``."""
    if role.prefers_own_namespace:
        return sidecar_service(graph, host, namespace)
    return service(graph, host, namespace)


def _seen(graph: Graph, host: Host, namespace: Namespace) -> list[Service]:
    return [
        found
        for declaring in declaring_namespaces(graph, host)
        if (found := service_of(graph, host, declaring)) is not None
        and found.visibility.admits(namespace)
    ]


def declaring_namespaces(graph: Graph, host: Host) -> tuple[Namespace, ...]:
    return tuple(sorted({key.namespace for key in declarations_of_host(graph, host)}))


def _order(found: Service, client: Namespace) -> tuple[bool, bool, bool, str, Namespace]:
    return (
        found.origin is not Origin.KUBERNETES,
        found.visibility.is_public,
        not found.visibility.is_public and found.namespace != client,
        found.created,
        found.namespace,
    )


def _service(graph: Graph, declared: Declaration, host: Host) -> Service:
    mesh = mesh_config(graph)
    distribution = _namespace_distribution(graph, declared.namespace)
    if is_of(declared, SERVICE):
        return kubernetes.service(
            declared,
            default_export_to=mesh.default_service_export_to,
            namespace_distribution=distribution,
            trust_domain=mesh.trust_domain,
        )
    assert is_of(declared, SERVICE_ENTRY), "only these two declare services"
    found = entries.service(
        declared,
        host,
        default_export_to=mesh.default_service_export_to,
        namespace_distribution=distribution,
    )
    if mesh.service_entry_visibility is None:
        return found
    labels = dict(_namespace_labels(graph, declared.namespace))
    return replace(
        found,
        visibility=capped(
            found.visibility, mesh.service_entry_visibility, declared.namespace, labels
        ),
    )


@guarded
def _namespace_distribution(graph: Graph, namespace: Namespace) -> str | None:
    found = object_of(graph, ObjectKey(NAMESPACE, Namespace(""), namespace))
    return None if found is None else found.annotations.get(TRAFFIC_DISTRIBUTION)


@guarded(first=())
def _namespace_labels(graph: Graph, namespace: Namespace) -> Labels:
    found = object_of(graph, ObjectKey(NAMESPACE, Namespace(""), namespace))
    return () if found is None else labels_of(dict(found.labels))


def _joined(services: list[Service]) -> Service:
    first, *others = services
    ports = list(first.ports)
    alternatives = list(first.subject_alt_names)
    addresses = dict.fromkeys(first.addresses)
    for other in others:
        if first.origin is Origin.KUBERNETES:
            alternatives.extend(other.subject_alt_names)
            continue
        addresses |= dict.fromkeys(other.addresses)
        if _alike(first, other):
            taken = {port.number for port in ports}
            ports.extend(port for port in other.ports if port.number not in taken)
    return replace(
        first,
        declared_by=tuple(key for found in services for key in found.declared_by),
        ports=tuple(ports),
        addresses=tuple(addresses),
        subject_alt_names=tuple(dict.fromkeys(alternatives)),
    )


def _alike(a: Service, b: Service) -> bool:
    """Source: Istio ``model/sidecar.go`` (``canMergeServices``)."""
    return (a.resolution, a.selector, a.visibility, a.labels) == (
        b.resolution,
        b.selector,
        b.visibility,
        b.labels,
    )
