"""The status of policies for backends, without times and generations.

It comes from what traffic is made of: targets, conflicts and authorities.
"""

from collections.abc import Iterator
from typing import Final

from controlplane.base.names import key_is_of
from controlplane.graph import Graph, guarded
from controlplane.kinds.gateway_api.backend_tls_policy import BACKEND_TLS_POLICY
from controlplane.kinds.gateway_api.gateway import KubernetesGatewayKey
from controlplane.kinds.object import Object
from controlplane.model.gateway_api import (
    CONTROLLER,
    ISTIO_CONTROLLER,
    Condition,
    Conformance,
    Problem,
)
from controlplane.queries.gateway_api.classes import gateway_conformance
from controlplane.queries.gateway_api.policy_ancestors import gateways_of_backend
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.backend_policies import (
    CONFLICTED,
    AnyPolicy,
    PolicyKey,
    is_ignored,
    target_problem,
    targets_of,
    trust_problem,
)
from controlplane.translate.gateway_api.policy_conditions import (
    ignored_conditions,
    tls_policy_conditions,
    traffic_policy_conditions,
)
from controlplane.translate.gateway_api.status import PolicyAncestor

MESH_CONTROLLER: Final = "istio.io/mesh-controller"
_CONTROLLERS: Final = {
    Conformance.ISTIO: ISTIO_CONTROLLER,
    Conformance.SPECIFICATION: CONTROLLER,
}
MOST_ANCESTORS: Final = 16  # PolicyStatus.ancestors, maximum


@guarded(first=())
def policy_status(graph: Graph, key: PolicyKey) -> tuple[PolicyAncestor, ...]:
    """The status of a policy: for each target, as callers in the mesh see it, and for each Gateway
    whose routes name a target. Istio names no Gateways for XBackendTrafficPolicies.

    Runs again when the policy, its targets, its authorities or the routes to its targets change.
    """
    policy = object_of(graph, key)
    if policy is None:
        return ()
    found = (*_targets(graph, policy), *_gateways(graph, policy))
    return found[:MOST_ANCESTORS]


def _targets(graph: Graph, policy: Object[AnyPolicy]) -> Iterator[PolicyAncestor]:
    conformance = _mesh_conformance(graph, policy)
    earlier: Problem | None = None
    for i, (target, section) in enumerate(targets_of(policy)):
        problem = _problem(graph, policy, i, conformance)
        if conformance is Conformance.ISTIO:  # what is wrong with one target is said of later ones
            problem = earlier = problem or earlier
        yield PolicyAncestor(
            ancestor=target,
            section_name=section,
            controller=MESH_CONTROLLER,
            conditions=_conditions(graph, policy, problem),
        )


def _gateways(graph: Graph, policy: Object[AnyPolicy]) -> Iterator[PolicyAncestor]:
    if is_ignored(policy):
        return
    for gateway in _ancestors(graph, policy):
        conformance = gateway_conformance(graph, gateway)
        is_istio = conformance is Conformance.ISTIO
        if conformance is None or (is_istio and policy.kind != BACKEND_TLS_POLICY):
            continue
        problems = [
            _problem(graph, policy, i, conformance)
            for i, (target, _) in enumerate(targets_of(policy))
            if is_istio or gateway in gateways_of_backend(graph, target)
        ]
        failing = [problem for problem in problems if problem is not None]
        fails = failing and (is_istio or len(failing) == len(problems))
        yield PolicyAncestor(
            ancestor=gateway,
            controller=_CONTROLLERS[conformance],
            conditions=_conditions(graph, policy, failing[0] if fails else None),
        )


def _ancestors(graph: Graph, policy: Object[AnyPolicy]) -> tuple[KubernetesGatewayKey, ...]:
    """The Gateways whose routes name a target that is there."""
    found = {
        gateway
        for i, (target, _) in enumerate(targets_of(policy))
        if _problem(graph, policy, i, Conformance.ISTIO) is None
        for gateway in gateways_of_backend(graph, target)
    }
    return tuple(sorted(found))


def _mesh_conformance(graph: Graph, policy: Object[AnyPolicy]) -> Conformance:
    """The specification's where Gateways of its conformance alone use the policy."""
    used = {gateway_conformance(graph, gateway) for gateway in _ancestors(graph, policy)}
    only = used == {Conformance.SPECIFICATION}
    return Conformance.SPECIFICATION if only else Conformance.ISTIO


def _problem(
    graph: Graph, policy: Object[AnyPolicy], position: int, conformance: Conformance
) -> Problem | None:
    """Istio uses the older of two policies too, and does not say so."""
    found = target_problem(graph, policy.key, position)
    is_silent = conformance is Conformance.ISTIO
    return None if found is not None and is_silent and found.reason == CONFLICTED else found


def _conditions(
    graph: Graph, policy: Object[AnyPolicy], target: Problem | None
) -> tuple[Condition, ...]:
    if is_ignored(policy):
        return ignored_conditions()
    if key_is_of(policy.key, BACKEND_TLS_POLICY):
        return tls_policy_conditions(trust_problem(graph, policy.key), target)
    return traffic_policy_conditions(target)
