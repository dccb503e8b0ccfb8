"""Patches of listeners, their filters, their filter chains and the filters of these.

Source: Istio ``pilot/pkg/networking/core/envoyfilter/listener_patch.go``
"""

from collections.abc import Iterator
from typing import Final

from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain, ListenerFilter
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (  # noqa: E501
    HttpConnectionManager,
)
from google.protobuf.message import DecodeError

from controlplane.envoy.packing import packed
from controlplane.envoy.patches.clusters import merge_chain_sockets
from controlplane.envoy.patches.filters import change_order, merge_filter
from controlplane.envoy.patches.merging import merge, merge_packed, replace_all
from controlplane.envoy.patches.routes import patch_table
from controlplane.envoy.patches.values import Patching, value_of
from controlplane.model.patch import (
    ChainCondition,
    ListenerCondition,
    Operation,
    Patch,
    PatchContext,
    PatchTarget,
)

HTTP_CONNECTION_MANAGER: Final = "envoy.filters.network.http_connection_manager"
VIRTUAL: Final = frozenset({"virtualInbound", "virtualOutbound"})
"""The listeners for all ports, whose chains have the port."""


def patched_listener(patching: Patching, listener: Listener) -> Listener | None:
    """``listener``, changed in place; ``None`` where a patch removes it."""
    if patching.context is PatchContext.SIDECAR_INBOUND:
        _patch_inline_tables(patching, listener)
    for patch in patching.of(PatchTarget.LISTENER):
        if not _is_of_listener(listener, patch):
            continue
        if patch.operation is Operation.REMOVE:
            patching.note(patch)
            return None
        if patch.operation.merges:
            replaces = patch.operation is Operation.MERGE_LISTS_REPLACED
            merge(listener, value_of(patch), replaces_lists=replaces)
            patching.note(patch)
    _patch_listener_filters(patching, listener)
    _patch_chains(patching, listener)
    return listener if listener.name else None


def chains_of(listener: Listener) -> Iterator[FilterChain]:
    yield from listener.filter_chains
    if listener.HasField("default_filter_chain"):
        yield listener.default_filter_chain


def _patch_inline_tables(patching: Patching, listener: Listener) -> None:
    """What calls a workload has its routes within the listener."""
    for chain in chains_of(listener):
        for filter_ in chain.filters:
            manager = manager_of(filter_)
            if manager is not None and manager.HasField("route_config"):
                patch_table(patching, manager.route_config, {})
                filter_.typed_config.CopyFrom(packed(manager))


def manager_of(filter_: Filter) -> HttpConnectionManager | None:
    if filter_.name != HTTP_CONNECTION_MANAGER or not filter_.HasField("typed_config"):
        return None
    manager = HttpConnectionManager()
    try:
        return manager if filter_.typed_config.Unpack(manager) else None
    except DecodeError:
        return None


def _patch_listener_filters(patching: Patching, listener: Listener) -> None:
    for patch in patching.of(PatchTarget.LISTENER_FILTER):
        if not _is_of_listener(listener, patch):
            continue
        wanted = _listener_condition(patch)
        name = wanted.listener_filter or None if wanted is not None else None
        if patch.operation is not Operation.MERGE:
            change_order(patching, listener.listener_filters, patch, name)
        elif name is not None:
            _merge_listener_filters(patching, listener, patch)


def _merge_listener_filters(patching: Patching, listener: Listener, patch: Patch) -> None:
    """All of the value's type, whatever their names, as in Istio."""
    value = value_of(patch)
    assert isinstance(value, ListenerFilter), "the patch is for listener filters"
    for each in listener.listener_filters:
        has_both = each.HasField("typed_config") and value.HasField("typed_config")
        if has_both and merge_packed(each.typed_config, value.typed_config):
            patching.note(patch)


def _patch_chains(patching: Patching, listener: Listener) -> None:
    kept = [each for each in listener.filter_chains if _is_kept(patching, listener, each)]
    if len(kept) < len(listener.filter_chains):
        replace_all(listener.filter_chains, kept)
    if listener.HasField("default_filter_chain") and not _is_kept(
        patching, listener, listener.default_filter_chain
    ):
        listener.ClearField("default_filter_chain")
    for patch in patching.of(PatchTarget.FILTER_CHAIN):
        if patch.operation is Operation.ADD and _is_of_listener(listener, patch):
            added = value_of(patch)
            assert isinstance(added, FilterChain), "the patch is for chains"
            if added.filters:
                listener.filter_chains.append(added)
                patching.note(patch)


