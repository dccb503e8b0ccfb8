"""The listeners of a Gateway or ListenerSet as they are declared, before they are compared with
others.
"""

from dataclasses import dataclass
from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Kind, PortNumber
from controlplane.kinds.gateway_api.gateway import KubernetesGateway
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE
from controlplane.kinds.gateway_api.listener import Listener, TlsMode
from controlplane.kinds.gateway_api.listener_set import ListenerSet
from controlplane.kinds.gateway_api.tcp_route import TCP_ROUTE
from controlplane.kinds.gateway_api.tls_route import TLS_ROUTE
from controlplane.kinds.gateway_api.udp_route import UDP_ROUTE
from controlplane.kinds.object import Object
from controlplane.model.gateway_api import ListenerId, generated_gateway
from controlplane.translate.server import Age

ROUTE_KINDS: Final[dict[str, tuple[Kind, ...]]] = {
    "HTTP": (HTTP_ROUTE, GRPC_ROUTE),
    "HTTPS": (HTTP_ROUTE, GRPC_ROUTE),
    "TLS": (TLS_ROUTE,),
    "TCP": (TCP_ROUTE,),
    "UDP": (UDP_ROUTE,),
}
"""The protocols that are served, each with the kinds of routes that suit it."""
IMPLIED_PORTS: Final = {"HTTP": PortNumber(80), "HTTPS": PortNumber(443)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerEntry:
    """One listener. ``age`` is its place among all servers of a proxy, as Istio sorts the Gateways
    that it makes of them.
    """

    id: ListenerId
    place: FieldRef
    age: Age
    spec: Listener

    @property
    def hostname(self) -> Host:
        return Host(self.spec.hostname or "*")

    @property
    def port(self) -> PortNumber:
        return PortNumber(self.spec.port) or IMPLIED_PORTS.get(self.protocol, PortNumber(0))

    @property
    def protocol(self) -> str:
        return self.spec.protocol

    @property
    def lacks_tls(self) -> bool:
        """Whether clients are to speak TLS, and nothing says how."""
        return self.protocol in ("HTTPS", "TLS") and self.spec.tls is None


def listener_entries(
    parent: Object[KubernetesGateway] | Object[ListenerSet],
) -> tuple[ListenerEntry, ...]:
    """The listeners of a Gateway or ListenerSet, in order."""
    at = FieldRef(parent.key) / "spec" / "listeners"
    return tuple(
        _entry(parent, at / i, listener) for i, listener in enumerate(parent.spec.listeners)
    )


def _entry(
    parent: Object[KubernetesGateway] | Object[ListenerSet], at: FieldRef, listener: Listener
) -> ListenerEntry:
    listener_id = ListenerId(parent.key, listener.name)
    _, _, name = generated_gateway(listener_id).partition("/")
    age = (parent.created, name, parent.namespace)
    return ListenerEntry(id=listener_id, place=at, age=age, spec=listener)


def supported_kinds(listener: Listener) -> tuple[Kind, ...]:
    """The kinds of routes that may attach: those of its protocol, of which it may name some."""
    served = ROUTE_KINDS.get(listener.protocol, ())
    if listener.protocol == "TLS" and listener.tls and listener.tls.mode is TlsMode.TERMINATE:
        served = (*served, TCP_ROUTE)
    named = [(each.group, each.kind) for each in listener.allowed_routes.kinds]
    return tuple(k for k in served if not named or (k.group, k.name) in named)


def unsupported_kinds(listener: Listener) -> tuple[int, ...]:
    """Which of the kinds that it names do not suit it, by index."""
    served = {(kind.group, kind.name) for kind in supported_kinds(listener)}
    named = listener.allowed_routes.kinds
    return tuple(i for i, each in enumerate(named) if (each.group, each.kind) not in served)
