"""Which services the sidecars of a view see and import, shard by shard.

Source: Istio ``pilot/pkg/model/sidecar.go`` (``selectServices``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from controlplane.base.names import Host, Namespace, PortNumber
from controlplane.base.shelf import GROUP, shard_of
from controlplane.graph import Graph, derived, guarded
from controlplane.model.egress import EgressListener, Imports
from controlplane.model.outbound_view import OutboundView, SidecarScope
from controlplane.model.service import Resolution, Service
from controlplane.queries.registry.egress import listeners_of_scope
from controlplane.queries.registry.implied import RuleKey, implied_ports, rules_to
from controlplane.queries.registry.services import (
    hosts_of_namespace,
    hosts_of_shard,
    imported_service,
    service_for,
    sidecar_service,
)


def imported_of_shard(
    graph: Graph, view: OutboundView, listener: EgressListener, shard: int
) -> tuple[Service, ...]:
    """The services of a shard's hosts that a listener of a view imports, one for each host, aliases
    left out; of a listener for one port with that port alone. ``view`` is the shard's
    (``view_for_shard``).
    """
    found = _services(graph, view.namespace, listener.imports, listener.only_port, shard)
    return tuple(found)


def candidates(graph: Graph, imports: Imports, shard: int) -> tuple[Host, ...]:
    """The hosts of a shard that may be imported: those that are declared in a namespace which is
    written, so that what names a few namespaces looks at no other host.
    """
    if imports.namespaces is None:
        return hosts_of_shard(graph, shard)
    return _candidates_by_shard(graph, imports).get(shard, ())


@derived
def _candidates_by_shard(graph: Graph, imports: Imports) -> Mapping[int, tuple[Host, ...]]:
    """Runs again when a host comes to one of the namespaces or goes."""
    found: dict[int, dict[Host, None]] = {}
    for namespace in sorted(imports.namespaces or ()):
        for host in hosts_of_namespace(graph, namespace):
            found.setdefault(shard_of(host), {})[host] = None
    return {shard: tuple(sorted(hosts)) for shard, hosts in found.items()}


def _services(
    graph: Graph, namespace: Namespace, imports: Imports, port: PortNumber | None, shard: int
) -> Iterator[Service]:
    for host in candidates(graph, imports, shard):
        found = imported_by(graph, host, namespace, imports, port)
        if found is not None and found.resolution is not Resolution.ALIAS:
            yield found


def service_in_view(graph: Graph, host: Host, view: OutboundView) -> Service | None:
    """The service that ``host`` is for proxies of a view, with the ports that they import."""
    if view.scope is None:
        return service_for(graph, host, view.namespace, view.role)
    found = scoped_services(graph, view.namespace, view.scope, shard_of(host))
    return next((service for service in found if service.host == host), None)


def hosts_in_view(graph: Graph, view: OutboundView, shard: int) -> tuple[Host, ...]:
    """The hosts of a shard that may be services for proxies of a view: all, or those imported."""
    if view.scope is None:
        return hosts_of_shard(graph, shard)
    found = scoped_services(graph, view.namespace, view.scope, shard)
    return tuple(service.host for service in found)


def is_unused(graph: Graph, view: OutboundView, shard: int) -> bool:
    """Whether a Sidecar imports nothing of a shard: nothing need be remembered of it."""
    return view.scope is not None and not scoped_services(graph, view.namespace, view.scope, shard)


def scoped_services(
    graph: Graph, namespace: Namespace, scope: SidecarScope, shard: int
) -> tuple[Service, ...]:
    """The services of a shard's hosts that a Sidecar imports, with the ports of them that it
    does.
    """
    found = _scoped_in_group(graph, namespace, scope, shard - shard % GROUP)
    return found.get(shard, ())


@guarded(first=MappingProxyType({}))
def _scoped_in_group(
    graph: Graph, namespace: Namespace, scope: SidecarScope, first: int
) -> Mapping[int, tuple[Service, ...]]:
    """The shards of a group of which a Sidecar imports anything: mostly few, so that what is made
    of the others need not be remembered.

    Runs again when a declaration of one of the hosts changes, a VirtualService or route that leads
    to one, or the Sidecar.
    """
    found = {
        shard: _scoped_in_shard(graph, namespace, scope, shard)
        for shard in range(first, first + GROUP)
    }
    return {shard: services for shard, services in found.items() if services}


def _scoped_in_shard(
    graph: Graph, namespace: Namespace, scope: SidecarScope, shard: int
) -> tuple[Service, ...]:
    listeners = listeners_of_scope(graph, scope)
    rules: dict[Host, list[RuleKey]] = {}
    for host, key in rules_to(graph, shard):
        rules.setdefault(host, []).append(key)
    hosts = dict.fromkeys(
        host for each in listeners for host in candidates(graph, each.imports, shard)
    )
    declared = hosts_of_shard(graph, shard) if rules else ()
    hosts |= dict.fromkeys(host for host in declared if host in rules)
    hosts |= dict.fromkeys(host for host, _ in scope.asked if shard_of(host) == shard)
    found = (_scoped(graph, host, namespace, scope, rules.get(host, [])) for host in hosts)
    return tuple(service for service in found if service is not None)


def _scoped(
    graph: Graph,
    host: Host,
    namespace: Namespace,
    scope: SidecarScope,
    rules: list[RuleKey],
) -> Service | None:
    """The service that the first listener with it imports, with the ports of all that do, those
    that imported rules lead to, and those where it is asked about calls.
    """
    listeners = listeners_of_scope(graph, scope)
    found = (
        imported_by(graph, host, namespace, listener.imports, listener.only_port)
        for listener in listeners
    )
    services = [service for service in found if service is not None]
    if rules:
        implied = (_implied(graph, host, namespace, each, rules) for each in listeners)
        services += [service for service in implied if service is not None]
    asked = frozenset(port for of, port in scope.asked if of == host)
    found_asked = _with_ports(graph, host, namespace, asked)
    services += [found_asked] if found_asked is not None else []
    if not services:
        return None
    first, *others = (each for each in services if each.namespace == services[0].namespace)
    ports = {port.number: port for service in (first, *others) for port in service.ports}
    return replace(first, ports=tuple(ports.values())) if others else first


def _implied(
    graph: Graph,
    host: Host,
    namespace: Namespace,
    listener: EgressListener,
    rules: list[RuleKey],
) -> Service | None:
    """The service that imported rules lead to: the ports that they name, or the listener's."""
    named = implied_ports(graph, host, rules, namespace, listener.imports)
    if named and listener.only_port is not None:
        named = frozenset((listener.only_port,))
    return _with_ports(graph, host, namespace, named)


def _with_ports(
    graph: Graph, host: Host, namespace: Namespace, wanted: frozenset[int]
) -> Service | None:
    """The service with these ports of it; 0 is any. ``None`` where it has none of them."""
    found = sidecar_service(graph, host, namespace) if wanted else None
    if found is None or 0 in wanted:
        return found
    ports = tuple(port for port in found.ports if port.number in wanted)
    return replace(found, ports=ports) if ports else None


def imported_by(
    graph: Graph, host: Host, namespace: Namespace, imports: Imports, port: PortNumber | None
) -> Service | None:
    """The service that ``host`` is where only ``imports`` are looked at, with one port alone if
    ``port`` says so; ``None`` where it does not have that.
    """
    found = imported_service(graph, host, namespace, imports)
    if found is None or port is None:
        return found
    ports = tuple(each for each in found.ports if each.number == port)
    return replace(found, ports=ports) if ports else None
