"""A DestinationRule becomes a rule of the model.

Source: https://istio.io/latest/docs/reference/config/networking/destination-rule/
"""

from controlplane.base.diagnostics import Report
from controlplane.base.hosts import fqdn
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.destination_rule import DestinationRule as Spec, Subset as SubsetSpec
from controlplane.kinds.object import Object
from controlplane.model.proxy import labels_of
from controlplane.model.visibility import Visibility, visibility
from controlplane.translate.destination_rules import DestinationRule, Subset
from controlplane.translate.istio.traffic_policy import policy_by_port


def destination_rule(
    report: Report, declared: Object[Spec], *, default_export_to: tuple[str, ...] = ()
) -> DestinationRule:
    """The rule; with a ``workloadSelector`` it is seen by its own namespace alone."""
    spec, at = declared.spec, FieldRef(declared.key) / "spec"
    selector = spec.workload_selector
    export_to = frozenset(declared.namespace if w == "." else w for w in spec.export_to)
    return DestinationRule(
        key=declared.key,
        host=fqdn(spec.host, declared.namespace),
        policy=policy_by_port(report, at / "trafficPolicy", spec.traffic_policy),
        subsets=tuple(
            _subset(report, at / "subsets" / i, subset) for i, subset in enumerate(spec.subsets)
        ),
        export_to=export_to if selector is None else frozenset({declared.namespace}),
        visibility=(
            visibility(spec.export_to or default_export_to, declared.namespace)
            if selector is None
            else Visibility(frozenset({declared.namespace}))
        ),
        selector=None if selector is None else labels_of(dict(selector.match_labels)),
        created=declared.created,
    )


def _subset(report: Report, at: FieldRef, subset: SubsetSpec) -> Subset:
    return Subset(
        name=subset.name,
        labels=labels_of(dict(subset.labels)),
        policy=policy_by_port(report, at / "trafficPolicy", subset.traffic_policy),
    )
