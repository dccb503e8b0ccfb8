"""TLSRoute of the Gateway API."""

from typing import Final

from controlplane.kinds.gateway_api.tls_route import TLS_ROUTE, TlsRoute
from controlplane.kinds.gateway_api.versions import V1_TO_V1ALPHA2
from controlplane.kinds.served import Fields, ServedKind
from controlplane.kinds.validation.gateway_api.admission import gateway_api

FIELDS: Final[Fields] = {}

KIND: Final = ServedKind(
    kind=TLS_ROUTE,
    api_versions=V1_TO_V1ALPHA2,
    spec=TlsRoute,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
)
