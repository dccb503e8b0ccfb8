"""ReferenceGrant of the Gateway API."""

from typing import Final

from controlplane.kinds.gateway_api.reference_grant import (
    REFERENCE_GRANT,
    ReferenceGrant,
    ReferenceGrantFrom,
    ReferenceGrantTo,
)
from controlplane.kinds.gateway_api.status import WITHOUT_STATUS
from controlplane.kinds.gateway_api.versions import V1_AND_V1BETA1
from controlplane.kinds.served import Fields, ServedKind, by
from controlplane.kinds.validation.gateway_api.admission import gateway_api

FIELDS: Final[Fields] = {
    ReferenceGrant: (by("queries.gateway_api.grants:grants_to", "from_", "to"),),
    ReferenceGrantFrom: (by("queries.gateway_api.grants:grants_to", "group", "kind", "namespace"),),
    ReferenceGrantTo: (by("queries.gateway_api.grants:grants_to", "group", "kind", "name"),),
}

KIND: Final = ServedKind(
    kind=REFERENCE_GRANT,
    api_versions=V1_AND_V1BETA1,
    spec=ReferenceGrant,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
    status=WITHOUT_STATUS,
)