def _is_kept(patching: Patching, listener: Listener, chain: FilterChain) -> bool:
    """Change a chain in place; false where a patch removes it."""
    for patch in patching.of(PatchTarget.FILTER_CHAIN):
        if not _is_of_listener(listener, patch) or not _is_of_chain(listener, chain, patch):
            continue
        if patch.operation is Operation.REMOVE:
            patching.note(patch)
            return False
        if patch.operation.merges:
            value = value_of(patch)
            assert isinstance(value, FilterChain), "the patch is for chains"
            if not _merged_socket(chain, value):
                replaces = patch.operation is Operation.MERGE_LISTS_REPLACED
                merge(chain, value, replaces_lists=replaces)
            patching.note(patch)
    _patch_network_filters(patching, listener, chain)
    return True


def _merged_socket(chain: FilterChain, value: FilterChain) -> bool:
    """Whether the patch is of the transport socket that is there; then nothing else is merged."""
    if not value.HasField("transport_socket") or not chain.HasField("transport_socket"):
        return False
    if value.transport_socket.name != chain.transport_socket.name:
        return False
    merge_chain_sockets(chain.transport_socket, value.transport_socket)
    return True


def _patch_network_filters(patching: Patching, listener: Listener, chain: FilterChain) -> None:
    patches = [
        patch
        for patch in patching.of(PatchTarget.NETWORK_FILTER)
        if _is_of_listener(listener, patch) and _is_of_chain(listener, chain, patch)
    ]
    for patch in patches:
        change_order(patching, chain.filters, patch, _wanted_filter(patch))
    for filter_ in chain.filters:
        for patch in patches:
            wanted = _wanted_filter(patch)
            if patch.operation is Operation.MERGE and wanted in (None, filter_.name):
                merge_filter(patching, filter_, patch)
        manager = manager_of(filter_)
        if manager is not None:
            _patch_http_filters(patching, listener, chain, filter_, manager)


def _patch_http_filters(
    patching: Patching,
    listener: Listener,
    chain: FilterChain,
    filter_: Filter,
    manager: HttpConnectionManager,
) -> None:
    patches = [
        patch
        for patch in patching.of(PatchTarget.HTTP_FILTER)
        if _is_of_listener(listener, patch)
        and _is_of_chain(listener, chain, patch)
        and _wanted_filter(patch) in (None, filter_.name)
    ]
    if not patches:
        return
    for patch in patches:
        change_order(patching, manager.http_filters, patch, _wanted_sub_filter(patch))
    for each in manager.http_filters:
        for patch in patches:
            wanted = _wanted_sub_filter(patch)
            if patch.operation is Operation.MERGE and wanted in (None, each.name):
                merge_filter(patching, each, patch)
    filter_.typed_config.CopyFrom(packed(manager))


def _listener_condition(patch: Patch) -> ListenerCondition | None:
    wanted = patch.condition
    return wanted if isinstance(wanted, ListenerCondition) else None


def _chain_condition(patch: Patch) -> ChainCondition | None:
    wanted = _listener_condition(patch)
    return wanted.chain if wanted is not None else None


def _wanted_filter(patch: Patch) -> str | None:
    wanted = _chain_condition(patch)
    return wanted.filter if wanted is not None else None


def _wanted_sub_filter(patch: Patch) -> str | None:
    wanted = _chain_condition(patch)
    return wanted.sub_filter if wanted is not None and wanted.filter is not None else None


def _is_of_listener(listener: Listener, patch: Patch) -> bool:
    """Of the listeners for all ports it is the chains that have the port."""
    wanted = _listener_condition(patch)
    if wanted is None:
        return True
    if wanted.name not in ("", listener.name):
        return False
    if patch.target is not PatchTarget.LISTENER and listener.name in VIRTUAL:
        return True
    return wanted.port in (0, listener.address.socket_address.port_value)


def _is_of_chain(listener: Listener, chain: FilterChain, patch: Patch) -> bool:
    wanted = _listener_condition(patch)
    if wanted is None:
        return True
    match = chain.filter_chain_match
    port = match.destination_port.value
    if listener.name in VIRTUAL and wanted.port not in (0, port):
        return False
    asked = wanted.chain
    if asked is None:
        return True
    return (
        asked.name in ("", chain.name)
        and (not asked.server_name or asked.server_name in match.server_names)
        and asked.transport_protocol in ("", match.transport_protocol)
        and all(each in match.application_protocols for each in asked.application_protocols)
        and asked.destination_port in (0, port)
    )
