"""Telemetries that do not apply where they are meant to: an older one does, another has the last
word, or they select nobody.

Source: Istio ``pilot/pkg/model/telemetry.go``; istioctl's IST0159, IST0160
"""

from controlplane.base.codes import TELEMETRIES_OVERLAP, TELEMETRY_WITHOUT_EFFECT
from controlplane.base.diagnostics import Diagnostics, Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.telemetry import TELEMETRY, Telemetry, TelemetryKey
from controlplane.kinds.object import Object
from controlplane.queries.analysis.policy_overlap import PlacedPolicy, overlap
from controlplane.queries.analysis.policy_targets import check_targets
from controlplane.queries.analysis.selectors import check_selected
from controlplane.queries.analysis.telemetry_logs import check_logging
from controlplane.queries.analysis.tracing import check_tracing
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.attachment import policies_of_namespace
from controlplane.translate.istio.policy_attachment import Attachment, BySelector, attachment


@derived
def telemetry_diagnostics(graph: Graph, key: TelemetryKey) -> Diagnostics:
    """Runs again when the Telemetry, another of its namespace or of the root namespace, MeshConfig,
    a workload that it selects or the service of a provider that it names changes.
    """
    declared = object_of(graph, key)
    if declared is None:
        return ()
    report = Report()
    _check_attachment(report, graph, declared)
    check_logging(report, graph, declared)
    check_tracing(report, graph, declared)
    return tuple(report)


def _check_attachment(report: Report, graph: Graph, declared: Object[Telemetry]) -> None:
    own, at = attachment(declared.spec), FieldRef(declared.key)
    earlier = [
        (found, key)
        for age, found, key in policies_of_namespace(graph, (TELEMETRY, declared.namespace))
        if age < declared.age and (found == BySelector(())) == (own == BySelector(()))
    ]
    if own == BySelector(()):
        if earlier:
            _report_second(report, at / "metadata" / "name", earlier[0][1])
        return
    if isinstance(own, BySelector):
        check_selected(report, graph, at / "spec" / "selector" / "matchLabels", own.labels)
    spec = declared.spec
    check_targets(report, graph, declared.key, spec.target_refs, spec.target_ref)
    _check_overlap(report, graph, at / "metadata" / "name", own, earlier)


def _report_second(report: Report, at: FieldRef, first: ObjectKey) -> None:
    report.add(
        TELEMETRY_WITHOUT_EFFECT,
        at,
        f"{first.display_name} is for the whole namespace too and is older, so this one has no "
        "effect",
        hint=f"put both into {first.display_name}, or give this one a selector",
        related=(Related(place=FieldRef(first), message="is older"),),
    )


def _check_overlap(
    report: Report,
    graph: Graph,
    at: FieldRef,
    own: Attachment,
    earlier: list[tuple[Attachment, ObjectKey]],
) -> None:
    """Report the last of ``earlier`` of which this one overrides what both say."""
    namespace = at.object.namespace
    for found, other in reversed(earlier):
        if overlap(graph, PlacedPolicy(namespace, own), PlacedPolicy(namespace, found)):
            report.add(
                TELEMETRIES_OVERLAP,
                at,
                f"{other.display_name} applies to a workload of this one too; both are merged, and "
                "where they differ this one is used, as the younger",
                hint="let the selectors exclude each other, or put both into one",
                related=(Related(place=FieldRef(other), message="is older"),),
            )
            return
