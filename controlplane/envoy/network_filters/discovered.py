"""As ``http_filters/discovered``, of connections.

Source: Istio ``pilot/pkg/networking/core/extension/extensionfilter.go``
"""

from collections.abc import Mapping
from typing import Final

from envoy.config.core.v3.config_source_pb2 import ExtensionConfigSource
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.network.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.network.wasm.v3.wasm_pb2 import Wasm

from controlplane.envoy.config_source import ads
from controlplane.envoy.network_filters.order import Slot
from controlplane.envoy.packing import type_url_of
from controlplane.model.extension import Phase

SLOTS: Final[Mapping[Phase, Slot]] = {
    Phase.AUTHN: Slot.EXTENSION_AUTHN,
    Phase.AUTHZ: Slot.EXTENSION_AUTHZ,
    Phase.STATS: Slot.EXTENSION_STATS,
    Phase.UNSPECIFIED: Slot.EXTENSION,
}
_TYPES: Final = (type_url_of(Wasm), type_url_of(RBAC))


def network_discovered(name: str) -> Filter:
    return Filter(
        name=name,
        config_discovery=ExtensionConfigSource(config_source=ads(), type_urls=_TYPES),
    )
