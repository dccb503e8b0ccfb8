"""Which DestinationRule governs a service for a client.

Source: https://istio.io/latest/docs/reference/config/networking/destination-rule/ and Istio
``model/push_context.go`` (``destinationRule``, ``mergeDestinationRule``).
"""

from collections.abc import Callable, Iterator

from controlplane.base.diagnostics import Report, Reported
from controlplane.base.hosts import fqdn, is_wildcard, most_specific
from controlplane.base.names import Host, Namespace, ObjectKey, key_is_of
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.istio.destination_rule import (
    DESTINATION_RULE,
    DestinationRule as Spec,
    DestinationRuleKey,
)
from controlplane.kinds.object import Object
from controlplane.model.endpoint import selects
from controlplane.model.outbound_view import OutboundView, RuleKeys, RuleScope
from controlplane.model.proxy import Labels
from controlplane.model.visibility import PUBLIC
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.policy.backend_rules import (
    generated_rule,
    generated_rules,
    generated_wildcard_rules,
    is_generated,
)
from controlplane.queries.registry.imported import service_in_view
from controlplane.translate.destination_rules import DestinationRule, merged_rules
from controlplane.translate.istio.destination_rule import destination_rule


@index(DESTINATION_RULE)
def rules_of_host(
    declared: Object[Spec],
) -> Iterator[tuple[tuple[Namespace, Host], DestinationRuleKey]]:
    host = fqdn(declared.spec.host, declared.namespace)
    if not is_wildcard(host):
        yield (declared.namespace, host), declared.key


@index(DESTINATION_RULE)
def wildcard_rules(
    declared: Object[Spec],
) -> Iterator[tuple[Namespace, tuple[Host, DestinationRuleKey]]]:
    host = fqdn(declared.spec.host, declared.namespace)
    if is_wildcard(host):
        yield declared.namespace, (host, declared.key)


@index(DESTINATION_RULE)
def selecting_rules(declared: Object[Spec]) -> Iterator[tuple[Namespace, DestinationRuleKey]]:
    if declared.spec.workload_selector is not None:
        yield declared.namespace, declared.key


@guarded
def rule_of(graph: Graph, key: ObjectKey) -> DestinationRule | None:
    """The rule that one object is; runs again when it changes."""
    assert key_is_of(key, DESTINATION_RULE), "rules are looked for by the keys of DestinationRules"
    if is_generated(key):
        return generated_rule(graph, key)
    return reported_rule(graph, key).value


@derived
def reported_rule(graph: Graph, key: DestinationRuleKey) -> Reported[DestinationRule | None]:
    """The rule that one object is, with its warnings."""
    declared = object_of(graph, key)
    if declared is None:
        return Reported(None)
    report = Report()
    default = mesh_config(graph).default_destination_rule_export_to
    rule = destination_rule(report, declared, default_export_to=default)
    return Reported(rule, tuple(report))


def selected_rules(graph: Graph, namespace: Namespace, labels: Labels) -> RuleKeys:
    """The rules with a workloadSelector that select a proxy of the namespace with ``labels``."""
    return tuple(
        key
        for key in selecting_rules(graph, namespace)
        if (rule := rule_of(graph, key)) is not None
        and rule.selector is not None
        and selects(rule.selector, labels)
    )


@derived
def governing_rules(
    graph: Graph, host: Host, service_namespace: Namespace, client: RuleScope
) -> RuleKeys:
    """The rules, to be merged, that govern ``host`` for a client.

    Looked for in the client's namespace, then the service's, then the root namespace: the first
    that has one for the host (by name or by the most specific wildcard) decides alone. For clients
    in the root namespace only its private rules come first; the public view has none of its
    own. Runs again when a rule for the host in one of the three changes.
    """
    root = Namespace(mesh_config(graph).root_namespace)
    if client.namespace == root:
        # Exported rules of the root namespace are the mesh's defaults: for clients there, too, the
        # service's own namespace comes before them. A private one is meant for these clients alone.
        own = _candidates(graph, root, host, _is_private)
    elif client.namespace == PUBLIC:
        own = []
    else:
        own = _candidates(graph, client.namespace, host, _is_for_its_own)
    if own:
        return _chosen(own, client)
    for namespace in (service_namespace, root):
        exported = _candidates(graph, namespace, host, _is_exported)
        seen = [group for group in exported if group[0].visibility.admits(client.namespace)]
        if seen:
            return _chosen(seen, client)
    return ()


