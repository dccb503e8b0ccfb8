"""Whether policies decide every call that comes in through a listener, and the listener that takes
the place of one where they do not.

This is asked of each listener that leaves, whatever made it.
"""

from typing import Final

from controlplane.model.authorization import Authorization, Transport, Verdict
from controlplane.model.cluster_name import BLACK_HOLE, is_sni_dnat
from controlplane.model.plan.listener import ChainPlan, Direction, ListenerPlan
from controlplane.model.plan.network_filters import (
    ClusterWeight,
    HttpConnectionManager,
    HttpFilter,
    NetworkFilter,
    PolicyHttpFilter,
    TcpProxy,
)
from controlplane.model.plan.policy_filters import PolicyFilters
from controlplane.model.plan.proxy import InboundListener
from controlplane.translate.istio.inbound_listener import VIRTUAL_INBOUND

REFUSED: Final = ChainPlan(
    name="refused",
    network_filters=(
        Authorization(verdict=Verdict.ALLOW, transport=Transport.TCP, enforced=()),
        TcpProxy(stat_prefix=BLACK_HOLE, clusters=(ClusterWeight(cluster=BLACK_HOLE, weight=1),)),
    ),
)
"""It closes every connection."""


def is_decided(plan: ListenerPlan, policies: PolicyFilters) -> bool:
    """Whether every chain that leads somewhere has the filters of ``policies``, and no others of
    their kinds. SNI-DNAT is left to the destination, as with Istio.
    """
    default = (plan.default,) if plan.default is not None else ()
    return all(_has(each.chain, policies) for each in (*plan.chains, *default))


def unplanned(key: InboundListener) -> ListenerPlan:
    """A listener of which an internal error hides everything but its name and address."""
    return ListenerPlan(
        name=VIRTUAL_INBOUND if key.port is None else str(key.address),
        address=key.address,
        chains=(),
        direction=Direction.INBOUND,
    )


def _has(chain: ChainPlan, policies: PolicyFilters) -> bool:
    *_, last = chain.network_filters
    if isinstance(last, HttpConnectionManager):
        return _of_policies(last.filters) == _of_policies(policies.http)
    if isinstance(last, TcpProxy) and all(_is_exempt(each) for each in last.clusters):
        return True
    return _of_policies(chain.network_filters) == _of_policies(policies.network)


def _of_policies(
    filters: tuple[HttpFilter | NetworkFilter, ...],
) -> frozenset[PolicyHttpFilter]:
    return frozenset(each for each in filters if isinstance(each, PolicyHttpFilter))


def _is_exempt(each: ClusterWeight) -> bool:
    return each.cluster == BLACK_HOLE or is_sni_dnat(each.cluster)
