"""Everything that the resources of a proxy depend on: proxies with equal views share every byte."""

from dataclasses import dataclass, field, replace

from controlplane.base.hashing import hashed_once
from controlplane.base.names import Namespace, ObjectKey, PortNumber
from controlplane.model.inbound_view import InboundView
from controlplane.model.outbound_view import ClientLocality, OutboundView
from controlplane.model.patch import PatchReference
from controlplane.model.policy_keys import NO_POLICIES, PolicyKeys
from controlplane.model.proxy import Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundGateway:
    """A Gateway of the Gateway API that a proxy serves. ``ports`` pairs ports of the Services in
    front of it with those where they arrive, sorted, and ``udp_ports`` those of UDP;
    ``opens_other_ports``: any other is opened as it is declared.
    """

    gateway: ObjectKey
    ports: tuple[tuple[PortNumber, PortNumber], ...] = ()
    udp_ports: tuple[tuple[PortNumber, PortNumber], ...] = ()
    opens_other_ports: bool = True

    def arrivals(self, port: PortNumber, *, is_udp: bool = False) -> tuple[PortNumber, ...]:
        """Where what is sent to a port of the Gateway arrives."""
        known = self.udp_ports if is_udp else self.ports
        found = tuple(target for declared, target in known if declared == port)
        return found or ((port,) if self.opens_other_ports else ())


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayInstance:
    """What decides where a gateway proxy listens.

    ``gateways`` are Istio's Gateways that select it, oldest first, and ``bound`` those of the
    Gateway API that it serves. ``target_ports`` pairs a port of a Service in front of it with the
    one where it arrives, where they differ. ``policies`` say who may call.
    """

    gateways: tuple[ObjectKey, ...] = ()
    bound: tuple[BoundGateway, ...] = ()
    target_ports: tuple[tuple[PortNumber, PortNumber], ...] = ()
    every_address: str = "0.0.0.0"
    opens_low_ports: bool = True
    policies: PolicyKeys = NO_POLICIES
    extensions: tuple[ObjectKey, ...] = ()
    """What adds filters of the user's, in order."""
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    @property
    def every_gateway(self) -> tuple[ObjectKey, ...]:
        """The Gateways of both APIs."""
        return (*self.gateways, *(each.gateway for each in self.bound))


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyView:
    """``gateway`` is what a gateway serves, ``inbound`` what a sidecar does: each is ``None`` for
    the other.
    """

    outbound: OutboundView
    locality: ClientLocality
    gateway: GatewayInstance | None = None
    inbound: InboundView | None = None
    own_addresses: tuple[str, ...] = ()
    """The names of listeners for its own address: a call of a workload to itself is no call to the
    headless service that it is an endpoint of.
    """
    patches: tuple[PatchReference, ...] = ()
    """The user's patches of what it is sent, in the order in which they are applied."""
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    @property
    def unpatched(self) -> "ProxyView":
        return replace(self, patches=()) if self.patches else self

    def with_policies(self, policies: PolicyKeys) -> "ProxyView":
        """The view in which ``policies`` say who may call."""
        if self.gateway is not None and self.gateway.policies != policies:
            return replace(self, gateway=replace(self.gateway, policies=policies))
        if self.inbound is not None and self.inbound.policies != policies:
            return replace(self, inbound=replace(self.inbound, policies=policies))
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedGateway:
    """What diagnostics may depend on of a connected gateway."""

    namespace: Namespace
    labels: Labels
    instance: GatewayInstance
    view: OutboundView
