"""What in a DestinationRule has no effect: its host, a subset, or a policy that another rule sets.

Such a rule affects no other object, so all of these are warnings; a route to one of its subsets
answers 503, which the route's own analysis says.
"""

from collections.abc import Iterable, Iterator, Sequence

from controlplane.base.codes import RULE_OVERRIDDEN, SUBSET_WITHOUT_ENDPOINTS, UNKNOWN_RULE_HOST
from controlplane.base.diagnostics import Diagnostics, Related, Report
from controlplane.base.hosts import is_wildcard, short_name
from controlplane.base.locations import FieldRef
from controlplane.base.names import CLUSTER_DOMAIN, Host, Namespace, key_is_of
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE, DestinationRuleKey
from controlplane.model.endpoint import HOSTNAME_LABEL, TOPOLOGY_LABELS, Endpoint, selects
from controlplane.model.proxy import Labels, labels_text
from controlplane.model.service import Service
from controlplane.queries.analysis.destinations import services_by_name
from controlplane.queries.analysis.mesh_tls import check_mesh_tls
from controlplane.queries.analysis.near_names import near_host, report_refused_host
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.rules import reported_rule, rule_of, rules_of_host
from controlplane.queries.registry.endpoints import endpoints_of
from controlplane.queries.registry.services import declarations_of_host, service_of
from controlplane.queries.registry.templates import TemplateKey, selected_templates
from controlplane.translate.destination_rules import DestinationRule


@derived
def destination_rule_diagnostics(graph: Graph, key: DestinationRuleKey) -> Diagnostics:
    """Runs again when the rule, its host's declarations or endpoints, or another rule for the host
    changes.
    """
    made = reported_rule(graph, key)
    rule, declared = made.value, object_of(graph, key)
    if rule is None or declared is None:
        return made.diagnostics
    report = Report()
    check_mesh_tls(report, graph, declared)
    if is_wildcard(rule.host):
        return (*made.diagnostics, *report)
    if declarations_of_host(graph, rule.host):
        _report_subsets(report, graph, rule)
    else:
        _report_host(report, graph, rule)
    _report_hidden(report, graph, rule)
    return (*made.diagnostics, *report)


def _report_host(report: Report, graph: Graph, rule: DestinationRule) -> None:
    assert key_is_of(rule.key, DESTINATION_RULE), "a rule is of a DestinationRule"
    at = FieldRef(rule.key) / "spec" / "host"
    if report_refused_host(report, UNKNOWN_RULE_HOST, at, graph, rule.host):
        return
    declared = object_of(graph, rule.key)
    written = declared.spec.host if declared is not None else rule.host
    meant = "" if written == rule.host else f" ({rule.host})"
    report.add(
        UNKNOWN_RULE_HOST,
        at,
        f'host "{written}"{meant} is declared by no Service and no ServiceEntry, so the rule does '
        "nothing",
        hint=_elsewhere(graph, rule.host) or _near(graph, written, rule.key.namespace),
    )


def _elsewhere(graph: Graph, host: Host) -> str | None:
    """The Service of that name in another namespace, which is most likely meant."""
    name, _, rest = host.partition(".")
    parts = rest.split(".")
    is_local = len(parts) == 1 or rest.endswith(f".svc.{CLUSTER_DOMAIN}")
    found = services_by_name(graph, name) if is_local else ()
    return f"write {name}.{found[0].namespace}.svc.{CLUSTER_DOMAIN}" if found else None


def _near(graph: Graph, written: str, namespace: Namespace) -> str | None:
    near = near_host(graph, written, namespace)
    return f"write {near}" if near is not None else None


