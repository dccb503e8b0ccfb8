"""GatewayClass. Source: https://gateway-api.sigs.k8s.io/api-types/gatewayclass/"""

from typing import Final

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.gateway_api.common import ParametersReference
from controlplane.kinds.gateway_api.text import ControllerName, Description
from controlplane.kinds.gateway_api.versions import GATEWAY_API
from controlplane.kinds.spec import Spec


class GatewayClass(Spec, frozen=True):
    """Cluster-wide. ``controller_name`` says whose Gateways of this class are."""

    controller_name: ControllerName = ""
    parameters_ref: ParametersReference | None = None
    description: Description = ""


GATEWAY_CLASS: Final[Kind[GatewayClass]] = Kind(GATEWAY_API, "GatewayClass")
GatewayClassKey = ObjectKey[GatewayClass]
