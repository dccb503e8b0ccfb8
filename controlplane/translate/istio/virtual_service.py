"""VirtualService ``http`` rules become model routes, as one kind of client sees them at one gateway
port.

Order is the user's; the first match wins. What can be decided without a request (``port``,
``gateways``, ``sourceLabels``, ``sourceNamespace``) is decided here.
Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/,
Istio ``pilot/pkg/networking/core/route/route.go``.
"""

from collections.abc import Callable, Iterable
from functools import partial

import msgspec

from controlplane.base.hosts import fqdn
from controlplane.base.names import Host, Namespace, ObjectKey
from controlplane.kinds.istio.virtual_service import (
    Destination,
    Headers,
    HttpMatch,
    HttpRoute,
    VirtualService,
)
from controlplane.kinds.object import Object
from controlplane.model.http_match import path_text
from controlplane.model.outbound_view import OutboundView
from controlplane.model.routing import Route, Routed
from controlplane.translate.istio.gateway_reference import MESH, gateway_reference
from controlplane.translate.istio.http_action import (
    Defaults,
    Done,
    Targets,
    direct_response,
    forwarding,
    redirect,
)
from controlplane.translate.istio.http_headers import header_changes
from controlplane.translate.istio.http_match import route_match
from controlplane.translate.istio.http_policy import cors, http_fault
from controlplane.translate.istio.located_rules import LocatedRule
from controlplane.translate.istio.server_hosts import ServerPort
from controlplane.translate.route_target import Origins


def virtual_service_hosts(virtual_service: Object[VirtualService]) -> tuple[Host, ...]:
    """The complete hosts, in the user's spelling; none makes it a delegate."""
    return tuple(fqdn(host, virtual_service.namespace) for host in virtual_service.spec.hosts)


def virtual_service_gateways(virtual_service: Object[VirtualService]) -> tuple[str, ...]:
    """The gateways as ``namespace/name``, ``mesh`` among them; left out, it is ``mesh`` alone."""
    names = virtual_service.spec.gateways
    return tuple(gateway_reference(n, virtual_service.namespace) for n in names) or (MESH,)


def complete_rules(virtual_service: Object[VirtualService]) -> tuple[HttpRoute, ...]:
    """The rules with complete hosts and gateway names, which mean the same in any namespace."""
    namespace = virtual_service.namespace
    return tuple(_complete_rule(rule, namespace) for rule in virtual_service.spec.http)


def _complete_rule(rule: HttpRoute, namespace: Namespace) -> HttpRoute:
    replace = msgspec.structs.replace

    def complete(destination: Destination | None) -> Destination | None:
        if destination is None:
            return None
        return replace(destination, host=fqdn(destination.host, namespace))

    return replace(
        rule,
        match=tuple(
            replace(m, gateways=tuple(gateway_reference(g, namespace) for g in m.gateways))
            if m.gateways
            else m
            for m in rule.match
        ),
        route=tuple(replace(r, destination=complete(r.destination)) for r in rule.route),
        mirror=complete(rule.mirror),
        mirrors=tuple(replace(m, destination=complete(m.destination)) for m in rule.mirrors),
    )


def http_routes(
    key: ObjectKey,
    rules: Iterable[LocatedRule],
    *,
    server_port: ServerPort,
    client: OutboundView,
    targets: Targets,
    defaults: Defaults,
) -> tuple[Routed, ...]:
    """The routes of ``rules``, complete and without delegations, up to the first that catches all.

    ``key`` is the VirtualService whose hosts they are for. ``client`` is the proxy: its labels and
    namespace decide what ``sourceLabels`` and ``sourceNamespace`` ask for.
    """
    routes: list[Routed] = []
    for located in rules:
        rule = located.rule
        matches = [(b, at) for b, at in located.matches if applies(b, server_port, client)]
        if rule.match and not matches:
            continue
        route = _route_of(key, rule, server_port, targets, defaults)
        for block, origins in matches or ((None, located.origins),):
            routes.append(route(block, origins))
            if routes[-1].route.match.catches_all:
                return tuple(routes)
    return tuple(routes)


def applies(block: HttpMatch, server_port: ServerPort, client: OutboundView) -> bool:
    """Whether a block is for this server at all. One that names gateways ignores sources."""
    if block.port and block.port != server_port.port:
        return False
    if block.gateways:
        return server_port.gateway in block.gateways
    if block.source_namespace and block.source_namespace != client.namespace:
        return False
    return set(block.source_labels.items()) <= set(client.source_labels)


def _route_of(
    key: ObjectKey, rule: HttpRoute, server_port: ServerPort, targets: Targets, defaults: Defaults
) -> Callable[[HttpMatch | None, Origins], Routed]:
    """A function from a match block and what made it to its route: all else of the rule is computed
    once.
    """
    done = _done(rule, server_port, targets, defaults)
    described = done.described or f"{key.name}:{server_port.port}"
    headers = rule.headers or Headers()
    body = partial(
        Route,
        action=done.action,
        declared_by=key if defaults.names_objects else None,
        request_headers=header_changes(headers.request).then(done.request_headers),
        response_headers=header_changes(headers.response).then(done.response_headers),
        fault=http_fault(rule.fault) if rule.fault else None,
        cors=cors(rule.cors_policy) if rule.cors_policy else None,
    )

    def route(block: HttpMatch | None, origins: Origins) -> Routed:
        match = route_match(block)
        made = body(
            name=f"{rule.name}.{block.name}" if block and block.name else rule.name,
            match=match,
            operation=f"{described}{path_text(match.path)}",
            stat_prefix=block.stat_prefix if block else "",
        )
        return Routed(route=made, origins=origins + done.origins)

    return route


def _done(rule: HttpRoute, server_port: ServerPort, targets: Targets, defaults: Defaults) -> Done:
    """What the rule does; a redirect goes before an answer, an answer before destinations."""
    if rule.redirect is not None:
        return Done(action=redirect(rule.redirect, port=server_port.port, https=server_port.https))
    if rule.direct_response is not None:
        return Done(action=direct_response(rule.direct_response))
    return forwarding(rule, targets, defaults)
