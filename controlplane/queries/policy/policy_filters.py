"""What the policies that are attached to a proxy put into its chains.

Where that is not known because of an internal error, every call is refused.
"""

from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.graph import Graph, guarded_by
from controlplane.model.authorization import Authorization, Transport, Verdict
from controlplane.model.http_settings import ListenerContext
from controlplane.model.plan.network_filters import PolicyFilter
from controlplane.model.plan.policy_filters import NO_POLICY_FILTERS, PolicyFilters
from controlplane.model.policy_keys import NO_POLICIES, PolicyKeys
from controlplane.queries.policy.authorization import authorizations
from controlplane.queries.policy.external_authorization import external_authorization
from controlplane.queries.policy.tokens import token_verification

REFUSING: Final = PolicyFilters(
    http=(Authorization(verdict=Verdict.ALLOW, transport=Transport.HTTP, enforced=()),),
    network=(Authorization(verdict=Verdict.ALLOW, transport=Transport.TCP, enforced=()),),
)


def _refusing(keys: PolicyKeys, _: ListenerContext) -> PolicyFilters:
    return NO_POLICY_FILTERS if keys == NO_POLICIES else REFUSING


@guarded_by(_refusing)
def policy_filters(graph: Graph, keys: PolicyKeys, context: ListenerContext) -> PolicyFilters:
    """The filters that are in every chain of a proxy for calls that come in.

    Runs again when one of its policies changes, or the keys of an issuer.
    """
    if not keys.are_known:
        return REFUSING
    tokens = token_verification(graph, keys.tokens, context is ListenerContext.GATEWAY)
    verified = (tokens,) if tokens is not None else ()
    return PolicyFilters(
        http=(*verified, *_filters(graph, keys, Transport.HTTP)),
        network=_filters(graph, keys, Transport.TCP),
        origins=tuple(FieldRef(key, ("spec",)) for key in (*keys.authorization, *keys.tokens)),
    )


def _filters(graph: Graph, keys: PolicyKeys, transport: Transport) -> tuple[PolicyFilter, ...]:
    return (
        *external_authorization(graph, keys.authorization, transport),
        *authorizations(graph, keys.authorization, transport),
    )
