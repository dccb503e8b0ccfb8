"""The configurations of modules that proxies ask for by name, each encoded once.

While a module is not there, what its ``failStrategy`` says takes its place: calls pass, or none
does. Source: Istio ``pkg/wasm/convert.go``
"""

from collections.abc import Iterator

from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.base.provenance import Provenance
from controlplane.base.shelf import Shelf, shelf
from controlplane.envoy.extensions import refusing_extension, stand_in, wasm_extension
from controlplane.envoy.resource import Resource
from controlplane.graph import Graph, derived, guarded_by
from controlplane.kinds.istio.traffic_extension import TRAFFIC_EXTENSION
from controlplane.kinds.istio.wasm_plugin import WASM_PLUGIN
from controlplane.model.authorization import Transport
from controlplane.model.extension import FileAtProxy, ModuleSource
from controlplane.model.proxy_view import ProxyView
from controlplane.queries.inputs.modules import fetched_module, modules_folder
from controlplane.queries.inputs.objects import index
from controlplane.queries.policy.extensions import declared_extension
from controlplane.translate.istio.extension import (
    Declared,
    module_code,
    resource_name,
    wasm_configuration,
    wasm_of,
)

EVERY_MODULE = "every module"


@index(WASM_PLUGIN, TRAFFIC_EXTENSION)
def with_modules(declared: Declared) -> Iterator[tuple[str, ObjectKey]]:
    """The objects that name a module, under ``EVERY_MODULE``."""
    if wasm_of(declared) is not None:
        yield EVERY_MODULE, declared.key


def module_source(graph: Graph, key: ObjectKey) -> ModuleSource | None:
    """From where the control plane fetches the module of an object, if it does."""
    declared = declared_extension(graph, key)
    wasm = wasm_of(declared) if declared is not None else None
    if wasm is None:
        return None
    code = module_code(key, wasm, readable=modules_folder(graph))
    return code if isinstance(code, ModuleSource) else None


@derived
def extension_configs(graph: Graph, keys: tuple[ObjectKey, ...]) -> Shelf[Resource]:
    """Those of a proxy's extensions. Runs again when one of them changes."""
    found = (extension_config(graph, key) for key in keys)
    return shelf({each.name: each for each in found if each is not None})


def _closed(key: ObjectKey) -> Resource | None:
    return refusing_extension(resource_name(key), Transport.HTTP)


@guarded_by(_closed)
def extension_config(graph: Graph, key: ObjectKey) -> Resource | None:
    """What a proxy is told of one module; ``None`` where the object has none.

    Runs again when the object changes, or its module comes.
    """
    declared = declared_extension(graph, key)
    wasm = wasm_of(declared) if declared is not None else None
    if wasm is None:
        return None
    said = wasm_configuration(key, wasm, readable=modules_folder(graph))
    match said.code:
        case FileAtProxy():
            return wasm_extension(said, said.code)
        case ModuleSource() as source:
            module = fetched_module(graph, source).module
    if module is not None:
        return wasm_extension(said, module)
    return stand_in(said)


def extensions_in(view: ProxyView) -> tuple[ObjectKey, ...]:
    """The extensions of a proxy, in whatever direction."""
    gateway = view.gateway.extensions if view.gateway is not None else ()
    inbound = view.inbound.extensions if view.inbound is not None else ()
    return tuple(dict.fromkeys((*gateway, *inbound, *view.outbound.extensions)))


def extension_origins(graph: Graph, view: ProxyView) -> Iterator[Provenance]:
    """The object of each module."""
    for key in extensions_in(view):
        found = extension_config(graph, key)
        if found is not None:
            yield Provenance(name=found.name, origins=(FieldRef(key, ("spec",)),))
