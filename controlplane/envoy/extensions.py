"""The configurations that proxies ask for by name: of modules, and what takes their place while
they cannot be had.

Source: envoy/config/core/v3/extension.proto (``TypedExtensionConfig``),
envoy/extensions/wasm/v3/wasm.proto; Istio ``pkg/wasm/convert.go``
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from envoy.config.core.v3.base_pb2 import AsyncDataSource, DataSource
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.rbac.v3 import rbac_pb2 as rules
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as http_rbac
from envoy.extensions.filters.http.wasm.v3.wasm_pb2 import Wasm as HttpWasm
from envoy.extensions.filters.network.rbac.v3 import rbac_pb2 as network_rbac
from envoy.extensions.filters.network.wasm.v3.wasm_pb2 import Wasm as NetworkWasm
from envoy.extensions.wasm.v3.wasm_pb2 import (
    EnvironmentVariables,
    FailurePolicy as FailureMessage,
    PluginConfig,
    VmConfig,
)
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import StringValue

from controlplane.envoy.http_filters.discovered import ADMITTING
from controlplane.envoy.packing import packed
from controlplane.envoy.resource import Resource, TypeUrl, resource
from controlplane.model.authorization import Transport
from controlplane.model.extension import FailurePolicy, FileAtProxy, Module, WasmConfiguration

RUNTIME: Final = "envoy.wasm.runtime.v8"
REFUSING: Final = "wasm-default-deny"
"""A prefix of statistics, as ``ADMITTING``."""
_FAILURE: Final[Mapping[FailurePolicy, FailureMessage]] = {
    FailurePolicy.CLOSED: FailureMessage.FAIL_CLOSED,
    FailurePolicy.OPEN: FailureMessage.FAIL_OPEN,
    FailurePolicy.RELOAD: FailureMessage.FAIL_RELOAD,
}


def wasm_extension(wasm: WasmConfiguration, code: FileAtProxy | Module) -> Resource:
    """The configuration of a module that is at the proxy, or is sent with it. A proxy that cannot
    use it gets its ``stand_in``.
    """
    config = _plugin(wasm, code)
    match wasm.transport:
        case Transport.HTTP:
            found = _extension(wasm.name, HttpWasm(config=config))
        case Transport.TCP:
            found = _extension(wasm.name, NetworkWasm(config=config))
    return replace(found, stand_in=stand_in(wasm))


def stand_in(wasm: WasmConfiguration) -> Resource:
    """What takes the place of a module that cannot be had."""
    instead = admitting_extension if wasm.failure.passes else refusing_extension
    return instead(wasm.name, wasm.transport)


def admitting_extension(name: str, transport: Transport) -> Resource:
    """Every call passes: a filter without rules."""
    match transport:
        case Transport.HTTP:
            return _extension(name, http_rbac.RBAC(rules_stat_prefix=ADMITTING))
        case Transport.TCP:
            return _extension(name, network_rbac.RBAC(stat_prefix=ADMITTING))


def refusing_extension(name: str, transport: Transport) -> Resource:
    """No call passes: rules of which none admits."""
    match transport:
        case Transport.HTTP:
            return _extension(name, http_rbac.RBAC(rules=rules.RBAC(), rules_stat_prefix=REFUSING))
        case Transport.TCP:
            return _extension(name, network_rbac.RBAC(rules=rules.RBAC(), stat_prefix=REFUSING))


def _extension(name: str, config: Message) -> Resource:
    message = TypedExtensionConfig(name=name, typed_config=packed(config))
    return resource(TypeUrl.EXTENSION, name, message)


def _plugin(wasm: WasmConfiguration, code: FileAtProxy | Module) -> PluginConfig:
    said = wasm.configuration
    return PluginConfig(
        name=wasm.title,
        root_id=wasm.root_id,
        vm_config=VmConfig(
            runtime=RUNTIME,
            code=AsyncDataSource(local=_source(code)),
            environment_variables=_environment(wasm),
        ),
        configuration=packed(StringValue(value=said)) if said is not None else None,
        failure_policy=_FAILURE[wasm.failure],
    )


def _source(code: FileAtProxy | Module) -> DataSource:
    match code:
        case FileAtProxy(path=path):
            return DataSource(filename=path)
        case Module(content=content):
            return DataSource(inline_bytes=content)


def _environment(wasm: WasmConfiguration) -> EnvironmentVariables | None:
    if not wasm.variables and not wasm.host_variables:
        return None
    return EnvironmentVariables(host_env_keys=wasm.host_variables, key_values=dict(wasm.variables))
