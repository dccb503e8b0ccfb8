"""What AuthorizationPolicies come to at a proxy: one filter for each verdict, for requests and for
connections.

An internal error never lets a call through: an ALLOW policy that cannot be read allows nothing, a
DENY policy then refuses everything at the workloads that it is attached to.
Source: Istio ``pilot/pkg/security/authz/builder``
"""

from collections.abc import Iterator
from typing import Final, assert_never

from controlplane.base.names import ObjectKey, key_is_of
from controlplane.graph import Graph, derived, guarded_by
from controlplane.kinds.istio.authorization_policy import (
    AUTHORIZATION_POLICY,
    AuthorizationPolicy,
    AuthorizationPolicyKey,
)
from controlplane.kinds.object import Object
from controlplane.model.authorization import (
    EVERY_CALL,
    EVERY_CALLER,
    Authorization,
    Rule,
    Rules,
    Transport,
    Verdict,
)
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import object_of
from controlplane.translate.istio.authorization_policy import VERDICTS, is_dry_run, rules
from controlplane.translate.istio.trust_domains import TrustDomains, known_trust_domains

AuthorizationKeys = tuple[ObjectKey, ...]
ORDER: Final = (Verdict.AUDIT, Verdict.DENY, Verdict.ALLOW)
"""Each sees what the ones after it refuse."""


def authorizations(
    graph: Graph, keys: AuthorizationKeys, transport: Transport
) -> tuple[Authorization, ...]:
    """The filters that these policies put into every chain of ``transport``, in their order."""
    found = (authorization(graph, keys, verdict, transport) for verdict in ORDER)
    return tuple(each for each in found if each is not None)


def _refusing_all(
    keys: AuthorizationKeys, verdict: Verdict, transport: Transport
) -> Authorization | None:
    if verdict is Verdict.AUDIT or not keys:
        return None
    return Authorization(verdict=Verdict.ALLOW, transport=transport, enforced=())


@guarded_by(_refusing_all)
def authorization(
    graph: Graph, keys: AuthorizationKeys, verdict: Verdict, transport: Transport
) -> Authorization | None:
    """What the policies among ``keys`` with one verdict come to; ``None`` where there is none.

    Runs again when one of them changes, or the mesh's trust domain.
    """
    enforced: list[Rule] = []
    tried: list[Rule] = []
    are_enforced = are_tried = False
    for policy in _policies(graph, keys, verdict):
        found = policy_rules(graph, policy.key, transport)
        if found is None:
            found = _for_unknown(policy.key, verdict)
        if is_dry_run(policy):
            are_tried = True
            tried += found
        else:
            are_enforced = True
            enforced += found
    if not are_enforced and not are_tried:
        return None
    return Authorization(
        verdict=verdict,
        transport=transport,
        enforced=tuple(enforced) if are_enforced else None,
        tried=tuple(tried) if are_tried else None,
    )


def _policies(
    graph: Graph, keys: AuthorizationKeys, verdict: Verdict
) -> Iterator[Object[AuthorizationPolicy]]:
    for key in keys:
        assert key_is_of(key, AUTHORIZATION_POLICY), "these alone have verdicts"
        policy = object_of(graph, key)
        if policy is not None and VERDICTS.get(policy.spec.action) is verdict:
            yield policy


def _for_unknown(key: AuthorizationPolicyKey, verdict: Verdict) -> Rules:
    """What a policy comes to whose rules are not known."""
    match verdict:
        case Verdict.ALLOW | Verdict.AUDIT:
            return ()
        case Verdict.DENY:
            return (Rule(policy=key, index=0, who=EVERY_CALLER, what=EVERY_CALL),)
    assert_never(verdict)


def _unknown(*_: object) -> Rules | None:
    return None


@guarded_by(_unknown)
def policy_rules(graph: Graph, key: AuthorizationPolicyKey, transport: Transport) -> Rules | None:
    """The rules of one policy, for all proxies that it is attached to; ``None`` where an internal
    error keeps them from being known, or the policy is gone.

    Runs again when it changes, or the names of the mesh's trust domain.
    """
    policy = object_of(graph, key)
    return None if policy is None else rules(policy, transport, mesh_trust_domains(graph))


@derived
def mesh_trust_domains(graph: Graph) -> TrustDomains:
    """The names of the mesh's trust domain; runs again when MeshConfig changes."""
    return known_trust_domains(mesh_config(graph))