@derived
def merged_rule(graph: Graph, keys: RuleKeys) -> DestinationRule | None:
    """Several rules as one; runs again when one of them changes."""
    rules = tuple(rule for key in keys if (rule := rule_of(graph, key)) is not None)
    return merged_rules(rules) if rules else None


_Group = tuple[DestinationRule, ...]
_Belongs = Callable[[DestinationRule], bool]


def _is_for_its_own(rule: DestinationRule) -> bool:
    return not rule.export_to or bool(rule.export_to & {"*", rule.namespace})


def _is_private(rule: DestinationRule) -> bool:
    return rule.is_private


def _is_exported(rule: DestinationRule) -> bool:
    return not rule.is_private


def _candidates(
    graph: Graph,
    namespace: Namespace,
    host: Host,
    belongs: _Belongs,
) -> list[_Group]:
    """The rules of a namespace for ``host`` that belong, those that merge put together."""
    keys = (*generated_rules(graph, namespace, host), *rules_of_host(graph, (namespace, host)))
    exact = _belonging(graph, keys, belongs)
    if exact:
        # A rule for the very host hides all wildcards, also from clients that do not see it.
        return _merged_groups(exact)
    wild = (*generated_wildcard_rules(graph, namespace), *wildcard_rules(graph, namespace))
    found = [
        (pattern, rule) for pattern, key in wild for rule in _belonging(graph, (key,), belongs)
    ]
    best = most_specific((pattern for pattern, _ in found), host)
    return _merged_groups([rule for pattern, rule in found if pattern == best])


def _belonging(
    graph: Graph, keys: tuple[DestinationRuleKey, ...], belongs: _Belongs
) -> list[DestinationRule]:
    rules = (rule_of(graph, key) for key in keys)
    return [rule for rule in rules if rule is not None and belongs(rule)]


def _merged_groups(rules: list[DestinationRule]) -> list[_Group]:
    """Rules with selectors first, then what policies of the Gateway API make, then by age; a later
    one joins an earlier one that is seen no further.

    As in Istio, a rule that joins is then not seen where only it was exported to.
    """
    groups: list[list[DestinationRule]] = []
    for rule in sorted(rules, key=_precedence):
        for group in groups:
            if _joins(rule, group[0]):
                group.append(rule)
                break
        else:
            groups.append([rule])
    return [tuple(group) for group in groups]


def _precedence(rule: DestinationRule) -> tuple[bool, bool, str, str]:
    return (rule.selector is None, not rule.is_generated, rule.created, rule.key.name)


def _joins(later: DestinationRule, earlier: DestinationRule) -> bool:
    if later.selector != earlier.selector:
        return False
    wider = bool(earlier.export_to) and later.export_to >= earlier.export_to
    return later.export_to == earlier.export_to or wider


def _chosen(groups: list[_Group], client: RuleScope) -> RuleKeys:
    """The first group that selects the client, else the last one without a selector."""
    for group in groups:
        if group[0].selector is not None and group[0].key in client.selected:
            return tuple(rule.key for rule in group)
    # Groups that do not merge (their exports differ) override each other; Istio keeps the last.
    plain = [group for group in groups if group[0].selector is None]
    return tuple(rule.key for rule in plain[-1]) if plain else ()


def rule_for(graph: Graph, view: OutboundView, host: Host) -> DestinationRule | None:
    """The rule that governs a host for a client, merged; ``None`` where the client sees no such
    service.
    """
    found = service_in_view(graph, host, view)
    if found is None:
        return None
    return merged_rule(graph, governing_rules(graph, host, found.namespace, view.rule_scope))
