"""Which Gateways a proxy serves, and what their servers become on it.

Source: https://istio.io/latest/docs/reference/config/networking/gateway/
"""

from collections.abc import Iterator
from typing import Final

from controlplane.base.codes import PLAINTEXT_BESIDE_TLS, SERVER_CONFLICT
from controlplane.base.diagnostics import Diagnostics, Related, Report, Reported
from controlplane.base.names import ObjectKey, key_is_of
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.istio.gateway import GATEWAY, Gateway, GatewayKey
from controlplane.kinds.object import Object
from controlplane.model.plan.listener import Address
from controlplane.model.plan.route_table import GatewayTable
from controlplane.model.proxy import Labels
from controlplane.model.proxy_view import GatewayInstance
from controlplane.queries.gateway_api.listeners import gateway_api_servers
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index, object_of
from controlplane.translate.istio import gateway as translate, gateway_merge
from controlplane.translate.istio.gateway_merge import (
    MergedGateways,
    MergedServers,
    PlacedServer,
    ServerConflict,
)
from controlplane.translate.server import Server

_FIRST_UNPRIVILEGED_PORT: Final = 1024
_NO_LABEL: Final = ("", "")
_WHOLE_MESH: Final = "mesh"


@index(GATEWAY)
def gateways_by_label(gateway: Object[Gateway]) -> Iterator[tuple[tuple[str, str], GatewayKey]]:
    """Each Gateway under one label of its selector, or under none when it selects every proxy."""
    yield min(gateway.spec.selector.items(), default=_NO_LABEL), gateway.key


@index(GATEWAY)
def pairs_of_gateway_selectors(gateway: Object[Gateway]) -> Iterator[tuple[str, tuple[str, str]]]:
    for pair in gateway.spec.selector.items():
        yield _WHOLE_MESH, pair


def is_for_gateways(graph: Graph, selector: Labels) -> bool:
    """Whether proxies that Gateways select may be meant by the selector of a policy."""
    return not _selecting_pairs(graph).isdisjoint(selector)


@derived
def _selecting_pairs(graph: Graph) -> frozenset[tuple[str, str]]:
    return frozenset(pairs_of_gateway_selectors(graph, _WHOLE_MESH))


def selected_gateways(graph: Graph, labels: Labels) -> tuple[GatewayKey, ...]:
    """The Gateways whose selector fits a proxy with ``labels``, oldest first (then by name,
    namespace).
    """
    asked_for = _selecting_pairs(graph)
    return _selected_by(graph, tuple(pair for pair in labels if pair in asked_for))


@derived
def _selected_by(graph: Graph, labels: Labels) -> tuple[GatewayKey, ...]:
    """Runs again when a Gateway that shares a label with the proxy comes, goes or changes."""
    own = dict(labels)
    candidates = [
        gateway
        for label in (_NO_LABEL, *labels)
        for key in gateways_by_label(graph, label)
        if (gateway := object_of(graph, key)) is not None
    ]
    return tuple(
        gateway.key
        for gateway in sorted(candidates, key=lambda g: g.age)
        if gateway.spec.selector.items() <= own.items()
    )


@guarded(first=())
def gateway_servers(graph: Graph, key: ObjectKey) -> tuple[Server, ...]:
    """The servers of one Gateway of either API; runs again when it changes, or the mesh's TLS
    defaults.
    """
    if key_is_of(key, KUBERNETES_GATEWAY):
        return gateway_api_servers(graph, key)
    assert key_is_of(key, GATEWAY), "servers are looked for by the keys of Gateways"
    return reported_servers(graph, key).value


@derived
def reported_servers(graph: Graph, key: GatewayKey) -> Reported[tuple[Server, ...]]:
    """The servers of one Gateway, with their warnings."""
    gateway = object_of(graph, key)
    if gateway is None:
        return Reported(())
    report = Report()
    servers = translate.gateway_servers(
        report, gateway, tls_defaults=mesh_config(graph).tls_defaults
    )
    return Reported(servers, tuple(report))


@derived
def merged_gateways(graph: Graph, instance: GatewayInstance) -> MergedGateways:
    """The Gateways of an instance, merged; runs again when the servers of one of them change."""
    placed = sorted(_placed_servers(graph, instance), key=lambda each: each[0].age)
    return gateway_merge.merged(placed, every_address=instance.every_address)


def _placed_servers(graph: Graph, instance: GatewayInstance) -> Iterator[PlacedServer]:
    """Every server with each port that the proxy opens for it."""
    ports = dict(instance.target_ports)
    for key in instance.gateways:
        for server in gateway_servers(graph, key):
            yield server, ports.get(server.port, server.port)
    for bound in instance.bound:
        for server in gateway_servers(graph, bound.gateway):
            arrivals = bound.arrivals(server.port, is_udp=server.is_udp)
            yield from ((server, port) for port in arrivals)


@derived
def server_conflicts(graph: Graph, instance: GatewayInstance) -> Diagnostics:
    """Which servers of an instance lose to which."""
    report = Report()
    _report(report, merged_gateways(graph, instance))
    return tuple(report)


@derived
def merged_servers(
    graph: Graph, instance: GatewayInstance, address: Address
) -> MergedServers | None:
    """The servers at one address: an edit of a Gateway that leaves them as they were stops here."""
    listeners = merged_gateways(graph, instance).listeners
    return next((listener for listener in listeners if listener.address == address), None)


@derived
def addresses(graph: Graph, instance: GatewayInstance) -> tuple[Address, ...]:
    """Where a gateway listens."""
    return tuple(
        listener.address
        for listener in merged_gateways(graph, instance).listeners
        if instance.opens_low_ports or not 0 < listener.address.port < _FIRST_UNPRIVILEGED_PORT
    )


@derived
def gateway_tables(graph: Graph, instance: GatewayInstance) -> tuple[GatewayTable, ...]:
    """The route tables that a gateway's listeners name, with the servers whose requests each
    routes.
    """
    return gateway_merge.gateway_tables(merged_gateways(graph, instance).listeners)


def _report(report: Report, found: MergedGateways) -> None:
    for conflict in found.conflicts:
        report.add(
            SERVER_CONFLICT,
            conflict.loser.place,
            f"{conflict.loser.display_name} is not served: {conflict.winner.display_name} comes "
            f"first and has {conflict.claim}",
            hint=conflict.hint,
            related=_winner(conflict),
        )
    for beside in found.shared:
        report.add(
            PLAINTEXT_BESIDE_TLS,
            beside.loser.place,
            f"{beside.claim} also accepts plaintext, next to the TLS {beside.winner.display_name}",
            hint="give the plaintext server another port",
            related=_winner(beside),
        )


def _winner(conflict: ServerConflict) -> tuple[Related, ...]:
    return (Related(place=conflict.winner.place, message="the server that comes first"),)
