"""What a Sidecar must be: its selector, the policy for other hosts, and listeners, of which
``sidecar_egress`` and ``sidecar_ingress`` are.

Source: https://istio.io/latest/docs/reference/config/networking/sidecar/, its CRD, Istio
``pkg/config/validation/validation.go`` (ValidateSidecar)
"""

from typing import Final

from controlplane.base.codes import MISSING_FIELD, NO_EFFECT, NOT_ALLOWED_HERE
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.sidecar import OutboundMode, OutboundTrafficPolicy, Sidecar
from controlplane.kinds.validation.checks import (
    About,
    check_destination,
    check_domain,
    check_selector,
)
from controlplane.kinds.validation.sidecar_egress import check_egress
from controlplane.kinds.validation.sidecar_ingress import check_ingress
from controlplane.kinds.validation.traffic_policy import check_connection_pool

LABELS_LIMIT: Final = 256


def sidecar(report: Report, at: FieldRef, spec: Sidecar, about: About) -> None:
    if spec.workload_selector is not None:
        labels = spec.workload_selector.labels
        place = at / "workloadSelector"
        check_selector(report, place / "labels", labels, LABELS_LIMIT)
        if not labels:
            message = "the selector has no labels, so the Sidecar is for the whole namespace"
            hint = "remove workloadSelector, or give it labels"
            report.add(NO_EFFECT, place, message, hint=hint)
    policy = spec.outbound_traffic_policy
    if not (spec.egress or spec.ingress or policy or spec.inbound_connection_pool):
        message = "the Sidecar configures nothing"
        hint = "add egress, ingress, inboundConnectionPool or outboundTrafficPolicy"
        report.add(MISSING_FIELD, at, message, hint=hint)
    check_ingress(report, at / "ingress", spec.ingress, about.body)
    check_connection_pool(report, at / "inboundConnectionPool", spec.inbound_connection_pool)
    check_egress(report, at / "egress", spec.egress, about.namespace)
    if policy is not None:
        _check_policy(report, at / "outboundTrafficPolicy", policy)


def _check_policy(report: Report, at: FieldRef, policy: OutboundTrafficPolicy) -> None:
    proxy = policy.egress_proxy
    if proxy is None:
        return
    place = at / "egressProxy"
    if policy.mode is not OutboundMode.ALLOW_ANY:
        message = f"egressProxy cannot be combined with mode {policy.mode.value}"
        report.add(NOT_ALLOWED_HERE, place.key, message, hint="set mode: ALLOW_ANY")
    before = len(report)
    check_destination(report, place, proxy)
    if len(report) == before:
        check_domain(report, place / "host", proxy.host)
    if proxy.port is None:
        message = "the egress proxy has no port"
        report.add(MISSING_FIELD, place, message, hint="add port: {number: …}")
