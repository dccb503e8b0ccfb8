"""Whether two policies may be attached to one proxy, as far as workloads are declared."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from controlplane.base.names import Namespace
from controlplane.graph import Graph
from controlplane.kinds.core.pod import POD
from controlplane.kinds.core.workload_template import DAEMON_SET, DEPLOYMENT, STATEFUL_SET
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY
from controlplane.kinds.istio.workload_group import WORKLOAD_GROUP
from controlplane.kinds.object import Object
from controlplane.model.proxy import Labels
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index
from controlplane.queries.registry.declared_workloads import declared_workloads
from controlplane.translate.istio.policy_attachment import (
    GATEWAY_NAME_LABEL,
    Attachment,
    ByReference,
    BySelector,
    is_attached,
)

_EVERY: Final = "every"


@dataclass(frozen=True, slots=True)
class PlacedPolicy:
    """The namespace of a policy, and what it is attached by."""

    namespace: Namespace
    attachment: Attachment


@index(POD, DEPLOYMENT, STATEFUL_SET, DAEMON_SET, SERVICE_ENTRY, WORKLOAD_ENTRY, WORKLOAD_GROUP)
def namespaces_of_workloads(declared: Object[Any]) -> Iterator[tuple[str, Namespace]]:
    """Any: each of these kinds has its own struct. A ServiceEntry may list workloads."""
    yield _EVERY, declared.namespace


def overlap(graph: Graph, one: PlacedPolicy, other: PlacedPolicy) -> bool:
    """Whether a proxy can have both: it has all labels that each of them asks for, or a workload is
    declared that both select.
    """
    asked = [*_asked(one.attachment), *_asked(other.attachment)]
    shared = _shared(graph, one, other)
    if any(_are_attached(at, labels, one, other) for at in shared for labels in asked):
        return True
    root = Namespace(mesh_config(graph).root_namespace)
    of_root = one.namespace == other.namespace == root
    return any(
        _are_attached(at, workload.labels, one, other)
        for at in (namespaces_of_workloads(graph, _EVERY) if of_root else shared)
        for labels in asked[:1]
        for workload in declared_workloads(graph, at, labels)
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


def _asked(attachment: Attachment) -> Iterator[Labels]:
    match attachment:
        case BySelector(labels=labels):
            yield labels
        case ByReference(gateways=gateways):
            for name in gateways:
                yield ((GATEWAY_NAME_LABEL, name),)


def _are_attached(proxy: Namespace, labels: Labels, one: PlacedPolicy, other: PlacedPolicy) -> bool:
    return all(is_attached(each.attachment, each.namespace, proxy, labels) for each in (one, other))
