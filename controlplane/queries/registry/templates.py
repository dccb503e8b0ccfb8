"""The workloads that Deployments and their like are to make, by the labels of their Pods."""

from collections.abc import Iterator

from controlplane.base.names import Namespace, ObjectKey
from controlplane.graph import Graph
from controlplane.kinds.core.workload_template import (
    DAEMON_SET,
    DEPLOYMENT,
    STATEFUL_SET,
    WorkloadTemplate,
)
from controlplane.kinds.object import Object
from controlplane.model.proxy import Labels
from controlplane.queries.inputs.objects import index, object_of
from controlplane.translate.workload import template_labels

Template = Object[WorkloadTemplate]
TemplateKey = ObjectKey[WorkloadTemplate]


@index(DEPLOYMENT, STATEFUL_SET, DAEMON_SET)
def templates_by_label(
    declared: Template,
) -> Iterator[tuple[tuple[Namespace, tuple[str, str]], TemplateKey]]:
    for pair in template_labels(declared):
        yield (declared.namespace, pair), declared.key


def selected_templates(
    graph: Graph, namespace: Namespace, selector: Labels
) -> tuple[tuple[TemplateKey, Labels], ...]:
    """What of a namespace makes Pods that have every label of ``selector``, and their labels."""
    found: set[TemplateKey] | None = None
    for pair in selector:
        keys = templates_by_label(graph, (namespace, pair))
        found = set(keys) if found is None else found & set(keys)
    objects = ((key, object_of(graph, key)) for key in sorted(found or ()))
    return tuple((key, template_labels(o)) for key, o in objects if o is not None)
