"""``tls`` and ``tcp`` rules of a VirtualService, as a server of a gateway reads them.

Only ports and gateways of a match are used there; subnets, labels and namespaces are for sidecars.
Source: istio ``pilot/pkg/networking/core/gateway.go``, ``buildGatewayNetworkFiltersFromTLSRoutes``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.base.hosts import fqdn
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace
from controlplane.kinds.istio.virtual_service import (
    RouteDestination,
    TcpMatch,
    TlsMatch,
    VirtualService,
)
from controlplane.kinds.object import Object
from controlplane.translate.istio.gateway_reference import gateway_reference
from controlplane.translate.istio.server_hosts import meets
from controlplane.translate.server import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRule:
    """A rule that matches connections. ``server_names`` are SNI in lower case, sorted, empty for
    any.

    ``title`` is ``name.namespace`` of the VirtualService, whose statistics weighted routes share.
    """

    place: FieldRef
    title: str
    namespace: Namespace
    destinations: tuple[RouteDestination, ...]
    server_names: tuple[str, ...] = ()
    claimed_names: tuple[str, ...] = ()
    """Every SNI written, ``*`` too: each is the first rule's that names it."""
    unusable_names: tuple[str, ...] = ()
    """SNI that Envoy would refuse the listener for; a rule with these alone matches nothing."""

    @property
    def takes_nothing(self) -> bool:
        return bool(self.unusable_names) and not self.server_names


def is_served(virtual_service: Object[VirtualService], server: Server) -> bool:
    """Whether a host of the VirtualService overlaps one of the server's that admits it."""
    namespace = virtual_service.namespace
    wanted = tuple(fqdn(host, namespace) for host in virtual_service.spec.hosts)
    return meets(server.hosts, namespace, wanted)


def tcp_rule(virtual_service: Object[VirtualService], server: Server) -> StreamRule | None:
    """The first ``tcp`` rule that fits the server: connections are all alike, so it matches all."""
    for i, rule in enumerate(virtual_service.spec.tcp):
        if not rule.match or any(_fits(m, server, virtual_service.namespace) for m in rule.match):
            return stream_rule(
                virtual_service, FieldRef(virtual_service.key) / "spec" / "tcp" / i, rule.route
            )
    return None


def tls_rules(virtual_service: Object[VirtualService], server: Server) -> Iterator[StreamRule]:
    """Every match of every ``tls`` rule that fits the server, in order."""
    at = FieldRef(virtual_service.key) / "spec" / "tls"
    for i, rule in enumerate(virtual_service.spec.tls):
        for j, match in enumerate(rule.match):
            if _fits(match, server, virtual_service.namespace):
                yield stream_rule(
                    virtual_service,
                    at / i / "match" / j / "sniHosts",
                    rule.route,
                    sni_hosts=match.sni_hosts,
                )


def stream_rule(
    virtual_service: Object[VirtualService],
    place: FieldRef,
    destinations: tuple[RouteDestination, ...],
    *,
    sni_hosts: tuple[str, ...] = (),
) -> StreamRule:
    """A rule of ``virtual_service`` for connections with one of ``sni_hosts``, or for all."""
    names = sorted({name.lower() for name in sni_hosts})
    usable = [name for name in names if "*" not in name.removeprefix("*.")]
    return StreamRule(
        place=place,
        title=f"{virtual_service.name}.{virtual_service.namespace}",
        namespace=virtual_service.namespace,
        destinations=destinations,
        server_names=() if "*" in names else tuple(usable),
        claimed_names=tuple(names),
        unusable_names=() if "*" in names else tuple(n for n in names if n not in usable),
    )


def _fits(match: TcpMatch | TlsMatch, server: Server, namespace: Namespace) -> bool:
    if match.port and match.port != server.port:
        return False
    gateways = [gateway_reference(name, namespace) for name in match.gateways]
    return not gateways or server.gateway in gateways
