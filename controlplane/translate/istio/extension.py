"""WasmPlugins and TrafficExtensions become filters, and what proxies are told of their modules.

istiod makes a TrafficExtension of every WasmPlugin, which is where the names come from.
Source: Istio ``pilot/pkg/config/kube/extensions/translate.go``, ``pilot/pkg/model/extensions.go``,
``pkg/wasm/cache.go``
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any, Final

from controlplane.base.locations import FieldRef
from controlplane.base.names import Kind, ObjectKey, PortNumber
from controlplane.base.urls import parsed
from controlplane.kinds.core.configuration import SECRET
from controlplane.kinds.istio.traffic_extension import (
    TRAFFIC_EXTENSION,
    ExecutionPhase,
    TrafficExtension,
    WasmConfig,
)
from controlplane.kinds.istio.wasm_plugin import (
    WASM_PLUGIN,
    EnvValueSource,
    FailStrategy,
    PluginPhase,
    PluginType,
    PullPolicy,
    TrafficSelector,
    WasmPlugin,
    WorkloadMode,
)
from controlplane.kinds.object import Object, is_of
from controlplane.model.authorization import Transport
from controlplane.model.extension import (
    Extension,
    ExtensionFilter,
    FailurePolicy,
    FileAtProxy,
    LuaFilter,
    ModuleCode,
    ModuleSource,
    Phase,
    Traffic,
    WasmConfiguration,
    WasmFilter,
)

EXTENSION_KINDS: Final[tuple[Kind, ...]] = (WASM_PLUGIN, TRAFFIC_EXTENSION)
PREFIX: Final = "extensions.istio.io/trafficextension/"
_OF_PLUGIN: Final = "~istio-translated-wasmplugin"
"""What istiod appends to the name of a WasmPlugin; no object of Kubernetes has such a name."""
_OF_CONNECTIONS: Final = "~network"
_AGENTS_OWN: Final = "ISTIO_META_"
"""Variables that Istio's agent keeps from modules."""
_FILE: Final = "file://"
_LOWEST: Final = -(2**31)
"""Where there is no priority; of Istio's code, not of its documentation, which says 0."""
_PHASES: Final[Mapping[PluginPhase | ExecutionPhase, Phase]] = {
    PluginPhase.AUTHN: Phase.AUTHN,
    PluginPhase.AUTHZ: Phase.AUTHZ,
    PluginPhase.STATS: Phase.STATS,
    ExecutionPhase.AUTHN: Phase.AUTHN,
    ExecutionPhase.AUTHZ: Phase.AUTHZ,
    ExecutionPhase.STATS: Phase.STATS,
}
_FAILURES: Final[Mapping[FailStrategy, FailurePolicy]] = {
    FailStrategy.FAIL_CLOSE: FailurePolicy.CLOSED,
    FailStrategy.FAIL_OPEN: FailurePolicy.OPEN,
    FailStrategy.FAIL_RELOAD: FailurePolicy.RELOAD,
}
_CLIENT: Final = (WorkloadMode.CLIENT, WorkloadMode.CLIENT_AND_SERVER, WorkloadMode.UNDEFINED)
_SERVER: Final = (WorkloadMode.SERVER, WorkloadMode.CLIENT_AND_SERVER, WorkloadMode.UNDEFINED)

Declared = Object[WasmPlugin] | Object[TrafficExtension]


def resource_name(key: ObjectKey[Any], transport: Transport = Transport.HTTP) -> str:
    """The name of the filter, and of the configuration that the proxy asks for.

    While connections to a listener drain it asks for what that names, and it rejects a
    configuration of requests for one of connections; so the two differ.
    """
    return f"{PREFIX}{_title(key)}{_OF_CONNECTIONS if transport is Transport.TCP else ''}"


def _title(key: ObjectKey[Any]) -> str:
    return f"{key.namespace}.{_istio_name(key)}"


def _istio_name(key: ObjectKey[Any]) -> str:
    return f"{key.name}{_OF_PLUGIN}" if key.kind == WASM_PLUGIN else key.name


def extension_age(declared: Object[Any]) -> tuple[str, str, str]:
    """Sort key, oldest first, by the names that istiod sorts by."""
    return (declared.created, _istio_name(declared.key), declared.key.namespace)


def precedence(declared: Declared) -> int:
    """Sort key within a phase: the higher priority first."""
    priority = declared.spec.priority
    return -(_LOWEST if priority is None else priority)


def wasm_of(declared: Declared) -> WasmPlugin | WasmConfig | None:
    """The part that names a module; ``None`` where there is none, or Istio drops the object."""
    spec = declared.spec
    found = spec if isinstance(spec, WasmPlugin) else spec.wasm
    return found if found is not None and parsed(found.url) is not None else None


def extension(declared: Declared) -> Extension | None:
    """The filter; ``None`` where Istio drops the object."""
    found = _filter(declared)
    if found is None:
        return None
    return Extension(
        filter=found,
        traffic=traffic(declared.spec.match),
        place=FieldRef(declared.key) / "spec",
    )


