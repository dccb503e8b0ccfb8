"""The conditions of a route at one of its parents.

Source: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#routeparentstatus; Istio
``pilot/pkg/config/kube/gateway/conditions.go`` (``createRouteStatus``).
"""

from dataclasses import dataclass
from typing import Final

from controlplane.base.names import Host
from controlplane.kinds.gateway_api.common import BackendObjectReference
from controlplane.model.gateway_api import Condition, Conformance, Problem
from controlplane.translate.gateway_api.attachment import Attachment
from controlplane.translate.gateway_api.conditions import ACCEPTED, RESOLVED_REFS, met, unmet
from controlplane.translate.gateway_api.route_faults import UNSUPPORTED_VALUE

PARTIALLY_INVALID: Final = "PartiallyInvalid"
DROPPED_RULE: Final = "Dropped Rule"
"""How the message of ``PartiallyInvalid`` begins, where a rule is left out."""


@dataclass(frozen=True, slots=True)
class BackendProblem:
    """A backend that leads nowhere. Istio's conditions say nothing of one where only the port is
    missing, nor of one without a weight. ``host`` is what is called in vain, where it has one.
    """

    problem: Problem
    ref: BackendObjectReference
    """What names it, without its share."""
    host: Host | None = None
    lacks_port: bool = False
    has_weight: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteProblems:
    """What is wrong with a route, wherever it attaches.

    ``faults`` are of filters and references that cannot be served: with Istio the first takes all
    rules away, by the specification each one answers 500. ``backends`` are in the order of the
    rules, mirrors before the backends of their rule. ``dropped`` are matches that Envoy would
    refuse.
    """

    faults: tuple[Problem, ...] = ()
    backends: tuple[BackendProblem, ...] = ()
    dropped: tuple[Problem, ...] = ()


def route_conditions(
    attachment: Attachment, problems: RouteProblems, conformance: Conformance
) -> tuple[Condition, ...]:
    """The conditions of one parent, sorted by type."""
    return (_accepted(attachment), *_partially_invalid(problems), _resolved(problems, conformance))


def _accepted(attachment: Attachment) -> Condition:
    if attachment.refusal is not None:
        return unmet(ACCEPTED, attachment.refusal.reason, attachment.refusal.message)
    count = len(attachment.listeners)
    listeners = "one listener" if count == 1 else f"{count} listeners"
    return met(ACCEPTED, message=f"the route is attached to {listeners}")


def _partially_invalid(problems: RouteProblems) -> tuple[Condition, ...]:
    if not problems.dropped:
        return ()
    message = f"{DROPPED_RULE}: {problems.dropped[0].message}"
    return (met(PARTIALLY_INVALID, UNSUPPORTED_VALUE, message),)


def _resolved(problems: RouteProblems, conformance: Conformance) -> Condition:
    """The last backend at fault gives the reason, as in Istio."""
    if problems.faults:
        return unmet(RESOLVED_REFS, problems.faults[0].reason, problems.faults[0].message)
    backends = [each for each in problems.backends if _is_reported(each, conformance)]
    if backends:
        problem = backends[-1].problem
        return unmet(RESOLVED_REFS, problem.reason, problem.message)
    return met(RESOLVED_REFS, message="every reference leads somewhere")


def _is_reported(backend: BackendProblem, conformance: Conformance) -> bool:
    if conformance is Conformance.SPECIFICATION:
        return True
    return backend.has_weight and not backend.lacks_port
