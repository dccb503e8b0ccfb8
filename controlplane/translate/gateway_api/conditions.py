"""The conditions of listeners.

Sources: https://gateway-api.sigs.k8s.io/reference/spec/ (ListenerConditionType); Istio
``pilot/pkg/config/kube/gatewaycommon/conversion.go`` (``ReportListenerCondition``).
"""

from collections.abc import Iterable
from typing import Final

from controlplane.model.gateway_api import Condition, ConditionStatus, Conformance, Problem
from controlplane.translate.gateway_api.conflicts import ListenerConflict
from controlplane.translate.gateway_api.entries import ListenerEntry

ACCEPTED: Final = "Accepted"
PROGRAMMED: Final = "Programmed"
RESOLVED_REFS: Final = "ResolvedRefs"
CONFLICTED: Final = "Conflicted"
_OF_REFERENCES: Final = frozenset(
    {
        "InvalidCertificateRef",
        "InvalidRouteKinds",
        "RefNotPermitted",
        "InvalidCACertificateRef",
        "InvalidCACertificateKind",
    }
)
"""The reasons of ``ResolvedRefs``; any other is one of ``Accepted``."""
_OF_AUTHORITIES: Final = frozenset({"InvalidCACertificateRef", "InvalidCACertificateKind"})


def met(type_: str, reason: str = "", message: str = "") -> Condition:
    return Condition(type_, ConditionStatus.TRUE, reason or type_, message)


def unmet(type_: str, reason: str, message: str) -> Condition:
    return Condition(type_, ConditionStatus.FALSE, reason, message)


def listener_conditions(
    entry: ListenerEntry,
    conflict: ListenerConflict | None,
    problems: Iterable[Problem],
    conformance: Conformance,
) -> tuple[Condition, ...]:
    """The conditions of one listener, sorted by type."""
    references = _of_references(problems)
    if conflict is not None:
        return _conflicting(conflict, references, conformance)
    others = [problem for problem in problems if problem.reason not in _OF_REFERENCES]
    accepted = _accepted(others, references, conformance)
    programmed = _programmed(others, references, conformance)
    if entry.lacks_tls and others:
        programmed = unmet(PROGRAMMED, "Invalid", others[0].message)
    return (
        accepted,
        Condition(CONFLICTED, ConditionStatus.FALSE, "NoConflicts", "no other has what it wants"),
        programmed,
        _resolved(references),
    )


def _of_references(problems: Iterable[Problem]) -> list[Problem]:
    """Those of references; unsuitable kinds of routes come first, as in Istio."""
    found = [problem for problem in problems if problem.reason in _OF_REFERENCES]
    return sorted(found, key=lambda problem: problem.reason != "InvalidRouteKinds")


def _conflicting(
    conflict: ListenerConflict, references: list[Problem], conformance: Conformance
) -> tuple[Condition, ...]:
    """Istio says nothing of the references of a listener that conflicts, but of unsuitable
    kinds.
    """
    message = f"{conflict.other.id.display_name} has the same port"
    told = (
        unmet(ACCEPTED, conflict.reason, message),
        met(CONFLICTED, conflict.reason, message),
        unmet(PROGRAMMED, conflict.reason, message),
    )
    wrong_kinds = bool(references) and references[0].reason == "InvalidRouteKinds"
    if conformance is Conformance.ISTIO and not wrong_kinds:
        return told
    return (*told, _resolved(references))


def _accepted(
    others: list[Problem], references: list[Problem], conformance: Conformance
) -> Condition:
    """Istio gives a certificate that is not permitted the reason of missing authorities."""
    if others:
        return unmet(ACCEPTED, others[0].reason, others[0].message)
    lacking = [problem for problem in references if _lacks_authorities(problem, conformance)]
    if lacking:
        return unmet(ACCEPTED, "NoValidCACertificate", lacking[0].message)
    return met(ACCEPTED, message="the listener is accepted")


def _lacks_authorities(problem: Problem, conformance: Conformance) -> bool:
    if problem.reason in _OF_AUTHORITIES:
        return True
    if problem.reason != "RefNotPermitted":
        return False
    return conformance is Conformance.ISTIO or "caCertificateRefs" in problem.place.path


def _programmed(
    others: list[Problem], references: list[Problem], conformance: Conformance
) -> Condition:
    """Istio calls a listener programmed whose protocol it does not serve."""
    preventing = [p for p in references if p.reason != "InvalidRouteKinds" and not p.is_partial]
    if conformance is Conformance.SPECIFICATION:
        preventing = [*others, *preventing]
    if preventing:
        return unmet(PROGRAMMED, "Invalid", preventing[0].message)
    return met(PROGRAMMED, message="the listener is served")


def _resolved(references: list[Problem]) -> Condition:
    if references:
        return unmet(RESOLVED_REFS, references[0].reason, references[0].message)
    return met(RESOLVED_REFS, message="every reference leads somewhere")
