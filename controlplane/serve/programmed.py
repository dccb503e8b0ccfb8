"""What a running control plane adds to the status of Gateways and ListenerSets: a listener is
programmed once a proxy of its Gateway has acknowledged it.

Source: https://gateway-api.sigs.k8s.io/reference/spec/ (ListenerConditionProgrammed)
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from controlplane.base.names import ObjectKey, PortNumber
from controlplane.engine.engine import Engine
from controlplane.engine.internal_errors import NotComputed
from controlplane.envoy.resource import TypeUrl
from controlplane.model.gateway_api import Condition, ConditionStatus
from controlplane.model.proxy import Proxy
from controlplane.model.proxy_view import BoundGateway
from controlplane.translate.gateway_api.conditions import PROGRAMMED, unmet
from controlplane.translate.gateway_api.status import (
    GatewayStatus,
    ListenerSetStatus,
    ListenerStatus,
)
from controlplane.xds.connections import Connections

PENDING: Final = "Pending"
NOT_USABLE: Final = "AddressNotUsable"
_NOT_BOUND: Final = "cannot bind"  # Envoy's words where it may not have an address
_PORT: Final = re.compile(r"_(\d+)(?=$|_)")


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What one connected proxy of a Gateway has acknowledged, but for the ports that it is to
    listen on and does not as yet, as numbered at the proxy.
    """

    bound: BoundGateway
    awaited: frozenset[int]
    refusals: tuple[str, ...] = ()
    """Why it rejects listeners, in Envoy's words."""

    def has(self, port: PortNumber) -> bool:
        """Whether it does all that it is to do for a port, which is nothing where no route leads
        on what comes in there.
        """
        arrivals = (*self.bound.arrivals(port), *self.bound.arrivals(port, is_udp=True))
        return bool(arrivals) and self.awaited.isdisjoint(arrivals)


@dataclass(frozen=True, slots=True)
class Proxies:
    """The connected proxies of one Gateway."""

    all: tuple[Acknowledged, ...] = field(default=())

    def have(self, port: PortNumber) -> bool:
        """Whether one of them has acknowledged a port of the Gateway."""
        return any(each.has(port) for each in self.all)

    @property
    def unbound(self) -> str | None:
        """Why one of them does not have the address that it is to listen on."""
        refusals = (refusal for each in self.all for refusal in each.refusals)
        return next((refusal for refusal in refusals if _NOT_BOUND in refusal), None)


NO_PROXIES: Final = Proxies()


def proxies_of_gateways(engine: Engine, connections: Connections) -> Mapping[ObjectKey, Proxies]:
    """The proxies that are connected now, by the Gateway that they serve."""
    found: dict[ObjectKey, list[Acknowledged]] = {}
    refusals: dict[Proxy, list[str]] = {}
    for proxy, error in connections.rejections(TypeUrl.LISTENER):
        refusals.setdefault(proxy, []).append(error)
    for proxy, names in connections.acknowledgements(TypeUrl.LISTENER):
        try:
            view = engine.view(proxy)
            if view.gateway is None or not view.gateway.bound:
                continue
            wanted = engine.resources(view).listeners
        except NotComputed:
            continue
        awaited = _ports(name for name in wanted if name not in names)
        refused = tuple(refusals.get(proxy, ()))
        for bound in view.gateway.bound:
            found.setdefault(bound.gateway, []).append(Acknowledged(bound, awaited, refused))
    return {key: Proxies(tuple(proxies)) for key, proxies in found.items()}


def _ports(names: Iterable[str]) -> frozenset[int]:
    """The ports of listeners by their names (``0.0.0.0_443``)."""
    return frozenset(int(port) for name in names for port in _PORT.findall(name)[-1:])


def programmed_gateway(
    status: GatewayStatus, proxies: Proxies, *, asks_for_address: bool = False
) -> GatewayStatus:
    """A Gateway is programmed when one of its listeners is. One whose ListenerSets alone have
    listeners is, when a proxy is connected. ``asks_for_address``: it says on which IP address.
    """
    listeners = tuple(_programmed(listener, proxies) for listener in status.listeners)
    computed = any(_is_programmed(each.conditions) for each in status.listeners)
    is_served = any(_is_programmed(each.conditions) for each in listeners)
    if not (is_served if computed else proxies.all):
        why = proxies.unbound if asks_for_address else None
        instead = unmet(PROGRAMMED, NOT_USABLE, f"its proxy: {why}") if why else None
        status = replace(status, conditions=_pending(status.conditions, proxies, instead))
    return replace(status, listeners=listeners)


def programmed_set(status: ListenerSetStatus, proxies: Proxies) -> ListenerSetStatus:
    """``proxies`` are those of its Gateway."""
    listeners = tuple(_programmed(listener, proxies) for listener in status.listeners)
    if not any(_is_programmed(each.conditions) for each in listeners):
        status = replace(status, conditions=_pending(status.conditions, proxies))
    return replace(status, listeners=listeners)


def _programmed(listener: ListenerStatus, proxies: Proxies) -> ListenerStatus:
    if proxies.have(listener.port):
        return listener
    return replace(listener, conditions=_pending(listener.conditions, proxies))


def _is_programmed(conditions: Iterable[Condition]) -> bool:
    return any(c.type == PROGRAMMED and c.status is ConditionStatus.TRUE for c in conditions)


def _pending(
    conditions: tuple[Condition, ...], proxies: Proxies, instead: Condition | None = None
) -> tuple[Condition, ...]:
    """``conditions`` with what is only computed as not yet programmed, or ``instead`` of that."""
    has_some = "no proxy of the Gateway has acknowledged it yet"
    message = has_some if proxies.all else "no proxy of the Gateway is connected"
    return tuple(
        instead or unmet(PROGRAMMED, PENDING, message)
        if each.type == PROGRAMMED and each.status is ConditionStatus.TRUE
        else each
        for each in conditions
    )
