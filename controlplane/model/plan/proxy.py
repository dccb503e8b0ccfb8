"""What one proxy is to have: which listeners, and which route tables."""

from dataclasses import dataclass, field

from controlplane.base.hashing import hashed_once
from controlplane.model.inbound_port import InboundPort
from controlplane.model.inbound_view import InboundView
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.listener import Address, ListenerPlan
from controlplane.model.plan.route_table import RouteTablePlan
from controlplane.model.proxy_view import GatewayInstance


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayListener:
    """The listener at an address of a gateway: all that its plan depends on."""

    instance: GatewayInstance
    view: OutboundView
    address: Address
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    def __str__(self) -> str:
        return str(self.address)


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class InboundListener:
    """A listener of a sidecar for what calls its workload: all that its plan depends on.

    ``port`` is the one it is for; ``None`` for the one that interception brings connections to.
    """

    view: InboundView
    address: Address
    port: InboundPort | None = None
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    def __str__(self) -> str:
        return str(self.address)


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundListener:
    """A listener of a sidecar for what its workload calls. It is planned together with all others,
    so views with an equal one share it.
    """

    plan: ListenerPlan
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    def __str__(self) -> str:
        return self.plan.name


ListenerKey = GatewayListener | InboundListener | OutboundListener
"""What a listener is planned from; planning matches on every kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyPlan:
    """Nothing computed from it depends on the kind of proxy."""

    listeners: tuple[ListenerKey, ...] = ()
    route_tables: tuple[RouteTablePlan, ...] = ()
