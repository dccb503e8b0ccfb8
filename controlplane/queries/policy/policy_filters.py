"""What the policies that are attached to a proxy put into its chains."""

from controlplane.base.locations import FieldRef
from controlplane.graph import Graph, derived
from controlplane.model.authorization import Transport
from controlplane.model.plan.policy_filters import PolicyFilters
from controlplane.model.policy_keys import PolicyKeys
from controlplane.queries.policy.authorization import authorizations


@derived
def policy_filters(graph: Graph, keys: PolicyKeys) -> PolicyFilters:
    """The filters that stand in every chain of a proxy; runs again when one of its policies
    changes.
    """
    return PolicyFilters(
        http=authorizations(graph, keys.authorization, Transport.HTTP),
        network=authorizations(graph, keys.authorization, Transport.TCP),
        origins=tuple(FieldRef(key, ("spec",)) for key in (*keys.authorization, *keys.tokens)),
    )
