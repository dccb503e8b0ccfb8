"""TLSRoute of the Gateway API."""

from typing import Final

from controlplane.kinds.declared.stream_fields import STREAM_FIELDS, STREAM_RULE
from controlplane.kinds.gateway_api.status import ROUTE_STATUS
from controlplane.kinds.gateway_api.tls_route import TLS_ROUTE, TlsRoute, TlsRouteRule
from controlplane.kinds.gateway_api.versions import V1_TO_V1ALPHA2
from controlplane.kinds.served import Fields, ServedKind, by
from controlplane.kinds.validation.gateway_api.admission import gateway_api

FIELDS: Final[Fields] = {
    **STREAM_FIELDS,
    TlsRoute: (
        by("queries.gateway_api.attachment:attachment", "parent_refs"),
        by("queries.gateway_api.attachment:route_hosts", "hostnames"),
        by("translate.gateway_api.stream_route:stream_backends", "rules"),
    ),
    TlsRouteRule: STREAM_RULE,
}

KIND: Final = ServedKind(
    kind=TLS_ROUTE,
    api_versions=V1_TO_V1ALPHA2,
    spec=TlsRoute,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
    status=ROUTE_STATUS,
)
