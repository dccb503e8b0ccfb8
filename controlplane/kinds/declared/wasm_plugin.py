"""WasmPlugin."""

from typing import Final

from controlplane.kinds.istio.versions import EXTENSIONS_VERSIONS
from controlplane.kinds.istio.wasm_plugin import WASM_PLUGIN, WasmPlugin
from controlplane.kinds.served import ServedKind
from controlplane.kinds.validation.wasm_plugin import wasm_plugin

KIND: Final = ServedKind(
    kind=WASM_PLUGIN,
    api_versions=EXTENSIONS_VERSIONS,
    spec=WasmPlugin,
    validate=wasm_plugin,
    fields={},
    custom=True,
)
