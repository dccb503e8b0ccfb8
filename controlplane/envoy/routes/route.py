"""One route: its match, what is done with the request, and what else it carries.

Source: envoy/config/route/v3/route_components.proto (``Route``).
"""

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.route.v3.route_components_pb2 import (
    Decorator,
    DirectResponseAction,
    Route as RouteMessage,
)
from google.protobuf.any_pb2 import Any as Packed

from controlplane.envoy.http_filters import (
    cors,
    ext_authz,
    fault,
    offered_protocols,
    stateful_session,
)
from controlplane.envoy.optional import opt
from controlplane.envoy.packing import object_metadata, packed
from controlplane.envoy.routes.forward import route_action
from controlplane.envoy.routes.headers import header_options
from controlplane.envoy.routes.match import route_match
from controlplane.envoy.routes.redirect import redirect_action
from controlplane.model.routing import ForwardTo, RedirectTo, Respond, Route


def route_message(route: Route) -> RouteMessage:
    action = route.action
    return RouteMessage(
        name=route.name,
        match=route_match(route.match),
        route=route_action(action) if isinstance(action, ForwardTo) else None,
        redirect=redirect_action(action) if isinstance(action, RedirectTo) else None,
        direct_response=direct_response(action) if isinstance(action, Respond) else None,
        metadata=opt(object_metadata, route.declared_by),
        decorator=opt(_decorator, route.operation),
        typed_per_filter_config=per_filter_config(route),
        request_headers_to_add=header_options(route.request_headers.put),
        request_headers_to_remove=route.request_headers.removed,
        response_headers_to_add=header_options(route.response_headers.put),
        response_headers_to_remove=route.response_headers.removed,
        stat_prefix=route.stat_prefix,
    )


def _decorator(operation: str) -> Decorator:
    return Decorator(operation=operation)


def direct_response(respond: Respond) -> DirectResponseAction:
    return DirectResponseAction(
        status=respond.status,
        body=DataSource(inline_bytes=respond.body) if respond.body else None,
    )


def per_filter_config(route: Route) -> dict[str, Packed]:
    action = route.action
    configs = offered_protocols.switched_on(action.offer if isinstance(action, ForwardTo) else None)
    if route.fault is not None:
        configs[fault.NAME] = packed(fault.http_fault(route.fault))
    if route.cors is not None:
        configs[cors.NAME] = packed(cors.cors_policy(route.cors))
    if route.asks is not None:
        configs[route.asks] = packed(ext_authz.asked())
    if route.session is not None:
        configs[stateful_session.NAME] = packed(stateful_session.route_session(route.session))
    return configs
