"""GatewayClass of the Gateway API."""

from typing import Final

from controlplane.kinds.gateway_api.gateway_class import GATEWAY_CLASS, GatewayClass
from controlplane.kinds.gateway_api.status import CLASS_STATUS
from controlplane.kinds.gateway_api.versions import V1_AND_V1BETA1
from controlplane.kinds.served import Fields, ServedKind, by, no_effect
from controlplane.kinds.validation.gateway_api.admission import gateway_api

FIELDS: Final[Fields] = {
    GatewayClass: (
        by("queries.gateway_api.classes:controller_of", "controller_name"),
        no_effect("it is a text for people", "description"),
    ),
}

KIND: Final = ServedKind(
    kind=GATEWAY_CLASS,
    api_versions=V1_AND_V1BETA1,
    spec=GatewayClass,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
    status=CLASS_STATUS,
)
