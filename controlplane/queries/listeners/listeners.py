"""The listeners of a proxy, each encoded once for all proxies that share it, chain by chain."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from controlplane.base.shelf import Shelf, shelf
from controlplane.envoy.listeners.listener import (
    framed_chain,
    listener as encoded_listener,
    refusing_listener,
)
from controlplane.envoy.policy_configs import policies_of, policy_filter_config, refusing_config
from controlplane.envoy.resource import Resource
from controlplane.graph import Graph, derived, guarded, guarded_by
from controlplane.model.http_settings import ListenerContext
from controlplane.model.plan.listener import ChainPlan, ListenerPlan
from controlplane.model.plan.network_filters import PolicyHttpFilter
from controlplane.model.plan.policy_filters import NO_POLICY_FILTERS, PolicyFilters
from controlplane.model.plan.proxy import (
    GatewayListener,
    InboundListener,
    ListenerKey,
    OutboundListener,
)
from controlplane.model.tls import SecretName, ServerTls
from controlplane.queries.listeners.plans import listener_plan
from controlplane.queries.policy.policy_filters import policy_filters
from controlplane.translate.istio.decided_chains import REFUSED, is_decided, unplanned


@derived
def listeners(graph: Graph, keys: tuple[ListenerKey, ...]) -> Shelf[Resource]:
    """Every listener of a proxy. Runs again when one of them comes, goes or changes."""
    found = (listener(graph, key) for key in keys)
    return shelf({resource.name: resource for resource in found if resource is not None})


@derived
def listener(graph: Graph, key: ListenerKey) -> Resource | None:
    """One listener, encoded; ``None`` where nothing is served there.

    A last good form that does not have the policies of now is not good: calls are refused then.
    """
    found = planned_listener(graph, key)
    policies = policies_at(graph, key)
    if found is not None and policies is not None and not is_decided(found.plan, policies):
        return refusing_listener(found.plan, REFUSED)
    if found is None and isinstance(key, InboundListener) and policies != NO_POLICY_FILTERS:
        return refusing_listener(unplanned(key), REFUSED)
    return found.resource if found is not None else None


@dataclass(frozen=True, slots=True)
class PlannedListener:
    """A listener and what it is encoded from."""

    plan: ListenerPlan
    resource: Resource


@guarded
def planned_listener(graph: Graph, key: ListenerKey) -> PlannedListener | None:
    """One listener; ``None`` where nothing is served there."""
    plan = listener_plan(graph, key)
    return None if plan is None else PlannedListener(plan, _encoded(graph, plan))


def policies_at(graph: Graph, key: ListenerKey) -> PolicyFilters | None:
    """What decides the calls that come in there; ``None`` where calls go out."""
    match key:
        case GatewayListener():
            return policy_filters(graph, key.instance.policies, ListenerContext.GATEWAY)
        case InboundListener():
            return policy_filters(graph, key.view.policies, ListenerContext.INBOUND)
        case OutboundListener():
            return None
    assert_never(key)


def _encoded(graph: Graph, plan: ListenerPlan) -> Resource:
    chains = [framed(graph, each.chain, is_default=False) for each in plan.chains]
    if plan.default is not None:
        chains.append(framed(graph, plan.default.chain, is_default=True))
    return encoded_listener(plan, chains)


@derived
def framed(graph: Graph, chain: ChainPlan, is_default: bool) -> bytes:
    """One chain, encoded once for all listeners that have it; edits of other chains do not affect
    it. Filters of policies are in it as they are encoded once for all chains.
    """
    policies = {policy: policy_config(graph, policy) for policy in policies_of(chain)}
    return framed_chain(chain, policies, is_default=is_default)


@guarded_by(refusing_config)
def policy_config(_: Graph, policy: PolicyHttpFilter) -> bytes:
    """The filter of a policy, encoded once for all chains that have it; where that fails, one that
    refuses what it would decide.
    """
    return policy_filter_config(policy)


@guarded(first=())
def listener_secrets(graph: Graph, keys: tuple[ListenerKey, ...]) -> tuple[SecretName, ...]:
    """The secrets that a proxy's listeners ask for, sorted."""
    return tuple(sorted({name for tls in _ended_tls(graph, keys) for name in tls.secrets}))


@guarded(first=())
def granted_secrets(graph: Graph, keys: tuple[ListenerKey, ...]) -> tuple[SecretName, ...]:
    """Those of other namespaces that the listeners were granted, sorted."""
    return tuple(sorted({name for tls in _ended_tls(graph, keys) for name in tls.granted}))


def _ended_tls(graph: Graph, keys: tuple[ListenerKey, ...]) -> Iterator[ServerTls]:
    for key in keys:
        plan = listener_plan(graph, key)
        for each in plan.chains if plan is not None else ():
            if each.chain.tls is not None:
                yield each.chain.tls
