"""XBackend of the Gateway API's experimental channel."""

from typing import Final

from controlplane.kinds.gateway_api.backend import X_BACKEND, XBackend
from controlplane.kinds.gateway_api.status import ROUTE_STATUS
from controlplane.kinds.gateway_api.versions import X_V1ALPHA1
from controlplane.kinds.served import Fields, ServedKind
from controlplane.kinds.validation.gateway_api.admission import gateway_api

FIELDS: Final[Fields] = {}

KIND: Final = ServedKind(
    kind=X_BACKEND,
    api_versions=X_V1ALPHA1,
    spec=XBackend,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
    status=ROUTE_STATUS,
)
