"""XMesh of the Gateway API's experimental channel."""

from typing import Final

from controlplane.kinds.gateway_api.mesh import X_MESH, XMesh
from controlplane.kinds.gateway_api.status import CLASS_STATUS
from controlplane.kinds.gateway_api.versions import X_V1ALPHA1
from controlplane.kinds.served import Fields, ServedKind, by, no_effect
from controlplane.kinds.validation.gateway_api.admission import gateway_api

FIELDS: Final[Fields] = {
    XMesh: (
        by("queries.gateway_api.status:mesh_status", "controller_name"),
        no_effect("it is a text for people", "description"),
    ),
}

KIND: Final = ServedKind(
    kind=X_MESH,
    api_versions=X_V1ALPHA1,
    spec=XMesh,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
    status=CLASS_STATUS,
)
