"""TLSRoutes and TCPRoutes, as a listener reads them: which server names they take, and the shares
of their backends.

Sources: https://gateway-api.sigs.k8s.io/api-types/tlsroute/, https://gateway-api.sigs.k8s.io/api-types/tcproute/;
Istio ``pilot/pkg/config/kube/gateway/route_collections.go`` (``TLSRouteCollection``).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from controlplane.base.hosts import subset_of
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host
from controlplane.kinds.gateway_api.common import BackendRef
from controlplane.kinds.gateway_api.tcp_route import TcpRoute
from controlplane.kinds.gateway_api.tls_route import TlsRoute
from controlplane.kinds.gateway_api.udp_route import UdpRoute
from controlplane.kinds.object import Object
from controlplane.model.gateway_api import Conformance
from controlplane.translate.gateway_api.listener import AttachedListener

StreamRoute = TlsRoute | TcpRoute | UdpRoute


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamBackends:
    """Where a route sends all its connections. Of several rules, which old versions may have, the
    first takes them all.
    """

    place: FieldRef
    refs: tuple[BackendRef, ...]


def stream_backends(route: Object[StreamRoute]) -> StreamBackends:
    rule = route.spec.rules[0]
    return StreamBackends(
        place=FieldRef(route.key) / "spec" / "rules" / 0,
        refs=tuple(ref for ref in rule.backend_refs if ref.weight),
    )


def routed_names(hosts: Iterable[Host], listener: AttachedListener) -> tuple[Host, ...]:
    """The server names that a route with ``hosts`` gets from a listener: those of both, by the
    specification but for those of a more specific sibling of the listener.
    """
    found = dict.fromkeys(
        narrowed for host in hosts if (narrowed := _narrowed(host, listener.hostname)) is not None
    )
    isolated = listener.conformance is Conformance.SPECIFICATION
    return tuple(host for host in found if not (isolated and listener.has_reserved(host)))


def _narrowed(host: Host, other: Host) -> Host | None:
    host = Host(host.lower())
    if subset_of(host, other):
        return host
    return other if subset_of(other, host) else None
