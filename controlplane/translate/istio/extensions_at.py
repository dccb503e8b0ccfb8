"""Which of a proxy's extensions are in a chain: by the direction and port of its listener.

Source: Istio ``pilot/pkg/model/extensions.go`` (``MatchListener``)
"""

from controlplane.base.locations import FieldRef
from controlplane.base.names import PortNumber
from controlplane.model.authorization import Transport
from controlplane.model.extension import Extension, LuaFilter, WasmFilter
from controlplane.model.http_settings import ListenerContext

Extensions = tuple[Extension, ...]


def http_extensions(
    extensions: Extensions, context: ListenerContext, port: PortNumber
) -> tuple[WasmFilter | LuaFilter, ...]:
    """Those that read requests, in their order within a phase."""
    return tuple(
        each.filter
        for each in extensions
        if each.is_for(context, port)
        and (isinstance(each.filter, LuaFilter) or each.filter.transport is Transport.HTTP)
    )


def network_extensions(
    extensions: Extensions, context: ListenerContext, port: PortNumber
) -> tuple[WasmFilter, ...]:
    """Those that read bytes, in chains of HTTP as in others."""
    return tuple(
        each.filter
        for each in extensions
        if each.is_for(context, port)
        and isinstance(each.filter, WasmFilter)
        and each.filter.transport is Transport.TCP
    )


def extension_origins(
    extensions: Extensions, context: ListenerContext, port: PortNumber
) -> tuple[FieldRef, ...]:
    """The objects of those that are in the chain at all."""
    return tuple(each.place for each in extensions if each.is_for(context, port))
