"""The workloads that are declared, or to come: Pods and WorkloadEntries, endpoints that
ServiceEntries list, those that WorkloadGroups register, and those that Deployments and their like
make.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.base.names import Namespace, ObjectKey
from controlplane.graph import Graph
from controlplane.kinds.core.pod import POD
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY, ServiceEntry
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY
from controlplane.kinds.istio.workload_group import WORKLOAD_GROUP, WorkloadGroup
from controlplane.kinds.object import Object, is_of
from controlplane.model.endpoint import selects
from controlplane.model.proxy import Labels, labels_of
from controlplane.model.service import Service, ServicePort
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.registry.endpoints import Pair, labels_of_workload, selected_workloads
from controlplane.queries.registry.templates import selected_templates
from controlplane.translate.istio.workload_group import labels_of_group
from controlplane.translate.kubernetes.endpoints import container_port
from controlplane.translate.workload import MUTUAL, TLS_MODE_LABEL, takes_mutual_tls


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredWorkload:
    """``key``: what declares it. ``has_sidecar``: ``None`` where nothing says that, or the
    contrary.
    """

    key: ObjectKey
    labels: Labels
    has_sidecar: bool | None


@index(WORKLOAD_GROUP)
def groups_of_namespace(
    declared: Object[WorkloadGroup],
) -> Iterator[tuple[Namespace, tuple[ObjectKey[WorkloadGroup], Labels]]]:
    yield declared.namespace, (declared.key, labels_of(labels_of_group(declared)))


@index(SERVICE_ENTRY)
def listed_by_label(
    declared: Object[ServiceEntry],
) -> Iterator[tuple[tuple[Namespace, Pair], tuple[ObjectKey[ServiceEntry], Labels, bool]]]:
    """The endpoints that ServiceEntries list with labels, and whether each has a sidecar."""
    for entry in declared.spec.endpoints or ():
        labels = labels_of(dict(entry.labels))
        has_sidecar = takes_mutual_tls(entry.labels, entry.service_account)
        for pair in labels:
            yield (declared.namespace, pair), (declared.key, labels, has_sidecar)


def declared_workloads(
    graph: Graph, namespace: Namespace, selector: Labels
) -> tuple[DeclaredWorkload, ...]:
    """Those of a namespace that have every label of ``selector``, which has some."""
    return (
        *_existing(graph, namespace, selector),
        *_of_groups(graph, namespace, selector),
        *_listed(graph, namespace, selector),
        *(
            DeclaredWorkload(key=key, labels=labels, has_sidecar=_says(dict(labels)))
            for key, labels in selected_templates(graph, namespace, selector)
        ),
    )


def _existing(graph: Graph, namespace: Namespace, selector: Labels) -> Iterator[DeclaredWorkload]:
    for key in selected_workloads(graph, namespace, selector):
        declared = object_of(graph, key)
        if declared is None:
            continue
        labels = labels_of_workload(declared)
        has_sidecar = _says(dict(labels))
        if is_of(declared, WORKLOAD_ENTRY):
            has_sidecar = takes_mutual_tls(dict(labels), declared.spec.service_account)
        yield DeclaredWorkload(key=key, labels=labels, has_sidecar=has_sidecar)


def _of_groups(graph: Graph, namespace: Namespace, selector: Labels) -> Iterator[DeclaredWorkload]:
    """What registers itself does so by its proxy."""
    for key, labels in groups_of_namespace(graph, namespace):
        if selects(selector, labels):
            said = _says(dict(labels))
            yield DeclaredWorkload(key=key, labels=labels, has_sidecar=said is not False)


def _listed(graph: Graph, namespace: Namespace, selector: Labels) -> Iterator[DeclaredWorkload]:
    for key, labels, has_sidecar in (
        listed_by_label(graph, (namespace, selector[0])) if selector else ()
    ):
        if selects(selector, labels):
            yield DeclaredWorkload(key=key, labels=labels, has_sidecar=has_sidecar)


def _says(labels: dict[str, str]) -> bool | None:
    mode = labels.get(TLS_MODE_LABEL)
    return None if mode is None else mode == MUTUAL


def groups_selected(
    graph: Graph, namespace: Namespace, selector: Labels
) -> tuple[ObjectKey[WorkloadGroup], ...]:
    """The WorkloadGroups whose workloads have every label of ``selector``."""
    groups = groups_of_namespace(graph, namespace)
    return tuple(key for key, labels in groups if selects(selector, labels))


def target_ports(graph: Graph, service: Service, port: ServicePort) -> set[int]:
    """The ports of workloads that a port of a service leads to; none where that is not known."""
    found = {port.target} if isinstance(port.target, int) else set()
    for one in declared_workloads(graph, service.namespace, service.selector or ()):
        declared = object_of(graph, one.key)
        if declared is None:
            continue
        if is_of(declared, WORKLOAD_ENTRY):
            ports = declared.spec.ports
        elif is_of(declared, WORKLOAD_GROUP) and declared.spec.template is not None:
            ports = declared.spec.template.ports
        elif is_of(declared, POD):
            number = container_port(declared, port.target)
            found |= {number} if number is not None else set()
            continue
        else:
            continue
        names = (port.name, *((port.target,) if isinstance(port.target, str) else ()))
        found |= {ports[name] for name in names if name in ports}
    return found
