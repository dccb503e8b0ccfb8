"""GRPCRoute of the Gateway API."""

from typing import Final

from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE, GrpcRoute
from controlplane.kinds.gateway_api.versions import V1
from controlplane.kinds.served import Fields, ServedKind
from controlplane.kinds.validation.gateway_api.admission import gateway_api

FIELDS: Final[Fields] = {}

KIND: Final = ServedKind(
    kind=GRPC_ROUTE,
    api_versions=V1,
    spec=GrpcRoute,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
)
