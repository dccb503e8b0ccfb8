"""Which namespaces get routes of their own, shard by shard; what is computed for the public view is
computed once for all others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from controlplane.base.hosts import subset_of
from controlplane.base.names import Host, Namespace
from controlplane.base.shelf import GROUP, GROUPS, shard_of
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.virtual_service import Destination, HttpRoute, VirtualServiceKey
from controlplane.model.outbound_view import Interception, OutboundView
from controlplane.model.proxy import Labels
from controlplane.model.visibility import visibility
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.public_view import apart_for_host, namespaces_apart
from controlplane.queries.registry.mesh_parents import mesh_sets, mesh_sets_of_shard
from controlplane.queries.registry.services import hosts_of_shard
from controlplane.queries.routes.mesh_names import aliases, rivals
from controlplane.queries.routes.mesh_routes import mesh_set_apart
from controlplane.queries.routes.mesh_virtual_services import (
    WHOLE_MESH,
    mesh_rules_of_shard,
    mesh_wildcards,
)
from controlplane.queries.routes.virtual_services import expanded_rules
from controlplane.translate.service_domains import own_namespace

_NOTHING: Final[tuple[Namespace, ...]] = ()


def route_view(view: OutboundView) -> OutboundView:
    """The part of a view that affects virtual hosts, where it is known what is imported."""
    return replace(view, scope=None, settings=view.route_settings, interception=Interception.NONE)


def view_in_shard(graph: Graph, view: OutboundView, shard: int) -> OutboundView:
    """The view that a shard's virtual hosts are computed for: the public one, unless the namespace
    differs from it, and of the labels only those that rules of the shard ask for.
    """
    seen = view if view.namespace in routes_apart(graph, shard) else view.public
    if not seen.source_labels:
        return seen
    asked = sources_of_shard(graph, shard)
    return replace(seen, source_labels=tuple(p for p in seen.source_labels if p in asked))


@derived
def shards_apart(graph: Graph, namespace: Namespace) -> tuple[int, ...]:
    """The shards in which a namespace differs from the public view, in order."""
    return _by_namespace(graph).get(namespace, ())


@derived
def _by_namespace(graph: Graph) -> Mapping[Namespace, tuple[int, ...]]:
    found: dict[Namespace, tuple[int, ...]] = {}
    for first in GROUPS:
        for shard, namespaces in _routes_apart_in_group(graph, first):
            for namespace in namespaces:
                found[namespace] = (*found.get(namespace, ()), shard)
    return found


@derived
def _routes_apart_in_group(
    graph: Graph, first: int
) -> tuple[tuple[int, tuple[Namespace, ...]], ...]:
    apart = {shard: routes_apart(graph, shard) for shard in range(first, first + GROUP)}
    return tuple((shard, tuple(sorted(each))) for shard, each in apart.items() if each)


@derived
def routes_apart(graph: Graph, shard: int) -> frozenset[Namespace]:
    """The namespaces that may get other routes to the shard's hosts than the public view; some may
    get the same.

    Runs again when a declaration of one of the hosts comes, goes or changes, or a rule for one.
    """
    found = set(namespaces_apart(graph, shard))
    for host in hosts_of_shard(graph, shard):
        for name in (host, *aliases(graph, host)):
            found.update(_own(name))
    for key in rules_of_shard(graph, shard):
        found.update(rule_apart(graph, key))
    for routes in mesh_sets_of_shard(graph, shard):
        found.update(mesh_set_apart(graph, routes))
    named = (Host(host) for host, _ in mesh_rules_of_shard(graph, shard))
    for host in {*hosts_of_shard(graph, shard), *named}:
        for rival in rivals(graph, host):
            found.update(_rival_apart(graph, rival))
    return frozenset(found)


def _own(host: Host) -> tuple[Namespace, ...]:
    namespace = own_namespace(host)
    return _NOTHING if namespace is None else (namespace,)


def _rival_apart(graph: Graph, host: Host) -> Iterator[Namespace]:
    """The namespaces for which a host may have other names than for others."""
    yield from apart_for_host(graph, host)
    for name in (host, *aliases(graph, host)):
        yield from _own(name)
    for other, key in mesh_rules_of_shard(graph, shard_of(host)):
        if other == host.lower():
            yield from rule_apart(graph, key)
    for wildcard, key in mesh_wildcards(graph, WHOLE_MESH):
        if subset_of(host.lower(), wildcard):
            yield from rule_apart(graph, key)
    for routes in mesh_sets(graph, Host(host.lower())):
        yield from mesh_set_apart(graph, routes)


def rules_of_shard(graph: Graph, shard: int) -> frozenset[VirtualServiceKey]:
    """The VirtualServices that may route a host of the shard."""
    wide = [
        key
        for wildcard, key in mesh_wildcards(graph, WHOLE_MESH)
        if any(subset_of(host.lower(), wildcard) for host in hosts_of_shard(graph, shard))
    ]
    return frozenset((*(key for _, key in mesh_rules_of_shard(graph, shard)), *wide))


@derived
def sources_of_shard(graph: Graph, shard: int) -> frozenset[tuple[str, str]]:
    """The labels, as pairs, that rules for the shard's hosts ask of their callers."""
    return frozenset(
        pair for key in rules_of_shard(graph, shard) for pair in _source_labels(graph, key)
    )


@derived
def _source_labels(graph: Graph, key: VirtualServiceKey) -> Labels:
    return tuple(
        sorted(
            {p for rule in _rules(graph, key) for m in rule.match for p in m.source_labels.items()}
        )
    )


@derived
def rule_apart(graph: Graph, key: VirtualServiceKey) -> frozenset[Namespace]:
    """The namespaces for which a VirtualService may mean something else than for others: it is not
    for everybody, asks for a namespace, or leads to a host that some see differently.
    """
    declared = object_of(graph, key)
    if declared is None:
        return frozenset()
    default = mesh_config(graph).default_virtual_service_export_to
    seen = visibility(declared.spec.export_to or default, key.namespace)
    rules = _rules(graph, key)
    asked = (match.source_namespace for rule in rules for match in rule.match)
    to = {Host(each.host) for rule in rules for each in _destinations(rule)}
    return frozenset(
        (
            *(() if seen.is_public else seen.namespaces),
            *(Namespace(name) for name in asked if name),
            *(namespace for host in to for namespace in apart_for_host(graph, host)),
        )
    )


def _rules(graph: Graph, key: VirtualServiceKey) -> tuple[HttpRoute, ...]:
    return tuple(located.rule for located in expanded_rules(graph, key))


def _destinations(rule: HttpRoute) -> Iterator[Destination]:
    for share in rule.route:
        if share.destination is not None:
            yield share.destination
    if rule.mirror is not None:
        yield rule.mirror
    for mirror in rule.mirrors:
        if mirror.destination is not None:
            yield mirror.destination
