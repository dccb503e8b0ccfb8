"""Which WasmPlugins and TrafficExtensions a proxy has, and the filters that they come to.

Source: Istio ``pilot/pkg/model/push_context.go`` (``TrafficExtensionsByListenerInfo``)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace, ObjectKey, key_is_of
from controlplane.graph import Graph, guarded_by
from controlplane.kinds.istio.traffic_extension import TRAFFIC_EXTENSION
from controlplane.kinds.istio.wasm_plugin import WASM_PLUGIN
from controlplane.kinds.object import Object
from controlplane.model.authorization import Transport
from controlplane.model.extension import Extension, Phase, WasmFilter
from controlplane.model.proxy import Labels
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index, object_of
from controlplane.translate.istio.extension import (
    Declared,
    extension,
    extension_age,
    precedence,
    resource_name,
    traffic,
)
from controlplane.translate.istio.policy_attachment import Attachment, attachment, is_attached

_Age = tuple[str, str, str]
_Rank = tuple[Namespace, Phase, int]


@dataclass(frozen=True, slots=True)
class ExtensionKeys:
    """Those that may add filters for what is called, and for what calls; of the proxy's own
    namespace first, then the oldest.
    """

    client: tuple[ObjectKey, ...] = ()
    server: tuple[ObjectKey, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class _Found:
    age: _Age
    attachment: Attachment
    key: ObjectKey
    client: bool
    server: bool


def declared_extension(graph: Graph, key: ObjectKey) -> Declared | None:
    if key_is_of(key, WASM_PLUGIN):
        return object_of(graph, key)
    assert key_is_of(key, TRAFFIC_EXTENSION), "there are two kinds of extensions"
    return object_of(graph, key)


@index(WASM_PLUGIN, TRAFFIC_EXTENSION)
def extensions_of_namespace(declared: Object[Any]) -> Iterator[tuple[Namespace, _Found]]:
    """Those of a namespace with what they are attached by, oldest first. Any: of two kinds."""
    found = traffic(declared.spec.match)
    yield (
        declared.namespace,
        _Found(
            extension_age(declared),
            attachment(declared.spec),
            declared.key,
            not found or any(each.client for each in found),
            not found or any(each.server for each in found),
        ),
    )


@index(WASM_PLUGIN, TRAFFIC_EXTENSION)
def extensions_of_rank(declared: Object[Any]) -> Iterator[tuple[_Rank, _Found]]:
    """Those of a namespace that have one phase and priority, oldest first, with what they are
    attached by. Any: of two kinds.
    """
    found = extension(declared)
    if found is not None:
        rank = (declared.namespace, found.filter.phase, precedence(declared))
        for _, each in extensions_of_namespace.entries(declared):
            yield rank, each


def extension_keys(graph: Graph, namespace: Namespace, labels: Labels) -> ExtensionKeys:
    """What is attached to a proxy of ``namespace`` with these labels. Not kept: views ask for it,
    which are.
    """
    root = Namespace(mesh_config(graph).root_namespace)
    found = [
        each
        for of in dict.fromkeys((namespace, root))
        for each in extensions_of_namespace(graph, of)
        if is_attached(each.attachment, of, namespace, labels)
    ]
    return ExtensionKeys(
        client=tuple(each.key for each in found if each.client),
        server=tuple(each.key for each in found if each.server),
    )


def _closed(keys: tuple[ObjectKey, ...]) -> tuple[Extension, ...]:
    """Filters of which the proxy is told that they refuse every call."""
    return tuple(
        Extension(
            filter=WasmFilter(name=resource_name(key), phase=Phase.AUTHN, transport=Transport.HTTP),
            traffic=(),
            place=FieldRef(key) / "spec",
        )
        for key in keys
    )


@guarded_by(_closed)
def extensions_of(graph: Graph, keys: tuple[ObjectKey, ...]) -> tuple[Extension, ...]:
    """The filters of extensions, by priority, else in the order of ``keys``; runs again when one
    of them changes.
    """
    declared = (declared_extension(graph, key) for key in keys)
    ordered = sorted((each for each in declared if each is not None), key=precedence)
    found = (extension(each) for each in ordered)
    return tuple(each for each in found if each is not None)
