"""A filter whose configuration the proxy asks for by name: a module, or what admits or refuses in
its place.

The listener waits for it, however long it takes: such a filter may decide who may call.
Source: envoy/config/core/v3/extension.proto (``ExtensionConfigSource``); Istio
``pilot/pkg/networking/core/extension/extensionfilter.go``
"""

from collections.abc import Mapping
from typing import Final

from envoy.config.core.v3.config_source_pb2 import ExtensionConfigSource
from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.http.wasm.v3.wasm_pb2 import Wasm
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)

from controlplane.envoy.config_source import ads
from controlplane.envoy.http_filters.order import Slot
from controlplane.envoy.packing import packed, type_url_of
from controlplane.model.extension import Phase, WasmFilter

SLOTS: Final[Mapping[Phase, Slot]] = {
    Phase.AUTHN: Slot.EXTENSION_AUTHN,
    Phase.AUTHZ: Slot.EXTENSION_AUTHZ,
    Phase.STATS: Slot.EXTENSION_STATS,
    Phase.UNSPECIFIED: Slot.EXTENSION,
}
ADMITTING: Final = "wasm-default-allow"  # a prefix of statistics; Istio's agent has it
_TYPES: Final = (type_url_of(Wasm), type_url_of(RBAC))


def http_discovered(filter_: WasmFilter) -> hcm.HttpFilter:
    admitting = packed(RBAC(rules_stat_prefix=ADMITTING)) if filter_.admits_without else None
    return hcm.HttpFilter(
        name=filter_.name,
        config_discovery=ExtensionConfigSource(
            config_source=ads(), default_config=admitting, type_urls=_TYPES
        ),
    )
