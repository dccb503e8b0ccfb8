"""XMesh: which mesh is there. Source: https://gateway-api.sigs.k8s.io/geps/gep-3949/"""

from typing import Final

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.gateway_api.common import ParametersReference
from controlplane.kinds.gateway_api.text import ControllerName, Description
from controlplane.kinds.gateway_api.versions import GATEWAY_API_X
from controlplane.kinds.spec import Spec


class XMesh(Spec, frozen=True):
    """Cluster-wide."""

    controller_name: ControllerName = ""
    parameters_ref: ParametersReference | None = None
    description: Description = ""


X_MESH: Final[Kind[XMesh]] = Kind(GATEWAY_API_X, "XMesh")
XMeshKey = ObjectKey[XMesh]
