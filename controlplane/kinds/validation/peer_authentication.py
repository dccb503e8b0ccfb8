"""What a PeerAuthentication must be.

Source: https://istio.io/latest/docs/reference/config/security/peer_authentication/, its CRD, Istio
``pkg/config/validation/validation.go`` (ValidatePeerAuthentication)
"""

from typing import Final

from controlplane.base.codes import (
    NO_EFFECT,
    NOT_ALLOWED_HERE,
    VALUE_MALFORMED,
    WRONG_SIZE,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.peer_authentication import PeerAuthentication
from controlplane.kinds.validation.checks import (
    SELECTOR_LABELS_LIMIT,
    About,
    check_port,
    check_selector,
)

_DIGITS: Final = frozenset("0123456789")


def peer_authentication(
    report: Report, at: FieldRef, spec: PeerAuthentication, about: About
) -> None:
    labels = spec.selector.match_labels if spec.selector is not None else {}
    if spec.selector is not None:
        place = at / "selector"
        check_selector(report, place / "matchLabels", labels, SELECTOR_LABELS_LIMIT)
        if not labels:
            message = "the selector has no labels, so the policy is for the whole namespace"
            hint = "remove the selector, or give it matchLabels"
            report.add(NO_EFFECT, place, message, hint=hint)
    ports = at / "portLevelMtls"
    if spec.port_level_mtls and not labels:
        message = "portLevelMtls needs a selector with labels: its ports are those of workloads"
        hint = "select the workloads with selector.matchLabels"
        report.add(NOT_ALLOWED_HERE, ports.key, message, hint=hint)
    elif not spec.port_level_mtls and "portLevelMtls" in about.body:
        report.add(WRONG_SIZE, ports, "portLevelMtls has no ports", hint="remove it")
    for port in spec.port_level_mtls:
        _check_port(report, (ports / port).key, port)


def _check_port(report: Report, at: FieldRef, port: str) -> None:
    """A key of a mapping is text; this one is a port of the workload."""
    if port and _DIGITS.issuperset(port):
        check_port(report, at, int(port))
    else:
        message = f'"{port}" is not a port number'
        hint = "write the number of the port at the workload (targetPort), not its name"
        report.add(VALUE_MALFORMED, at, message, hint=hint)
