"""Patches of route tables, their virtual hosts and routes.

Source: Istio ``pilot/pkg/networking/core/envoyfilter/rc_patch.go``
"""

from collections.abc import Mapping
from typing import Any, Final

from envoy.config.route.v3.route_components_pb2 import Route, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from controlplane.envoy.patches.merging import merge, replace_all
from controlplane.envoy.patches.values import Patching, value_of
from controlplane.model.patch import (
    Operation,
    Patch,
    PatchContext,
    PatchTarget,
    RouteAction,
    RouteCondition,
    TableCondition,
    VirtualHostCondition,
)

ServicePorts = Mapping[int, frozenset[int]]
"""By port of a gateway's server, the ports of the Services in front of it that lead there."""

ACTIONS: Final[Mapping[str, RouteAction]] = {
    "route": RouteAction.FORWARD,
    "redirect": RouteAction.REDIRECT,
    "direct_response": RouteAction.RESPOND,
}


def patch_table(patching: Patching, table: RouteConfiguration, ports: ServicePorts) -> None:
    """Change ``table`` in place."""
    patches = tuple(p for p in patching.patches if _is_of_table(patching, table, p, ports))
    found = Patching(patching.context, patches, patching.applied)
    for patch in found.of(PatchTarget.ROUTE_CONFIGURATION):
        if patch.operation.merges:
            _merge(patch, table)
            found.note(patch)
    removed = {host.name for host in table.virtual_hosts if _is_removed(found, host)}
    for patch in found.of(PatchTarget.VIRTUAL_HOST):
        if patch.operation is Operation.ADD:
            added = value_of(patch)
            assert isinstance(added, VirtualHost), "the patch is for virtual hosts"
            table.virtual_hosts.append(added)
            found.note(patch)
    if removed:
        kept = [host for host in table.virtual_hosts if host.name not in removed]
        replace_all(table.virtual_hosts, kept)


def _merge(patch: Patch, target: Any) -> None:  # Any: one of the messages of routes
    replaces = patch.operation is Operation.MERGE_LISTS_REPLACED
    merge(target, value_of(patch), replaces_lists=replaces)


def _is_of_table(
    patching: Patching, table: RouteConfiguration, patch: Patch, ports: ServicePorts
) -> bool:
    wanted = patch.condition
    if not isinstance(wanted, TableCondition):
        return True
    if wanted.name not in ("", table.name):
        return False
    port, port_name, gateway = parts_of_table(patching.context, table.name)
    if patching.context is not PatchContext.GATEWAY:
        return wanted.port in (0, port)
    if wanted.port_name not in ("", port_name) or wanted.gateway not in ("", gateway):
        return False
    return not wanted.port or wanted.port in ports.get(port, frozenset({port}))


def parts_of_table(context: PatchContext, name: str) -> tuple[int, str, str]:
    """Port, port name and Gateway (``NAMESPACE/NAME``); the last two only of gateways with TLS."""
    if context is not PatchContext.GATEWAY:
        return _port_of_sidecar_table(name), "", ""
    return _parts_of_gateway_table(name)


def _port_of_sidecar_table(name: str) -> int:
    """0 where the name is not a port, nor that of a cluster to the workload."""
    text = name.split("|")[1] if name.startswith("inbound") and name.count("|") >= 3 else name
    return int(text) if text.isascii() and text.isdigit() else 0


def _parts_of_gateway_table(name: str) -> tuple[int, str, str]:
    """Port, port name and Gateway; the last two only of ``https.PORT.NAME.GATEWAY.NAMESPACE``."""
    if name.startswith("http."):
        text = name.removeprefix("http.")
        return (int(text) if text.isascii() and text.isdigit() else 0), "", ""
    parts = name.split(".")
    if parts[0] != "https" or len(parts) != 5:
        return 0, "", ""
    port = int(parts[1]) if parts[1].isascii() and parts[1].isdigit() else 0
    return port, parts[2], f"{parts[4]}/{parts[3]}"


def _is_removed(patching: Patching, host: VirtualHost) -> bool:
    """Change a virtual host and its routes in place; true where a patch removes it."""
    for patch in patching.of(PatchTarget.VIRTUAL_HOST):
        if not _is_of_host(host, patch):
            continue
        if patch.operation is Operation.REMOVE:
            patching.note(patch)
            return True
        if patch.operation.merges:
            _merge(patch, host)
            patching.note(patch)
        elif patch.operation is Operation.REPLACE:
            replacement = value_of(patch)
            assert isinstance(replacement, VirtualHost), "the patch is for virtual hosts"
            host.CopyFrom(replacement)
            patching.note(patch)
    _patch_routes(patching, host)
    return False


def _patch_routes(patching: Patching, host: VirtualHost) -> None:
    if not any(_is_of_host(host, patch) for patch in patching.of(PatchTarget.ROUTE)):
        return
    routes: list[Route | None] = [_patched_route(patching, host, each) for each in host.routes]
    for patch in patching.of(PatchTarget.ROUTE):
        if _is_of_host(host, patch) and (at := _place(routes, patch)) is not None:
            added = value_of(patch)
            assert isinstance(added, Route), "the patch is for routes"
            routes.insert(at, added)
            patching.note(patch)
    replace_all(host.routes, [route for route in routes if route is not None])


def _patched_route(patching: Patching, host: VirtualHost, route: Route) -> Route | None:
    """``None`` where a patch removes it."""
    for patch in patching.of(PatchTarget.ROUTE):
        if not _is_of_host(host, patch) or not _is_of_route(route, patch):
            continue
        if patch.operation is Operation.REMOVE:
            patching.note(patch)
            return None
        if patch.operation.merges:
            _merge(patch, route)
            patching.note(patch)
    return route


def _place(routes: list[Route | None], patch: Patch) -> int | None:
    """Where a patch puts its route; ``None`` where it puts none, or the route that it looks for is
    not there.
    """
    if patch.operation is Operation.ADD:
        return len(routes)
    if patch.operation not in (
        Operation.INSERT_BEFORE,
        Operation.INSERT_AFTER,
        Operation.INSERT_FIRST,
    ):
        return None
    if _wanted_route(patch) is None:
        return len(routes) if patch.operation is Operation.INSERT_AFTER else 0
    for i, route in enumerate(routes):
        if route is not None and _is_of_route(route, patch):
            if patch.operation is Operation.INSERT_FIRST:
                return 0
            return i if patch.operation is Operation.INSERT_BEFORE else i + 1
    return None


def _wanted_host(patch: Patch) -> VirtualHostCondition | None:
    wanted = patch.condition
    return wanted.virtual_host if isinstance(wanted, TableCondition) else None


def _wanted_route(patch: Patch) -> RouteCondition | None:
    wanted = _wanted_host(patch)
    return wanted.route if wanted is not None else None


def _is_of_host(host: VirtualHost, patch: Patch) -> bool:
    wanted = _wanted_host(patch)
    if wanted is None:
        return True
    return wanted.name in ("", host.name) and (not wanted.domain or wanted.domain in host.domains)


def _is_of_route(route: Route, patch: Patch) -> bool:
    """An action that no patch can name is found by any."""
    wanted = _wanted_route(patch)
    if wanted is None:
        return True
    if wanted.name not in ("", route.name):
        return False
    action = ACTIONS.get(route.WhichOneof("action") or "", None)
    return wanted.action is None or action is None or action is wanted.action
