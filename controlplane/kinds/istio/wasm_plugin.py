"""WasmPlugin, and the parts that a TrafficExtension shares with it.

Source: https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/, its CRD
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.istio.selection import LabelSelector, PolicyTargetReference, PortSelector
from controlplane.kinds.spec import Int32, Spec


class PullPolicy(Enum):
    UNSPECIFIED_POLICY = "UNSPECIFIED_POLICY"
    IF_NOT_PRESENT = "IfNotPresent"
    ALWAYS = "Always"


class PluginPhase(Enum):
    UNSPECIFIED_PHASE = "UNSPECIFIED_PHASE"
    AUTHN = "AUTHN"
    AUTHZ = "AUTHZ"
    STATS = "STATS"


class FailStrategy(Enum):
    FAIL_CLOSE = "FAIL_CLOSE"
    FAIL_OPEN = "FAIL_OPEN"
    FAIL_RELOAD = "FAIL_RELOAD"


class PluginType(Enum):
    UNSPECIFIED_PLUGIN_TYPE = "UNSPECIFIED_PLUGIN_TYPE"
    HTTP = "HTTP"
    NETWORK = "NETWORK"


class EnvValueSource(Enum):
    INLINE = "INLINE"
    HOST = "HOST"


class WorkloadMode(Enum):
    UNDEFINED = "UNDEFINED"
    CLIENT = "CLIENT"
    SERVER = "SERVER"
    CLIENT_AND_SERVER = "CLIENT_AND_SERVER"


class EnvVar(Spec, frozen=True):
    """A variable of the module's; ``HOST`` takes the value from the proxy's own environment."""

    name: str = ""
    value_from: EnvValueSource = EnvValueSource.INLINE
    value: str | None = None


class VmConfig(Spec, frozen=True):
    env: tuple[EnvVar, ...] = ()


class TrafficSelector(Spec, frozen=True):
    """Listeners in the direction ``mode``, on one of ``ports`` where any are named."""

    mode: WorkloadMode = WorkloadMode.UNDEFINED
    ports: tuple[PortSelector, ...] = ()


class WasmPlugin(Spec, frozen=True):
    selector: LabelSelector | None = None
    target_ref: PolicyTargetReference | None = None
    """Used only where ``target_refs`` is empty."""
    target_refs: tuple[PolicyTargetReference, ...] = ()
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
    phase: PluginPhase = PluginPhase.UNSPECIFIED_PHASE
    priority: Int32 | None = None
    match: tuple[TrafficSelector, ...] = ()


WASM_PLUGIN: Final[Kind[WasmPlugin]] = Kind("extensions.istio.io", "WasmPlugin")
WasmPluginKey = ObjectKey[WasmPlugin]
