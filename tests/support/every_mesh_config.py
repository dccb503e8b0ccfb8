"""The MeshConfig of the small mesh in which every kind is declared."""

from typing import Final

from controlplane.kinds.istio.extension_providers import (
    ExtensionProvider,
    GrpcAuthorization,
    Zipkin,
)
from controlplane.kinds.istio.mesh_config import (
    DefaultProviders,
    EntryVisibility,
    MeshConfig,
    ServiceEntryVisibility,
)

_API: Final = GrpcAuthorization(service="api.default.svc.cluster.local", port=90)
_SPANS: Final = Zipkin(service="plain.default.svc.cluster.local", port=80)
MESH: Final = MeshConfig(
    service_entry_visibility=ServiceEntryVisibility(default_visibility=EntryVisibility.PUBLIC),
    extension_providers=(
        ExtensionProvider(name="ask", envoy_ext_authz_grpc=_API),
        ExtensionProvider(name="spans", zipkin=_SPANS),
    ),
    default_providers=DefaultProviders(tracing=("spans",)),
)