def _filter(declared: Declared) -> ExtensionFilter | None:
    phase = _PHASES.get(declared.spec.phase, Phase.UNSPECIFIED)
    wasm = wasm_of(declared)
    if wasm is not None:
        transport = transport_of(wasm)
        return WasmFilter(
            name=resource_name(declared.key, transport),
            phase=phase,
            transport=transport,
            admits_without=_may_lack_file(wasm) and failure_policy(wasm).passes,
        )
    if is_of(declared, TRAFFIC_EXTENSION) and declared.spec.lua is not None:
        name = resource_name(declared.key)
        return LuaFilter(name=name, phase=phase, code=declared.spec.lua.inline_code)
    return None


def _may_lack_file(wasm: WasmPlugin | WasmConfig) -> bool:
    """Whether the module is where the control plane may not see it: Envoy rejects what names a file
    that it lacks, whatever the strategy.
    """
    url = parsed(wasm.url)
    return url is not None and url.scheme == "file"


def traffic(match: tuple[TrafficSelector, ...]) -> tuple[Traffic, ...]:
    return tuple(
        Traffic(
            client=each.mode in _CLIENT,
            server=each.mode in _SERVER,
            ports=tuple(PortNumber(port.number) for port in each.ports),
        )
        for each in match
    )


def transport_of(wasm: WasmPlugin | WasmConfig) -> Transport:
    return Transport.TCP if wasm.type is PluginType.NETWORK else Transport.HTTP


def failure_policy(wasm: WasmPlugin | WasmConfig) -> FailurePolicy:
    return _FAILURES[wasm.fail_strategy]


def wasm_configuration(
    key: ObjectKey[Any], wasm: WasmPlugin | WasmConfig, *, readable: str | None
) -> WasmConfiguration:
    """What a proxy is told of the module. ``readable``: the folder that the control plane may read
    modules from.
    """
    variables = wasm.vm_config.env if wasm.vm_config is not None else ()
    transport = transport_of(wasm)
    return WasmConfiguration(
        name=resource_name(key, transport),
        title=_title(key),
        transport=transport,
        code=module_code(key, wasm, readable=readable),
        root_id=wasm.plugin_name or "",
        configuration=plugin_configuration(wasm.plugin_config),
        failure=failure_policy(wasm),
        variables=tuple(
            sorted(
                (each.name, each.value or "")
                for each in variables
                if each.value_from is EnvValueSource.INLINE
                and not each.name.startswith(_AGENTS_OWN)
            )
        ),
        host_variables=tuple(
            each.name for each in variables if each.value_from is EnvValueSource.HOST
        ),
    )


def plugin_configuration(config: Mapping[str, object] | None) -> str | None:
    """``pluginConfig`` as modules read it: JSON whose numbers are doubles, as in a Struct."""
    if not config:
        return None
    return json.dumps(_doubles(config), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _doubles(value: object) -> object:
    match value:
        case bool() | None | str():
            return value
        case int():
            return value if abs(value) < 1 << 53 else float(value)
        case float():
            return int(value) if value.is_integer() and abs(value) < 1 << 53 else value
        case Mapping():
            return {str(key): _doubles(item) for key, item in value.items()}
        case list() | tuple():
            return [_doubles(item) for item in value]
    return str(value)  # dates of YAML, which JSON has as text


def module_code(
    key: ObjectKey[Any], wasm: WasmPlugin | WasmConfig, *, readable: str | None
) -> ModuleCode:
    """Where the module is: at the proxy, or where the control plane fetches it."""
    url = parsed(wasm.url)
    assert url is not None, "Istio drops what it cannot read"
    if url.scheme == "file":
        path = wasm.url.removeprefix(_FILE)
        if readable is None or not _is_below(path, readable):
            return FileAtProxy(path)
        return ModuleSource(uri=f"{_FILE}{path}", checksum=wasm.sha256)
    uri = wasm.url if url.scheme else f"oci://{wasm.url}"
    is_image = url.scheme in ("", "oci")
    return ModuleSource(
        uri=uri,
        checksum=wasm.sha256,
        secret=pull_secret(key, wasm) if is_image else None,
        change=_change(wasm) if _asks_for_newest(wasm, uri, is_image=is_image) else "",
    )


def pull_secret(key: ObjectKey[Any], wasm: WasmPlugin | WasmConfig) -> ObjectKey | None:
    """What the registry is shown: a Secret of the object's own namespace, whatever namespace the
    name is written with.
    """
    if not wasm.image_pull_secret:
        return None
    name = wasm.image_pull_secret.removeprefix("kubernetes://").rpartition("/")[2]
    return ObjectKey(SECRET, key.namespace, name)


def _is_below(path: str, folder: str) -> bool:
    pure = PurePosixPath(path)
    return ".." not in pure.parts and pure.is_relative_to(PurePosixPath(folder))


def _asks_for_newest(wasm: WasmPlugin | WasmConfig, uri: str, *, is_image: bool) -> bool:
    """Whether an edit of the object fetches the module again. A digest names one for ever."""
    if wasm.image_pull_policy is PullPolicy.UNSPECIFIED_POLICY:
        return is_image and uri.endswith(":latest")
    return wasm.image_pull_policy is PullPolicy.ALWAYS and "@sha256:" not in uri


def _change(wasm: WasmPlugin | WasmConfig) -> str:
    return sha256(repr(wasm).encode()).hexdigest()