def _report_subsets(report: Report, graph: Graph, rule: DestinationRule) -> None:
    """Subsets without endpoints, where there are endpoints at all; where there are none, those
    that no Deployment makes workloads for.
    """
    endpoints = _endpoints(graph, rule.host)
    templates = _templates(graph, rule.host)
    if not endpoints and not templates:
        return
    for i, subset in enumerate(rule.subsets):
        if any(selects(subset.labels, endpoint.described) for endpoint in endpoints):
            continue
        wanted = subset.labels if endpoints else _without_place(subset.labels)
        made_by = [key for key, labels in templates if selects(wanted, labels)]
        if not endpoints and made_by:
            continue
        what = "endpoint" if endpoints else "Deployment"
        labels = [e.described for e in endpoints] or [labels for _, labels in templates]
        report.add(
            SUBSET_WITHOUT_ENDPOINTS,
            FieldRef(rule.key) / "spec" / "subsets" / i / "labels",
            f'no {what} of {short_name(rule.host)} has the labels of subset "{subset.name}" '
            f"({labels_text(subset.labels)})",
            note=_what_there_is(f"{what}s", labels, subset.labels),
            hint=_connecting(rule.host, subset.name, made_by, endpoints),
        )


def _without_place(labels: Labels) -> Labels:
    """``labels`` but for those that Pods get from their Node."""
    of_nodes = {*TOPOLOGY_LABELS, HOSTNAME_LABEL}
    return tuple(pair for pair in labels if pair[0] not in of_nodes)


def _connecting(
    host: Host, subset: str, made_by: Sequence[TemplateKey], endpoints: Sequence[Endpoint]
) -> str | None:
    if made_by:
        name = short_name(host)
        return f"{made_by[0].display_name} makes them: connect it with --local {name}/{subset}=PORT"
    if any(endpoint.labels for endpoint in endpoints) or not endpoints:
        return None
    return "declare the Pods, or WorkloadEntries: an EndpointSlice holds no labels"


def _templates(graph: Graph, host: Host) -> tuple[tuple[TemplateKey, Labels], ...]:
    """What makes the workloads of every service that ``host`` is, with their labels."""
    return tuple(
        template
        for service in _services(graph, host)
        if service.selector is not None
        for template in selected_templates(graph, service.namespace, service.selector)
    )


def _endpoints(graph: Graph, host: Host) -> tuple[Endpoint, ...]:
    """The endpoints of every service that ``host`` is, of all its ports."""
    return tuple(
        endpoint
        for service in _services(graph, host)
        for port in service.ports
        for endpoint in endpoints_of(graph, host, service.namespace, port.number)
    )


def _services(graph: Graph, host: Host) -> Iterator[Service]:
    """Every service that ``host`` is, one of each namespace that declares it."""
    for namespace in sorted({key.namespace for key in declarations_of_host(graph, host)}):
        service = service_of(graph, host, namespace)
        if service is not None:
            yield service


def _what_there_is(what: str, labels: Iterable[Labels], wanted: Labels) -> str | None:
    """The values that ``what`` do have for the labels wanted."""
    names = {name for name, _ in wanted}
    there = sorted({pair for each in labels for pair in each if pair[0] in names})
    return f"the {what} have {labels_text(tuple(there))}" if there else None


def _report_hidden(report: Report, graph: Graph, rule: DestinationRule) -> None:
    """What an older rule of the namespace for the same host and clients already sets."""
    others = (
        other
        for key in rules_of_host(graph, (rule.namespace, rule.host))
        if key != rule.key and (other := rule_of(graph, key)) is not None
    )
    older = sorted(
        (
            other
            for other in others
            if (other.created, other.key.name) < (rule.created, rule.key.name)
            and other.selector == rule.selector
            and other.export_to == rule.export_to
        ),
        key=lambda other: (other.created, other.key.name),
    )
    at = FieldRef(rule.key) / "spec"
    for other in older:
        if rule.policy is not None and other.policy is not None:
            _hidden(report, at / "trafficPolicy", other, "has a trafficPolicy, which alone is used")
            break
    for i, subset in enumerate(rule.subsets):
        first = next((other for other in older if other.subset(subset.name) is not None), None)
        if first is not None:
            place = at / "subsets" / i / "name"
            _hidden(
                report, place, first, f'declares subset "{subset.name}", whose declaration is used'
            )


def _hidden(report: Report, at: FieldRef, other: DestinationRule, what: str) -> None:
    report.add(
        RULE_OVERRIDDEN,
        at,
        f"{other.key.display_name} is for the same host, comes first and {what}",
        hint=f"move it into {other.key.display_name}",
        related=(Related(place=FieldRef(other.key), message="comes first"),),
    )
