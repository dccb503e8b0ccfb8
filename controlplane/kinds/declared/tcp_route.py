"""TCPRoute of the Gateway API."""

from typing import Final

from controlplane.kinds.declared.stream_fields import STREAM_FIELDS, STREAM_RULE
from controlplane.kinds.gateway_api.status import ROUTE_STATUS
from controlplane.kinds.gateway_api.tcp_route import TCP_ROUTE, TcpRoute, TcpRouteRule
from controlplane.kinds.gateway_api.versions import V1_AND_V1ALPHA2
from controlplane.kinds.served import Fields, ServedKind, by
from controlplane.kinds.validation.gateway_api.admission import gateway_api

FIELDS: Final[Fields] = {
    **STREAM_FIELDS,
    TcpRoute: (
        by("queries.gateway_api.attachment:attachment", "parent_refs"),
        by("translate.gateway_api.stream_route:stream_backends", "rules"),
    ),
    TcpRouteRule: STREAM_RULE,
}

KIND: Final = ServedKind(
    kind=TCP_ROUTE,
    api_versions=V1_AND_V1ALPHA2,
    spec=TcpRoute,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
    status=ROUTE_STATUS,
)
