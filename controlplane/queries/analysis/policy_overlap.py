"""Whether two policies may be attached to one proxy, as far as workloads are declared."""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.base.names import Namespace
from controlplane.graph import Graph
from controlplane.model.proxy import Labels
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.registry.declared_workloads import declared_workloads
from controlplane.translate.istio.policy_attachment import (
    GATEWAY_NAME_LABEL,
    Attachment,
    ByReference,
    BySelector,
    is_attached,
)


@dataclass(frozen=True, slots=True)
class PlacedPolicy:
    """The namespace of a policy, and what it is attached by."""

    namespace: Namespace
    attachment: Attachment


def overlap(graph: Graph, one: PlacedPolicy, other: PlacedPolicy) -> bool:
    """Whether a proxy can have both: it has all labels that each of them asks for, or a workload is
    declared that both select. Of two policies of the root namespace the workloads of that
    namespace alone are looked at.
    """
    namespaces = _shared(graph, one, other)
    return any(
        _are_attached(namespace, labels, one, other)
        for namespace in namespaces
        for labels in _candidates(graph, namespace, one, other)
    )


def _shared(graph: Graph, one: PlacedPolicy, other: PlacedPolicy) -> tuple[Namespace, ...]:
    """The namespaces of proxies that policies of both may reach; the root namespace stands for all
    where both do.
    """
    root = Namespace(mesh_config(graph).root_namespace)
    if one.namespace == other.namespace:
        return (one.namespace,)
    if root not in (one.namespace, other.namespace):
        return ()
    return (other.namespace if one.namespace == root else one.namespace,)


def _candidates(
    graph: Graph, namespace: Namespace, one: PlacedPolicy, other: PlacedPolicy
) -> Iterator[Labels]:
    """Labels of proxies that may have both."""
    asked = [*_asked(one.attachment), *_asked(other.attachment)]
    yield from asked
    for labels in asked[:1]:
        for workload in declared_workloads(graph, namespace, labels):
            yield workload.labels


def _asked(attachment: Attachment) -> Iterator[Labels]:
    match attachment:
        case BySelector(labels=labels):
            yield labels
        case ByReference(gateways=gateways):
            for name in gateways:
                yield ((GATEWAY_NAME_LABEL, name),)


def _are_attached(proxy: Namespace, labels: Labels, one: PlacedPolicy, other: PlacedPolicy) -> bool:
    return all(is_attached(each.attachment, each.namespace, proxy, labels) for each in (one, other))
