"""TrafficExtension.

Source: https://istio.io/latest/docs/reference/config/proxy_extensions/traffic_extension/, its CRD
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.istio.selection import LabelSelector, PolicyTargetReference
from controlplane.kinds.istio.wasm_plugin import (
    FailStrategy,
    PluginType,
    PullPolicy,
    TrafficSelector,
    VmConfig,
)
from controlplane.kinds.spec import Int32, Spec


class ExecutionPhase(Enum):
    UNSPECIFIED = "UNSPECIFIED"
    AUTHN = "AUTHN"
    AUTHZ = "AUTHZ"
    STATS = "STATS"


class WasmConfig(Spec, frozen=True):
    url: str = ""
    sha256: str = ""
    image_pull_policy: PullPolicy = PullPolicy.UNSPECIFIED_POLICY
    image_pull_secret: str | None = None
    verification_key: str = ""
    plugin_config: Mapping[str, object] | None = None
    plugin_name: str | None = None
    fail_strategy: FailStrategy = FailStrategy.FAIL_CLOSE
    vm_config: VmConfig | None = None
    type: PluginType = PluginType.UNSPECIFIED_PLUGIN_TYPE


class LuaConfig(Spec, frozen=True):
    inline_code: str = ""


class TrafficExtension(Spec, frozen=True):
    """One of ``wasm`` and ``lua`` is set."""

    selector: LabelSelector | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    phase: ExecutionPhase = ExecutionPhase.UNSPECIFIED
    priority: Int32 | None = None
    match: tuple[TrafficSelector, ...] = ()
    wasm: WasmConfig | None = None
    lua: LuaConfig | None = None

    @property
    def target_ref(self) -> PolicyTargetReference | None:
        """There is none: this kind never had the singular field."""
        return None


TRAFFIC_EXTENSION: Final[Kind[TrafficExtension]] = Kind("extensions.istio.io", "TrafficExtension")
TrafficExtensionKey = ObjectKey[TrafficExtension]
