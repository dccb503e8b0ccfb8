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
from controlplane.envoy.http_filters.discovered import ADMITTING
from controlplane.envoy.network_filters.order import Slot
from controlplane.envoy.packing import packed, type_url_of
from controlplane.model.extension import Phase, WasmFilter

SLOTS: Final[Mapping[Phase, Slot]] = {
    Phase.AUTHN: Slot.EXTENSION_AUTHN,
    Phase.AUTHZ: Slot.EXTENSION_AUTHZ,
    Phase.STATS: Slot.EXTENSION_STATS,
    Phase.UNSPECIFIED: Slot.EXTENSION,
}
_TYPES: Final = (type_url_of(Wasm), type_url_of(RBAC))


def network_discovered(filter_: WasmFilter) -> Filter:
    admitting = packed(RBAC(stat_prefix=ADMITTING)) if filter_.admits_without else None
    return Filter(
        name=filter_.name,
        config_discovery=ExtensionConfigSource(
            config_source=ads(), default_config=admitting, type_urls=_TYPES
        ),
    )
