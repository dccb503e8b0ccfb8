"""The labels of namespaces, and which namespaces a listener admits.

A namespace exists by being named: without Kubernetes nobody need declare it, and one without a
Namespace has no labels but its name.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from controlplane.base.names import Namespace, ObjectKey
from controlplane.graph import Graph, derived
from controlplane.kinds.core.configuration import NAMESPACE
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE
from controlplane.kinds.object import Object
from controlplane.queries.inputs.objects import index, object_of
from controlplane.translate.gateway_api.namespaces import (
    AllowedNamespaces,
    EveryNamespace,
    LabelledNamespaces,
    NoNamespace,
    OneNamespace,
    admits,
)

_WHOLE_MESH: Final = "mesh"


@index(VIRTUAL_SERVICE)
def namespaces_of_virtual_services(declared: Object[Any]) -> Iterator[tuple[str, Namespace]]:
    yield _WHOLE_MESH, declared.namespace


@derived
def namespace_labels(graph: Graph, namespace: Namespace) -> Mapping[str, str]:
    """Runs again when the Namespace changes; all but its labels stops here."""
    declared = object_of(graph, ObjectKey(NAMESPACE, Namespace(""), namespace))
    return declared.labels if declared is not None else {}


def is_admitted(graph: Graph, allowed: AllowedNamespaces, namespace: Namespace) -> bool:
    """Whether ``namespace`` is among those that are allowed."""
    labels = namespace_labels(graph, namespace) if isinstance(allowed, LabelledNamespaces) else {}
    return admits(allowed, namespace, labels)


def admitted_virtual_services(
    graph: Graph, allowed: AllowedNamespaces
) -> tuple[Namespace, ...] | None:
    """The namespaces whose VirtualServices are allowed, sorted; ``None`` for all."""
    match allowed:
        case EveryNamespace():
            return None
        case OneNamespace(name=name):
            return (name,)
        case LabelledNamespaces():
            known = namespaces_of_virtual_services(graph, _WHOLE_MESH)
            return tuple(name for name in known if is_admitted(graph, allowed, name))
        case NoNamespace():
            return ()
