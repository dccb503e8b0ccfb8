"""The services that decide requests of routes, as the listeners of their parents need them.

Envoy needs a filter for each of them in the listener, which a route switches on.
"""

from collections.abc import Iterator

from controlplane.base.names import ObjectKey
from controlplane.graph import Graph, derived
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE, HttpRoute, HttpRouteKey
from controlplane.kinds.object import Object
from controlplane.model.external_authorization import Provider
from controlplane.queries.gateway_api.attachment import bindings
from controlplane.queries.gateway_api.backends import plain, unresolved
from controlplane.queries.inputs.objects import index, object_of
from controlplane.translate.gateway_api.backend_ref import backend_host
from controlplane.translate.gateway_api.external_auth import external_provider


@index(HTTP_ROUTE)
def externally_decided(route: Object[HttpRoute]) -> Iterator[tuple[ObjectKey, HttpRouteKey]]:
    """The routes with a parent that have requests decided by a service."""
    filters = (each for rule in route.spec.rules for each in rule.filters)
    if any(each.external_auth is not None for each in filters):
        for parent, _ in bindings(route):
            yield parent, route.key


@derived
def external_providers(graph: Graph, parent: ObjectKey) -> tuple[Provider, ...]:
    """The services that decide requests of the routes with a parent, by name."""
    found = {
        provider.name: provider
        for key in externally_decided(graph, parent)
        for provider in route_providers(graph, key)
    }
    return tuple(found[name] for name in sorted(found))


@derived
def route_providers(graph: Graph, route: HttpRouteKey) -> tuple[Provider, ...]:
    """Those of one route; runs again when it changes, or what they name."""
    declared = object_of(graph, route)
    if declared is None:
        return ()
    return tuple(
        external_provider(each.external_auth, host)
        for rule in declared.spec.rules
        for each in rule.filters
        if each.external_auth is not None
        and unresolved(graph, HTTP_ROUTE, route.namespace, plain(each.external_auth.backend_ref))
        is None
        and (host := backend_host(each.external_auth.backend_ref, route.namespace)) is not None
    )
