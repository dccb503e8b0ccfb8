"""UDPRoute of the Gateway API."""

from typing import Final

from controlplane.kinds.declared.stream_fields import STREAM_FIELDS
from controlplane.kinds.gateway_api.common import BackendRef, ParentReference
from controlplane.kinds.gateway_api.status import ROUTE_STATUS
from controlplane.kinds.gateway_api.udp_route import UDP_ROUTE, UdpRoute, UdpRouteRule
from controlplane.kinds.gateway_api.versions import V1_AND_V1ALPHA2
from controlplane.kinds.served import Fields, ServedKind, by, no_effect
from controlplane.kinds.validation.gateway_api.admission import gateway_api

FIELDS: Final[Fields] = {
    UdpRoute: (
        by("queries.gateway_api.udp_routes:udp_routes_at", "parent_refs"),
        by("translate.gateway_api.stream_route:stream_backends", "rules"),
    ),
    UdpRouteRule: (
        by("translate.gateway_api.stream_route:stream_backends", "backend_refs"),
        no_effect("it only names the rule", "name"),
    ),
    ParentReference: STREAM_FIELDS[ParentReference],
    BackendRef: (
        by("translate.gateway_api.backend_ref:kind_of", "group", "kind"),
        by("translate.gateway_api.backend_ref:namespace_of", "namespace"),
        by("queries.gateway_api.backends:unresolved", "name", "port"),
        by("translate.gateway_api.stream_route:stream_backends", "weight"),
    ),
}

KIND: Final = ServedKind(
    kind=UDP_ROUTE,
    api_versions=V1_AND_V1ALPHA2,
    spec=UdpRoute,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
    status=ROUTE_STATUS,
)
