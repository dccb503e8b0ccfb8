"""Destinations that lead nowhere: a host, a port or a subset that is not declared.

Which proxies will ask is not known here, so a destination is reported only when it leads nowhere
for proxies in the object's own namespace and in those of its Gateways alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.base.codes import (
    UNKNOWN_HOST,
    UNKNOWN_PORT,
    UNKNOWN_SUBSET,
    UNREACHABLE_FROM_GATEWAYS,
)
from controlplane.base.diagnostics import Related, Report
from controlplane.base.hosts import fqdn, short_name
from controlplane.base.locations import FieldRef
from controlplane.base.names import CLUSTER_DOMAIN, Host, Namespace, ObjectKey, PortNumber
from controlplane.base.nearest import nearest
from controlplane.base.wording import listed
from controlplane.graph import Graph
from controlplane.kinds.core.service import SERVICE, Service as KubernetesService
from controlplane.kinds.istio.virtual_service import Destination
from controlplane.kinds.object import Object
from controlplane.model.outbound_view import RuleScope
from controlplane.model.service import Resolution, Service
from controlplane.queries.analysis.near_names import near_host, report_refused_host
from controlplane.queries.analysis.plaintext import check_plaintext
from controlplane.queries.inputs.objects import index
from controlplane.queries.policy.rules import (
    governing_rules,
    rule_of,
    rules_of_host,
    selected_rules,
)
from controlplane.queries.registry.services import declarations_of_host, service, service_of


@index(SERVICE)
def services_by_name(declared: Object[KubernetesService]) -> Iterator[tuple[str, ObjectKey]]:
    yield declared.name, declared.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """The namespaces that proxies may ask from: the object's, and those where its Gateways' proxies
    may be.

    ``ports`` are those its servers listen on, for destinations that leave the port out; none where
    the object serves sidecars too.
    """

    owner: Namespace
    viewers: tuple[Namespace, ...]
    ports: tuple[PortNumber, ...]


def check_destination(
    report: Report, at: FieldRef, graph: Graph, asker: Asker, destination: Destination
) -> None:
    """Report the first of host, port and subset of a destination that is not declared."""
    host = fqdn(destination.host, asker.owner)
    found = _seen(graph, host, asker)
    if found is None:
        _report_host(report, at / "host", graph, asker, destination.host, host)
        return
    target = found if found.alias is None else _seen(graph, found.alias, asker)
    if target is None:
        report.add(
            UNKNOWN_HOST,
            at / "host",
            f'host "{destination.host}" is an alias of {found.alias}, which no Service or '
            "ServiceEntry declares",
            hint=f"declare {found.alias} with a ServiceEntry",
        )
        return
    if asker.ports and len(target.declared_by) == 1:
        _check_endpoints(report, at, target)
    if asker.ports and at.path[1] == "http":
        keys = _rules(graph, asker, target)
        rules = [rule for key in keys if (rule := rule_of(graph, key)) is not None]
        check_plaintext(report, at, rules, target, destination)
    _check_port(report, at, asker, destination, found, target)
    if destination.subset:
        _check_subset(report, at / "subset", graph, asker, found, destination.subset)


def _seen(graph: Graph, host: Host, asker: Asker) -> Service | None:
    own = service_of(graph, host, asker.owner)
    if own is not None and any(own.visibility.admits(viewer) for viewer in asker.viewers):
        return own
    for viewer in asker.viewers:
        found = service(graph, host, viewer)
        if found is not None:
            return found
    return None


def _report_host(
    report: Report, at: FieldRef, graph: Graph, asker: Asker, written: str, host: Host
) -> None:
    hidden = declarations_of_host(graph, host)
    if hidden:
        report.add(
            UNKNOWN_HOST,
            at,
            f'host "{written}" is declared by {hidden[0].display_name}, which does not export it '
            f"to {listed(asker.viewers)}",
            hint=f'add "{asker.viewers[0]}" to exportTo of {hidden[0].display_name}',
            related=(Related(place=FieldRef(hidden[0]), message=f"declares {host}"),),
        )
        return
    if report_refused_host(report, UNKNOWN_HOST, at, graph, host):
        return
    meant = "" if written == host else f" ({host})"
    report.add(
        UNKNOWN_HOST,
        at,
        f'host "{written}"{meant} is declared by no Service and no ServiceEntry',
        hint=_declaration(graph, asker.owner, written, host),
    )


def _declaration(graph: Graph, owner: Namespace, written: str, host: Host) -> str:
    """A short name that is a Service's in another namespace is most likely that one, else a name
    that is near.
    """
    name, _, rest = written.partition(".")
    namespace = rest.removesuffix(f".{CLUSTER_DOMAIN}").removesuffix(".svc")
    others = services_by_name(graph, name)
    named = [key for key in others if key.namespace == namespace]
    near = near_host(graph, written, owner) if not others else None
    if near is not None:
        return f"write {near}"
    if rest and not named and not rest.endswith(f".svc.{CLUSTER_DOMAIN}"):
        return f"add a ServiceEntry for {written}"
    found = named or list(others)
    if not found:
        return f"create Service {host.split('.')[1]}/{name}"
    return f"write {name}.{found[0].namespace}.svc.{CLUSTER_DOMAIN}"


def _check_endpoints(report: Report, at: FieldRef, target: Service) -> None:
    """A sidecar can follow its application's own destination, a gateway cannot. It resolves only
    the name in an HTTP request: Istio gives the filter that reads the SNI to sidecars only.
    """
    entry, is_stream = target.declared_by[0].display_name, at.path[1] != "http"
    if target.resolution is Resolution.NONE:
        why = f"{entry} has no endpoints, and a gateway does not know the client's destination"
    elif target.resolution is Resolution.DYNAMIC_DNS and is_stream:
        why = f"{entry} is resolved by the host of HTTP requests, which a TCP stream does not have"
    else:
        return
    report.add(
        UNREACHABLE_FROM_GATEWAYS,
        at / "host",
        why,
        hint=f"list endpoints in {entry} and set resolution: STATIC or DNS",
    )


def _check_port(
    report: Report,
    at: FieldRef,
    asker: Asker,
    destination: Destination,
    named: Service,
    target: Service,
) -> None:
    declared = tuple(port.number for port in target.ports)
    note = f"{target.declared_by[0].display_name} declares {listed(declared)}"
    if destination.port is not None:
        if destination.port.number not in declared:
            report.add(
                UNKNOWN_PORT,
                at / "port" / "number",
                f"port {destination.port.number} of {short_name(target.host)} is not declared",
                note=note,
                hint=_add_port(destination.port.number, declared),
            )
    elif len(named.ports) != 1 and asker.ports and not {*asker.ports} & {*declared}:
        report.add(
            UNKNOWN_PORT,
            at,
            f"the destination names no port, and {short_name(named.host)} has {_count(named)}",
            note=note,
            hint="write port: {number: …} with one of them" if declared else None,
        )


def _add_port(number: int, declared: tuple[PortNumber, ...]) -> str:
    return (
        f"write {declared[0]}" if len(declared) == 1 else f"write one of them instead of {number}"
    )


def _check_subset(
    report: Report,
    at: FieldRef,
    graph: Graph,
    asker: Asker,
    named: Service,
    subset: str,
) -> None:
    host = named.host
    keys = _rules(graph, asker, named)
    rules = [rule for key in keys if (rule := rule_of(graph, key)) is not None]
    if any(rule.subset(subset) is not None for rule in rules):
        return
    rules = [rule for rule in rules if not rule.is_generated]
    message = f'subset "{subset}" of {short_name(host)} is not declared'
    if not rules:
        report.add(
            UNKNOWN_SUBSET,
            at,
            message,
            note=f"no DestinationRule applies to {host}",
            hint=f'add a DestinationRule for {host} with the subset "{subset}"',
        )
        return
    first = rules[0]
    names = tuple(named.name for rule in rules for named in rule.subsets)
    near = nearest(subset, names)
    declares = f"declares {listed(names)}" if names else "declares no subsets"
    report.add(
        UNKNOWN_SUBSET,
        at,
        message,
        note=f"{first.key.display_name} {declares}",
        hint=f"write {near}" if near else f'add subset "{subset}" to {first.key.display_name}',
        related=(
            Related(place=FieldRef(first.key) / "spec" / "subsets", message="the subsets declared"),
        ),
    )


def _rules(graph: Graph, asker: Asker, named: Service) -> tuple[ObjectKey, ...]:
    """The rules that may apply to a service for any asking proxy, whatever its labels are."""
    keys: dict[ObjectKey, None] = {}
    for viewer in asker.viewers:
        scope = RuleScope(viewer, selected_rules(graph, viewer, ()))
        keys |= dict.fromkeys(governing_rules(graph, named.host, named.namespace, scope))
    for viewer in asker.viewers:
        for key in rules_of_host(graph, (viewer, named.host)):
            rule = rule_of(graph, key)
            if rule is not None and rule.selector is not None:
                keys[key] = None
    return tuple(keys)


def _count(named: Service) -> str:
    return f"{len(named.ports)} ports" if named.ports else "none of its own"
