"""Gateway of the Gateway API."""

from typing import Final

from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY, KubernetesGateway
from controlplane.kinds.gateway_api.versions import V1_AND_V1BETA1
from controlplane.kinds.served import Fields, ServedKind
from controlplane.kinds.validation.gateway_api import gateway_api

FIELDS: Final[Fields] = {}

KIND: Final = ServedKind(
    kind=KUBERNETES_GATEWAY,
    api_versions=V1_AND_V1BETA1,
    spec=KubernetesGateway,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
)
