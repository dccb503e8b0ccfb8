"""Which Gateways a proxy serves, and what their servers come to on it.

Source: https://istio.io/latest/docs/reference/config/networking/gateway/
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from controlplane.base.codes import PLAINTEXT_BESIDE_TLS
from controlplane.base.codes import SERVER_CONFLICT
from controlplane.base.diagnostics import Related
from controlplane.base.diagnostics import Report
from controlplane.base.names import ObjectKey
from controlplane.base.names import PortNumber
from controlplane.graph import Graph
from controlplane.graph import derived
from controlplane.kinds.istio.gateway import GATEWAY
from controlplane.kinds.istio.gateway import Gateway
from controlplane.kinds.object import Object
from controlplane.model.gateway import RouteTableOutline
from controlplane.model.listening import Address
from controlplane.model.proxy import Client
from controlplane.model.proxy import IpFamily
from controlplane.model.proxy import Labels
from controlplane.model.proxy import Role
from controlplane.model.proxy import Target
from controlplane.model.server import Conflict
from controlplane.model.server import Door
from controlplane.model.server import Doors
from controlplane.model.server import Server
from controlplane.queries.mesh import mesh_config
from controlplane.queries.objects import OBJECT
from controlplane.queries.objects import index
from controlplane.translate.istio import gateway as translate
from controlplane.translate.istio import gateway_merge

_FIRST_UNPRIVILEGED_PORT: Final = 1024
_NO_LABEL: Final = ("", "")


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a proxy decides its doors: its labels, the Services in front of it, its addresses,
    its rights.
    """

    labels: Labels
    targets: tuple[Target, ...] = ()
    every_address: str = "0.0.0.0"
    opens_low_ports: bool = True


def shape(client: Client) -> Shape:
    return Shape(
        client.labels,
        client.targets,
        "0.0.0.0" if IpFamily.IPV4 in client.families else "::",
        ("UNPRIVILEGED_POD", "true") not in client.metadata,
    )


@index(GATEWAY)
def gateways_by_label(gateway: Object[Gateway]) -> Iterator[tuple[tuple[str, str], ObjectKey]]:
    """Each Gateway under one label of its selector, or under none when it selects every proxy."""
    yield min(gateway.spec.selector.items(), default=_NO_LABEL), gateway.key


@derived
def selected_gateways(graph: Graph, labels: Labels) -> tuple[ObjectKey, ...]:
    """The Gateways whose selector fits a proxy with ``labels``, oldest first (then by name,
    namespace).

    Runs again when a Gateway that shares a label with the proxy comes, goes or changes.
    """
    own = dict(labels)
    candidates = [
        gateway
        for label in (_NO_LABEL, *labels)
        for key in gateways_by_label(graph, label)
        if (gateway := OBJECT(graph, key)) is not None
    ]
    return tuple(
        gateway.key
        for gateway in sorted(candidates, key=lambda g: g.age)
        if gateway.spec.selector.items() <= own.items()
    )


@derived
def gateway_servers(graph: Graph, key: ObjectKey) -> tuple[Server, ...]:
    """The servers of one Gateway; runs again when it changes, or the mesh's TLS defaults."""
    gateway = OBJECT(graph, key)
    if gateway is None:
        return ()
    report = Report()
    servers = translate.gateway_servers(
        report, gateway, tls_defaults=mesh_config(graph).tls_defaults
    )
    graph.note(*report)
    return servers


@derived
def doors(graph: Graph, shape: Shape) -> Doors:
    """The doors of proxies of one shape; runs again when the servers of a Gateway they serve
    change.
    """
    servers = [
        server
        for key in selected_gateways(graph, shape.labels)
        for server in gateway_servers(graph, key)
    ]
    return gateway_merge.merged(
        servers, resolve=lambda port: _target(shape, port), every_address=shape.every_address
    )


@derived
def tell_conflicts(graph: Graph, shape: Shape) -> None:
    """Notes which servers lose to which. Apart from ``doors``, so that who reads it only to have it
    noted runs no more often than this changes, which is never.
    """
    report = Report()
    _tell(report, doors(graph, shape))
    graph.note(*report)


@derived
def door(graph: Graph, shape: Shape, address: Address) -> Door | None:
    """One door: an edit of a Gateway that leaves it as it was stops here."""
    return next((d for d in doors(graph, shape).doors if d.address == address), None)


@derived
def addresses(graph: Graph, shape: Shape) -> tuple[Address, ...]:
    """Where proxies of one shape listen."""
    tell_conflicts(graph, shape)
    return tuple(
        d.address
        for d in doors(graph, shape).doors
        if shape.opens_low_ports or not 0 < d.address.port < _FIRST_UNPRIVILEGED_PORT
    )


@derived
def shape_outlines(graph: Graph, shape: Shape) -> tuple[RouteTableOutline, ...]:
    return gateway_merge.outlines(doors(graph, shape).doors)


def outlines(graph: Graph, client: Client) -> tuple[RouteTableOutline, ...]:
    """The route tables that a client's listeners name, with the servers whose requests each
    routes.
    """
    return shape_outlines(graph, shape(client)) if client.role is Role.GATEWAY else ()


def _target(shape: Shape, port: PortNumber) -> PortNumber:
    """Where a Service in front of the proxy sends ``port``: the first that has it decides."""
    targets = (t.target for t in shape.targets if t.port == port)
    return PortNumber(next(targets, port))


def _tell(report: Report, found: Doors) -> None:
    for conflict in found.conflicts:
        report.add(
            SERVER_CONFLICT,
            conflict.loser.place,
            f"{_spoken(conflict.loser)} is not served: {_spoken(conflict.winner)} comes first and "
            f"has {conflict.claim}",
            hint=conflict.hint,
            related=_winner(conflict),
        )
    for beside in found.shared:
        report.add(
            PLAINTEXT_BESIDE_TLS,
            beside.loser.place,
            f"{beside.claim} answers plaintext too, beside TLS of {_spoken(beside.winner)}",
            hint="give the plaintext server another port",
            related=_winner(beside),
        )


def _winner(conflict: Conflict) -> tuple[Related, ...]:
    return (Related(place=conflict.winner.place, message="the server that comes first"),)


def _spoken(server: Server) -> str:
    return f'server "{server.port_name}" of Gateway {server.gateway}'
