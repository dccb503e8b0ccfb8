"""The listeners of a sidecar for what its workload calls.

What is listened for is known by address: all that services ask of one is merged, and listeners that
come out equal are encoded once, for whatever view.
Source: Istio ``pilot/pkg/networking/core/listener.go``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from controlplane.base.diagnostics import Report
from controlplane.base.names import PortNumber
from controlplane.base.shelf import Shelf
from controlplane.envoy.resource import Resource
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.captured_port import CapturedPort
from controlplane.model.egress import EgressListener
from controlplane.model.http_settings import ListenerContext
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.listener import Address, ListenerPlan
from controlplane.model.plan.proxy import OutboundListener
from controlplane.model.proxy import IpFamily
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.listeners.captured_ports import captured_ports, is_captured_apart
from controlplane.queries.listeners.listeners import listeners
from controlplane.queries.listeners.settings import observed_settings
from controlplane.queries.policy.extensions import extensions_of
from controlplane.queries.policy.tracing import traces_of
from controlplane.queries.registry.egress import egress_listeners, unknown_traffic
from controlplane.translate.captured_ports import wildcard
from controlplane.translate.istio.listener_settings import ListenerSettings
from controlplane.translate.istio.outbound_listener import (
    captured_listener,
    proxy_listener,
    virtual_outbound,
)
from controlplane.translate.listener_conflicts import merged

_OWN_PORTS = frozenset({15021, 15090})
"""Where a sidecar answers probes and is asked for statistics, on every address."""


@derived
def encoded_outbound_listeners(graph: Graph, view: OutboundView) -> Shelf[Resource]:
    """As ``outbound_listeners``, encoded; apart from what a single proxy has, for it asks by the
    view alone.
    """
    return listeners(graph, outbound_listeners(graph, view))


@derived
def outbound_listeners(graph: Graph, view: OutboundView) -> tuple[OutboundListener, ...]:
    """Every listener of a view's sidecars for what their workloads call.

    Runs again when what is asked of an address changes, or what becomes of the unknown; not when a
    service joins a port that has HTTP already. Namespaces that have the same captured as all share
    the public view's.
    """
    if not view.is_public and _is_as_public(graph, view):
        return outbound_listeners(graph, view.public)
    plans = (
        *_captured_listeners(graph, view),
        *_proxy_listener(graph, view),
        *_virtual_outbound(graph, view),
    )
    return tuple(OutboundListener(plan=plan) for plan in plans)


def _is_as_public(graph: Graph, view: OutboundView) -> bool:
    """Whether its sidecars listen as those of the public view."""
    if is_captured_apart(graph, view.unobserved.without_extensions):
        return False
    context = ListenerContext.OUTBOUND
    return traces_of(graph, view, context) == traces_of(graph, view.public, context)


def _settings(graph: Graph, view: OutboundView) -> ListenerSettings:
    found = observed_settings(graph, view, ListenerContext.OUTBOUND)
    return replace(found, extensions=extensions_of(graph, view.extensions))


def _captured_listeners(graph: Graph, view: OutboundView) -> Iterator[ListenerPlan]:
    settings = _settings(graph, view)
    unknown = unknown_traffic(graph, view.scope)
    for (address, listener), ports in _by_address(graph, view):
        yield captured_listener(
            address,
            merged(Report(), ports),
            unknown,
            settings,
            view.families,
            binds=listener.binds,
        )


_Place = tuple[Address, EgressListener]


def _by_address(
    graph: Graph, view: OutboundView
) -> Iterable[tuple[_Place, tuple[CapturedPort, ...]]]:
    """What is asked of each address, by the first listener that has it: a later one, for every
    port, adds nothing there.
    """
    reserved = _reserved(graph, view.families)
    found: dict[Address, tuple[EgressListener, list[CapturedPort]]] = {}
    for listener in egress_listeners(graph, view):
        for shard in captured_ports(graph, view.unobserved.without_extensions, listener):
            for port in shard:
                if port.address not in reserved:
                    holder, ports = found.setdefault(port.address, (listener, []))
                    if holder is listener or listener.port is not None:
                        ports.append(port)
    return (
        ((address, listener), tuple(ports))
        for address, (listener, ports) in sorted(found.items(), key=lambda item: item[0])
    )


def _reserved(graph: Graph, families: tuple[IpFamily, ...]) -> frozenset[Address]:
    """Where a sidecar listens for other things."""
    mesh = mesh_config(graph)
    ports = {*_OWN_PORTS, mesh.proxy_listen_port, mesh.proxy_inbound_listen_port}
    return frozenset(Address(wildcard(families), PortNumber(port)) for port in ports)


def _proxy_listener(graph: Graph, view: OutboundView) -> Iterator[ListenerPlan]:
    port = _proxy_port(mesh_config(graph), view)
    if port:
        host = "127.0.0.1" if IpFamily.IPV4 in view.families else "::1"
        settings = _settings(graph, view)
        unknown = unknown_traffic(graph, view.scope)
        yield proxy_listener(Address(host, PortNumber(port)), unknown, settings, view.families)


def _proxy_port(mesh: MeshConfig, view: OutboundView) -> int:
    """The port of the HTTP proxy, as the node says, else the mesh; zero for none."""
    said = dict(view.settings)["HTTP_PROXY_PORT"] if _says_port(view) else ""
    return int(said) if said.isdecimal() and int(said) < 65536 else mesh.proxy_http_port


def _says_port(view: OutboundView) -> bool:
    return any(name == "HTTP_PROXY_PORT" for name, _ in view.settings)


def _virtual_outbound(graph: Graph, view: OutboundView) -> Iterator[ListenerPlan]:
    if not view.interception.captures:
        return
    settings = _settings(graph, view)
    port = PortNumber(mesh_config(graph).proxy_listen_port)
    yield virtual_outbound(
        Address(wildcard(view.families), port),
        unknown_traffic(graph, view.scope),
        settings,
        view.families,
        view.interception,
    )
