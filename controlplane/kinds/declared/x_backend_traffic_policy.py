"""XBackendTrafficPolicy of the Gateway API's experimental channel."""

from typing import Final

from controlplane.kinds.gateway_api.backend_traffic_policy import (
    X_BACKEND_TRAFFIC_POLICY,
    XBackendTrafficPolicy,
)
from controlplane.kinds.gateway_api.versions import X_V1ALPHA1
from controlplane.kinds.served import Fields, ServedKind
from controlplane.kinds.validation.gateway_api.admission import gateway_api

FIELDS: Final[Fields] = {}

KIND: Final = ServedKind(
    kind=X_BACKEND_TRAFFIC_POLICY,
    api_versions=X_V1ALPHA1,
    spec=XBackendTrafficPolicy,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
)
