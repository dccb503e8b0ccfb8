"""TCPRoute of the Gateway API."""

from typing import Final

from controlplane.kinds.gateway_api.tcp_route import TCP_ROUTE, TcpRoute
from controlplane.kinds.gateway_api.versions import V1_AND_V1ALPHA2
from controlplane.kinds.served import Fields, ServedKind
from controlplane.kinds.validation.gateway_api.admission import gateway_api

FIELDS: Final[Fields] = {}

KIND: Final = ServedKind(
    kind=TCP_ROUTE,
    api_versions=V1_AND_V1ALPHA2,
    spec=TcpRoute,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
)
