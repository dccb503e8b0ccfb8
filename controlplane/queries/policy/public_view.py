"""Which namespaces get clusters of their own, shard by shard. For most hosts a namespace sees what
every other sees: the public view. What is computed for that is computed once for all of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Final

from controlplane.base.hosts import fqdn, is_odd, is_wildcard, subset_of, wider
from controlplane.base.names import Host, Namespace, ObjectKey
from controlplane.base.shelf import GROUP, GROUPS, SHARDS, shard_of
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE, DestinationRule as Spec
from controlplane.kinds.object import Object
from controlplane.model.outbound_view import OutboundView, RuleKeys
from controlplane.model.visibility import PUBLIC, visibility
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index
from controlplane.queries.policy.backend_rules import generated_rules
from controlplane.queries.policy.rules import rule_of
from controlplane.queries.registry.implied import implied_apart
from controlplane.queries.registry.services import declaring_namespaces, hosts_of_shard, service_of

_WHOLE_MESH: Final = "mesh"


@index(DESTINATION_RULE)
def exact_rules_of_shard(declared: Object[Spec]) -> Iterator[tuple[int, tuple[Host, ObjectKey]]]:
    host = fqdn(declared.spec.host, declared.namespace)
    if not is_wildcard(host):
        yield shard_of(host), (host, declared.key)


@index(DESTINATION_RULE)
def rules_of_wildcard(declared: Object[Spec]) -> Iterator[tuple[Host, ObjectKey]]:
    host = fqdn(declared.spec.host, declared.namespace)
    if is_wildcard(host) and not is_odd(host):
        yield host, declared.key


@index(DESTINATION_RULE)
def rules_of_odd_wildcards(declared: Object[Spec]) -> Iterator[tuple[str, tuple[Host, ObjectKey]]]:
    host = fqdn(declared.spec.host, declared.namespace)
    if is_odd(host):
        yield _WHOLE_MESH, (host, declared.key)


def view_for_shard(graph: Graph, view: OutboundView, shard: int) -> OutboundView:
    """The view that a shard is computed for: the public one, unless the namespace differs from
    it.
    """
    if view.namespace in namespaces_apart(graph, shard):
        return view
    if view.scope is not None and view.namespace in implied_apart(graph, shard):
        return view
    return view.public


def own_shards(graph: Graph, view: OutboundView) -> tuple[int, ...]:
    """The shards in which a view differs from the public one, in order."""
    own = shards_of_namespace(graph, view.namespace)
    if view.scope is None:
        return own
    return tuple(sorted({*own, *shards_with_own_imports(graph, view.namespace)}))


@derived
def shards_with_own_imports(graph: Graph, namespace: Namespace) -> tuple[int, ...]:
    """The shards whose hosts a Sidecar may import otherwise for a namespace than for all."""
    return tuple(shard for shard in range(SHARDS) if namespace in implied_apart(graph, shard))


@derived
def shards_of_namespace(graph: Graph, namespace: Namespace) -> tuple[int, ...]:
    """The shards in which a namespace differs from the public view, in order."""
    return _shards_apart(graph).get(namespace, ())


@derived
def _shards_apart(graph: Graph) -> Mapping[Namespace, tuple[int, ...]]:
    return shards_by_namespace(_apart_in_group(graph, first) for first in GROUPS)


def shards_by_namespace(
    groups: Iterable[Iterable[tuple[int, Iterable[Namespace]]]],
) -> Mapping[Namespace, tuple[int, ...]]:
    """By namespace the shards that name it in ``groups``, in their order."""
    found: dict[Namespace, tuple[int, ...]] = {}
    for shard, namespaces in chain.from_iterable(groups):
        for namespace in namespaces:
            found[namespace] = (*found.get(namespace, ()), shard)
    return found


@derived
def _apart_in_group(graph: Graph, first: int) -> tuple[tuple[int, tuple[Namespace, ...]], ...]:
    """The shards of a group for which any namespace is apart, which are few, with those."""
    apart = {shard: namespaces_apart(graph, shard) for shard in range(first, first + GROUP)}
    return tuple((shard, tuple(sorted(each))) for shard, each in apart.items() if each)


@derived
def namespaces_apart(graph: Graph, shard: int) -> frozenset[Namespace]:
    """The namespaces that may get other clusters of the shard's hosts than the public view. Some
    may get the same. Runs again when a declaration of one of the hosts comes, goes or changes, or a
    rule for one.
    """
    exact: dict[Host, RuleKeys] = {}
    for host, key in exact_rules_of_shard(graph, shard):
        exact[host] = (*exact.get(host, ()), key)
    return frozenset(
        namespace
        for host in hosts_of_shard(graph, shard)
        for namespace in _apart(graph, host, (*exact.get(host, ()), *_wildcard_rules(graph, host)))
    )


def apart_for_host(graph: Graph, host: Host) -> Iterator[Namespace]:
    """The namespaces for which a host may be another service than for others, or governed by other
    rules.
    """
    named = (key for other, key in exact_rules_of_shard(graph, shard_of(host)) if other == host)
    return _apart(graph, host, (*named, *_wildcard_rules(graph, host)))


def _wildcard_rules(graph: Graph, host: Host) -> Iterator[ObjectKey]:
    for pattern in wider(host):
        yield from rules_of_wildcard(graph, pattern)
    for pattern, key in rules_of_odd_wildcards(graph, _WHOLE_MESH):
        if subset_of(host, pattern):
            yield key


def _apart(graph: Graph, host: Host, rules: RuleKeys) -> Iterator[Namespace]:
    """The namespaces for which ``host`` may be another service, or governed by other ``rules``."""
    declaring = declaring_namespaces(graph, host)
    services = [service_of(graph, host, namespace) for namespace in declaring]
    seen = [service.visibility for service in services if service is not None]
    if len(seen) > 1 or not all(visibility.is_public for visibility in seen):
        yield from declaring
        for visibility in seen:
            yield from visibility.namespaces
    # Rules are looked for in the client's namespace, then the service's, then the root namespace:
    # a rule that all see in one of the last two applies to all.
    everybodys = (*declaring, Namespace(mesh_config(graph).root_namespace))
    for key in (*rules, *_generated_rules(graph, host, declaring)):
        rule = rule_of(graph, key)
        if rule is None:
            continue
        if not rule.visibility.is_public:
            yield key.namespace
            if key.namespace in everybodys:
                yield from rule.visibility.namespaces
        elif key.namespace not in everybodys:
            yield key.namespace


def _generated_rules(graph: Graph, host: Host, declaring: tuple[Namespace, ...]) -> RuleKeys:
    """The rules that policies of the Gateway API make, where not all see them: the mesh's default
    decides that.
    """
    default = mesh_config(graph).default_destination_rule_export_to
    if visibility(default, PUBLIC).is_public:
        return ()
    return tuple(key for each in declaring for key in generated_rules(graph, each, host))
