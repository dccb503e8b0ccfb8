"""BackendTLSPolicy of the Gateway API."""

from typing import Final

from controlplane.kinds.gateway_api.backend_tls_policy import BACKEND_TLS_POLICY, BackendTlsPolicy
from controlplane.kinds.gateway_api.versions import V1_AND_V1ALPHA3
from controlplane.kinds.served import Fields, ServedKind
from controlplane.kinds.validation.gateway_api.admission import gateway_api

FIELDS: Final[Fields] = {}

KIND: Final = ServedKind(
    kind=BACKEND_TLS_POLICY,
    api_versions=V1_AND_V1ALPHA3,
    spec=BackendTlsPolicy,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
)
