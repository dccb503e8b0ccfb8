"""GRPCRoute of the Gateway API."""

from typing import Final

from controlplane.kinds.declared.http_route import ANY_EXTENSION, BACKEND_FIELDS, ROUTE_FIELDS
from controlplane.kinds.gateway_api import grpc_route
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE, GrpcRoute
from controlplane.kinds.gateway_api.status import ROUTE_STATUS
from controlplane.kinds.gateway_api.versions import V1
from controlplane.kinds.served import Fields, ServedKind, by
from controlplane.kinds.validation.gateway_api.admission import gateway_api

_RULES: Final = "translate.gateway_api.route_rule:route_rules"
_MATCH: Final = "translate.gateway_api.route_match:grpc_match"

FIELDS: Final[Fields] = {
    **ROUTE_FIELDS,
    grpc_route.GrpcRoute: (
        by("queries.gateway_api.attachment:attachment", "parent_refs"),
        by("queries.gateway_api.attachment:route_hosts", "hostnames"),
        by(_RULES, "rules"),
    ),
    grpc_route.GrpcRouteRule: (
        by(_RULES, "name", "matches", "filters", "backend_refs", "session_persistence"),
    ),
    grpc_route.GrpcRouteMatch: (by(_MATCH, "method", "headers"),),
    grpc_route.GrpcMethodMatch: (by(_MATCH, "type", "service", "method"),),
    grpc_route.GrpcHeaderMatch: (by(_MATCH, "type", "name", "value"),),
    grpc_route.GrpcBackendRef: (
        *BACKEND_FIELDS,
        by(_RULES, "weight", "filters"),
    ),
    grpc_route.GrpcRouteFilter: (
        by(
            _RULES,
            "type",
            "request_header_modifier",
            "response_header_modifier",
            "request_mirror",
        ),
        ANY_EXTENSION,
    ),
}

KIND: Final = ServedKind(
    kind=GRPC_ROUTE,
    api_versions=V1,
    spec=GrpcRoute,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
    status=ROUTE_STATUS,
)
