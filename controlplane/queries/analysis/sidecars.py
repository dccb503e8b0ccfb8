"""Sidecars that do not apply where they are meant to: another of the namespace comes first, or the
selector selects nothing.

A proxy uses one Sidecar: of its namespace the oldest that selects it, those with a selector first,
else the root namespace's. They do not merge.
Source: https://istio.io/latest/docs/reference/config/networking/sidecar/; istioctl's IST0110,
IST0111, IST0127
"""

from itertools import takewhile

from controlplane.base.codes import SIDECAR_WITHOUT_EFFECT, SIDECARS_OVERLAP
from controlplane.base.diagnostics import Diagnostics, Related, Report
from controlplane.base.locations import FieldRef
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.sidecar import Sidecar, SidecarKey
from controlplane.kinds.object import Object
from controlplane.model.proxy import Labels, labels_of
from controlplane.queries.analysis.egress_hosts import check_egress
from controlplane.queries.analysis.selectors import check_overlap, check_selected
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.registry.egress import sidecars_in_order


@derived
def sidecar_diagnostics(graph: Graph, key: SidecarKey) -> Diagnostics:
    """Runs again when the Sidecar, another of its namespace, a workload that it selects or a host
    that it names changes.
    """
    declared = object_of(graph, key)
    if declared is None:
        return ()
    report = Report()
    selector = _selector(declared)
    tried = takewhile(lambda one: one[0] != key, sidecars_in_order(graph, key.namespace))
    earlier = [(labels or (), k) for k, labels, _ in tried if bool(labels) == bool(selector)]
    at = FieldRef(key)
    if selector:
        place = at / "spec" / "workloadSelector" / "labels"
        check_selected(report, graph, place, selector)
        check_overlap(report, graph, place, selector, earlier, code=SIDECARS_OVERLAP)
    elif earlier:
        _report_second(report, at / "metadata" / "name", earlier[0][1])
    check_egress(report, graph, declared)
    return tuple(report)


def _report_second(report: Report, at: FieldRef, first: SidecarKey) -> None:
    report.add(
        SIDECAR_WITHOUT_EFFECT,
        at,
        f"{first.display_name} has no workloadSelector either and comes first, so this one has no "
        "effect: a namespace has one Sidecar for all its workloads",
        hint=f"put both into {first.display_name}, or give this one a workloadSelector",
        related=(Related(place=FieldRef(first), message="comes first"),),
    )


def _selector(declared: Object[Sidecar]) -> Labels:
    selector = declared.spec.workload_selector
    return labels_of(dict(selector.labels)) if selector is not None else ()
