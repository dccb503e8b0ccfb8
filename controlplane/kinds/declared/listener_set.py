"""ListenerSet of the Gateway API."""

from typing import Final

from controlplane.kinds.gateway_api.listener_set import LISTENER_SET, ListenerSet
from controlplane.kinds.gateway_api.versions import V1
from controlplane.kinds.served import Fields, ServedKind
from controlplane.kinds.validation.gateway_api import gateway_api

FIELDS: Final[Fields] = {}

KIND: Final = ServedKind(
    kind=LISTENER_SET,
    api_versions=V1,
    spec=ListenerSet,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
)
