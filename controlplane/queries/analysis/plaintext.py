"""Requests that a gateway sends as plaintext to a port of TLS, where they get 400 or are cut off.

A gateway begins TLS only where a DestinationRule says so (``trafficPolicy.tls``); a rule that says
``DISABLE`` is taken at its word.
Source: https://istio.io/latest/docs/tasks/traffic-management/egress/egress-tls-origination/
"""

from collections.abc import Sequence

from controlplane.base.codes import PLAINTEXT_TO_TLS
from controlplane.base.diagnostics import Report
from controlplane.base.hosts import short_name
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.virtual_service import Destination
from controlplane.model.service import Service, ServicePort
from controlplane.model.traffic_policy import NO_POLICY
from controlplane.translate.destination_rules import DestinationRule, effective_policy


def check_plaintext(
    report: Report,
    at: FieldRef,
    rules: Sequence[DestinationRule],
    target: Service,
    destination: Destination,
) -> None:
    """Report a destination of an HTTP rule to a port of TLS where none of ``rules`` begins TLS."""
    port = _port(target, destination)
    if (
        port is None
        or not port.protocol.is_tls
        or any(_sets_tls(r, port, destination) for r in rules)
    ):
        return
    written = [rule.key.display_name for rule in rules if not rule.is_generated]
    there = written[0] if written else f"a DestinationRule for {target.host}"
    report.add(
        PLAINTEXT_TO_TLS,
        at / "host" if destination.port is None else at / "port" / "number",
        f"port {port.number} of {short_name(target.host)} speaks {port.protocol.value}, and "
        "gateways send requests to it as plaintext",
        hint=f"add {'trafficPolicy: {tls: {mode: SIMPLE}} to ' if written else ''}{there}"
        + ("" if written else " with trafficPolicy: {tls: {mode: SIMPLE}}"),
    )


def _port(target: Service, destination: Destination) -> ServicePort | None:
    if destination.port is None:
        return target.ports[0] if len(target.ports) == 1 else None
    return next((p for p in target.ports if p.number == destination.port.number), None)


def _sets_tls(rule: DestinationRule, port: ServicePort, destination: Destination) -> bool:
    subset = rule.subset(destination.subset)
    return effective_policy(rule, port.number, subset, NO_POLICY).tls is not None
