"""HTTPRoute of the Gateway API."""

from typing import Final

from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE, HttpRoute
from controlplane.kinds.gateway_api.versions import V1_AND_V1BETA1
from controlplane.kinds.served import Fields, ServedKind
from controlplane.kinds.validation.gateway_api.admission import gateway_api

FIELDS: Final[Fields] = {}

KIND: Final = ServedKind(
    kind=HTTP_ROUTE,
    api_versions=V1_AND_V1BETA1,
    spec=HttpRoute,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
)
