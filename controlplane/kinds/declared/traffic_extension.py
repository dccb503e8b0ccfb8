"""TrafficExtension."""

from typing import Final

from controlplane.kinds.declared.wasm_plugin import MODULE_FIELDS, ORDER_FIELDS, SHARED_FIELDS
from controlplane.kinds.istio import traffic_extension as specs
from controlplane.kinds.istio.traffic_extension import TRAFFIC_EXTENSION, TrafficExtension
from controlplane.kinds.istio.versions import EXTENSIONS_VERSIONS
from controlplane.kinds.served import ServedKind, by
from controlplane.kinds.validation.traffic_extension import traffic_extension

_TRANSLATION: Final = "translate.istio.extension"

KIND: Final = ServedKind(
    kind=TRAFFIC_EXTENSION,
    api_versions=EXTENSIONS_VERSIONS,
    spec=TrafficExtension,
    validate=traffic_extension,
    fields={
        specs.TrafficExtension: (
            by("translate.istio.policy_attachment:attachment", "selector", "target_refs"),
            *ORDER_FIELDS,
            by(f"{_TRANSLATION}:wasm_of", "wasm"),
            by(f"{_TRANSLATION}:extension", "lua"),
        ),
        specs.WasmConfig: MODULE_FIELDS,
        specs.LuaConfig: (by(f"{_TRANSLATION}:extension", "inline_code"),),
        **SHARED_FIELDS,
    },
    custom=True,
)
