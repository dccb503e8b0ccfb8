"""UDPRoute of the Gateway API."""

from typing import Final

from controlplane.kinds.gateway_api.status import ROUTE_STATUS
from controlplane.kinds.gateway_api.udp_route import UDP_ROUTE, UdpRoute
from controlplane.kinds.gateway_api.versions import V1_AND_V1ALPHA2
from controlplane.kinds.served import Fields, ServedKind
from controlplane.kinds.validation.gateway_api.admission import gateway_api

FIELDS: Final[Fields] = {}

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
