"""The conditions of Gateways, ListenerSets and GatewayClasses.

Sources: https://gateway-api.sigs.k8s.io/reference/spec/; Istio
``pilot/pkg/config/kube/gateway/conversion.go`` (``reportGatewayStatus``),
``pilot/pkg/config/kube/gatewaycommon/conversion.go`` (``ReportListenerSetStatus``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from controlplane.base.names import ObjectKey
from controlplane.kinds.gateway_api.gateway import FrontendValidationMode, KubernetesGateway
from controlplane.model.gateway_api import Condition, ConditionStatus, Conformance, Problem
from controlplane.translate.gateway_api.conditions import (
    ACCEPTED,
    PROGRAMMED,
    RESOLVED_REFS,
    met,
    unmet,
)
from controlplane.translate.gateway_api.listener import AttachedListener

LISTENERS_NOT_VALID: Final = "ListenersNotValid"
INSECURE_FRONTEND: Final = "InsecureFrontendValidationMode"
_NOT_ALLOWED: Final = "NotAllowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayFaults:
    """What is wrong with a Gateway besides its listeners: by the condition that tells of it."""

    accepted: Problem | None = None
    programmed: Problem | None = None
    references: Problem | None = None
    prevents_all: bool = False
    """Whether no listener is looked at, because there is no address at all."""


def is_programmed(listener: AttachedListener) -> bool:
    """Whether a listener counts among the valid ones."""
    programmed = next(c for c in listener.conditions if c.type == PROGRAMMED)
    accepted = next(c for c in listener.conditions if c.type == ACCEPTED)
    return all(each.status is ConditionStatus.TRUE for each in (programmed, accepted))


def gateway_conditions(
    spec: KubernetesGateway,
    listeners: Sequence[AttachedListener],
    faults: GatewayFaults,
    conformance: Conformance,
) -> tuple[Condition, ...]:
    """The conditions of a Gateway with these listeners of its own, sorted by type."""
    valid = sum(map(is_programmed, listeners))
    found = [
        _accepted(len(listeners), valid, faults.accepted),
        _programmed(faults.programmed),
        _resolved(faults.references),
    ]
    if conformance is Conformance.SPECIFICATION:
        found[1:] = _strictly(spec, listeners, valid, faults)
    if _is_insecure(spec):
        message = "clients may connect without a certificate that is verified"
        found.append(met(INSECURE_FRONTEND, "ConfigurationChanged", message))
    return tuple(sorted(found, key=lambda condition: condition.type))


def _accepted(count: int, valid: int, problem: Problem | None) -> Condition:
    if problem is not None:
        return unmet(ACCEPTED, problem.reason, problem.message)
    if valid == count:
        return met(ACCEPTED, message="the Gateway is accepted")
    if valid == 0:
        return unmet(ACCEPTED, LISTENERS_NOT_VALID, "none of the listeners is valid")
    return met(ACCEPTED, LISTENERS_NOT_VALID, "some of the listeners are not valid")


def _programmed(problem: Problem | None) -> Condition:
    if problem is not None:
        return unmet(PROGRAMMED, problem.reason, problem.message)
    return met(PROGRAMMED, message="the Gateway is served")


def _resolved(problem: Problem | None) -> Condition:
    if problem is not None:
        return unmet(RESOLVED_REFS, problem.reason, problem.message)
    return met(RESOLVED_REFS, message="every reference leads somewhere")


def _strictly(
    spec: KubernetesGateway,
    listeners: Sequence[AttachedListener],
    valid: int,
    faults: GatewayFaults,
) -> list[Condition]:
    """Programmed and ResolvedRefs as the specification has them: a Gateway is not programmed when
    it is not accepted, and its listeners' references are its own.
    """
    programmed = _programmed(faults.programmed)
    if faults.programmed is None and faults.accepted is not None:
        programmed = unmet(PROGRAMMED, "Invalid", faults.accepted.message)
    elif faults.programmed is None and spec.listeners and not valid:
        programmed = unmet(PROGRAMMED, "Invalid", "none of the listeners is valid")
    resolved = _resolved(faults.references)
    unresolved = [each for each in listeners if _lacks_references(each)]
    if faults.references is None and unresolved:
        message = f"{unresolved[0].id.display_name} has references that lead nowhere"
        resolved = unmet(RESOLVED_REFS, "ListenersNotResolved", message)
    return [programmed, resolved]


def _lacks_references(listener: AttachedListener) -> bool:
    return any(
        condition.type == RESOLVED_REFS and condition.status is ConditionStatus.FALSE
        for condition in listener.conditions
    )


def _is_insecure(spec: KubernetesGateway) -> bool:
    frontend = spec.tls.frontend if spec.tls is not None else None
    if frontend is None:
        return False
    each = (frontend.default, *(port.tls for port in frontend.per_port))
    return any(
        tls.validation is not None
        and tls.validation.mode is FrontendValidationMode.ALLOW_INSECURE_FALLBACK
        for tls in each
    )


def listener_set_conditions(
    listeners: Iterable[AttachedListener], parent: GatewayFaults, conformance: Conformance
) -> tuple[Condition, ...]:
    """The conditions of a ListenerSet that its Gateway accepts."""
    none_is_valid = not parent.prevents_all and not any(map(is_programmed, listeners))
    message = "none of the listeners is valid"
    accepted, programmed = met(ACCEPTED), _programmed(parent.programmed)
    strict = conformance is Conformance.SPECIFICATION
    if parent.accepted is not None:
        reason = "ParentNotAccepted" if strict else parent.accepted.reason
        accepted = unmet(ACCEPTED, reason, f"its Gateway: {parent.accepted.message}")
    elif none_is_valid:
        accepted = unmet(ACCEPTED, LISTENERS_NOT_VALID, message)
    if none_is_valid:
        programmed = unmet(PROGRAMMED, LISTENERS_NOT_VALID, message)
    elif strict and (parent.programmed or parent.accepted):
        programmed = unmet(PROGRAMMED, "ParentNotProgrammed", "its Gateway is not served")
    return accepted, programmed


def not_allowed(gateway: ObjectKey) -> tuple[Condition, ...]:
    """The conditions of a ListenerSet whose namespace its Gateway does not admit."""
    message = f"{gateway.display_name} does not allow ListenerSets of this namespace"
    return unmet(ACCEPTED, _NOT_ALLOWED, message), unmet(PROGRAMMED, _NOT_ALLOWED, message)
