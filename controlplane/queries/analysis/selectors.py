"""Objects of a kind that select workloads, of which one alone decides for each: those that never
do, or not for all that they select.
"""

from collections.abc import Sequence
from typing import Final

from controlplane.base.codes import NOTHING_SELECTED
from controlplane.base.diagnostics import Code, Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace, ObjectKey
from controlplane.base.nearest import nearest
from controlplane.base.wording import first_of
from controlplane.graph import Graph
from controlplane.model.endpoint import selects
from controlplane.model.proxy import Labels, labels_text
from controlplane.queries.analysis.homes import services_by_selected_label
from controlplane.queries.registry.declared_workloads import declared_workloads

Selecting = tuple[Labels, ObjectKey]
"""What an object selects by, and the object."""
_NAMED: Final = 3
_KEEP: Final = "keep one of them"


def check_overlap(
    report: Report,
    graph: Graph,
    at: FieldRef,
    selector: Labels,
    earlier: Sequence[Selecting],
    *,
    code: Code,
) -> None:
    """Report the first of ``earlier``, which have selectors too, that decides for a workload that
    the object at ``at`` selects.
    """
    namespace = at.object.namespace
    for labels, other in earlier:
        first = Related(place=FieldRef(other), message="comes first")
        if selects(labels, selector):
            message = (
                f"{other.display_name} selects every workload that this one does and comes first, "
                "so this one has no effect"
            )
            report.add(code, at, message, hint=_KEEP, related=(first,))
            return
    selected = declared_workloads(graph, namespace, selector)
    for labels, other in earlier:
        first = Related(place=FieldRef(other), message="comes first")
        both = [one.key for one in selected if selects(labels, one.labels)]
        if both:
            selected_here = [
                Related(place=FieldRef(key), message="both select it") for key in both[:_NAMED]
            ]
            names = first_of([key.display_name for key in both], _NAMED)
            message = f"{other.display_name} comes first for {names}, which both select"
            report.add(
                code,
                at,
                message,
                hint="let the selectors exclude each other",
                related=(first, *selected_here),
            )
            return


def check_selected(report: Report, graph: Graph, at: FieldRef, selector: Labels) -> None:
    """Report a selector that no declared workload has the labels for, and no Service asks for: in
    front of an EndpointSlice it says the labels of workloads that need not be declared.
    """
    namespace = at.object.namespace
    if declared_workloads(graph, namespace, selector) or _is_asked(graph, namespace, selector):
        return
    report.add(
        NOTHING_SELECTED,
        at,
        f"no workload of {namespace} is declared that has {labels_text(selector)} "
        "(Pod, WorkloadEntry, WorkloadGroup or Deployment)",
        hint=_near(graph, namespace, selector),
    )


def _is_asked(graph: Graph, namespace: Namespace, selector: Labels) -> bool:
    """Whether some Service of the namespace selects by all these labels."""
    keys = [set(services_by_selected_label(graph, pair)) for pair in selector]
    return any(key.namespace == namespace for key in set.intersection(*keys)) if keys else False


def _near(graph: Graph, namespace: Namespace, selector: Labels) -> str | None:
    """The value that a label of the selector was most likely meant to have."""
    known = [one.labels for one in declared_workloads(graph, namespace, ())]
    for name, value in selector:
        values = {v for labels in known for n, v in labels if n == name}
        if value not in values:
            near = nearest(value, sorted(values))
            if near is not None:
                return f"write {name}: {near}"
            names = {n for labels in known for n, _ in labels}
            near = nearest(name, sorted(names)) if name not in names else None
            return f"write {near}: {value}" if near is not None else None
    return None
