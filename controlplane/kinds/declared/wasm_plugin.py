"""WasmPlugin, and the fields that a TrafficExtension shares with it."""

from typing import Final

from controlplane.kinds.istio import wasm_plugin as specs
from controlplane.kinds.istio.selection import LabelSelector, PolicyTargetReference, PortSelector
from controlplane.kinds.istio.versions import EXTENSIONS_VERSIONS
from controlplane.kinds.istio.wasm_plugin import WASM_PLUGIN, WasmPlugin
from controlplane.kinds.served import By, Fields, NoEffect, ServedKind, by, no_effect
from controlplane.kinds.validation.wasm_plugin import wasm_plugin

_TRANSLATION: Final = "translate.istio.extension"
_ATTACHMENT: Final = "translate.istio.policy_attachment"

MODULE_FIELDS: Final[tuple[By | NoEffect, ...]] = (
    by(
        f"{_TRANSLATION}:module_code",
        "url",
        "sha256",
        "image_pull_policy",
        "image_pull_secret",
    ),
    by(
        f"{_TRANSLATION}:wasm_configuration",
        "plugin_config",
        "plugin_name",
        "vm_config",
        "fail_strategy",
    ),
    by(f"{_TRANSLATION}:transport_of", "type"),
    no_effect("it is reserved: Istio verifies no signatures", "verification_key"),
)
SHARED_FIELDS: Final[Fields] = {
    PolicyTargetReference: (
        by(f"{_ATTACHMENT}:attachment", "group", "kind", "name"),
        no_effect("it must be empty: what is attached is of its own namespace", "namespace"),
    ),
    LabelSelector: (by(f"{_ATTACHMENT}:attachment", "match_labels"),),
    specs.VmConfig: (by(f"{_TRANSLATION}:wasm_configuration", "env"),),
    specs.EnvVar: (by(f"{_TRANSLATION}:wasm_configuration", "name", "value_from", "value"),),
    specs.TrafficSelector: (by(f"{_TRANSLATION}:traffic", "mode", "ports"),),
    PortSelector: (by(f"{_TRANSLATION}:traffic", "number"),),
}
ORDER_FIELDS: Final[tuple[By | NoEffect, ...]] = (
    by(f"{_TRANSLATION}:extension", "phase", "match"),
    by(f"{_TRANSLATION}:precedence", "priority"),
)

KIND: Final = ServedKind(
    kind=WASM_PLUGIN,
    api_versions=EXTENSIONS_VERSIONS,
    spec=WasmPlugin,
    validate=wasm_plugin,
    fields={
        specs.WasmPlugin: (
            by(f"{_ATTACHMENT}:attachment", "selector", "target_ref", "target_refs"),
            *ORDER_FIELDS,
            *MODULE_FIELDS,
        ),
        **SHARED_FIELDS,
    },
    custom=True,
)
