"""``tls`` and ``tcp`` rules of a VirtualService, as the sidecar of a caller reads them.

Who calls and on which port is known when they are read; SNI and the address that a connection was
going to are left to Envoy.
Source: Istio ``pilot/pkg/networking/core/tls.go``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace, PortNumber
from controlplane.kinds.istio.virtual_service import TcpMatch, TlsMatch, VirtualService
from controlplane.kinds.object import Object
from controlplane.model.proxy import Labels
from controlplane.translate.captured_ports import masked
from controlplane.translate.istio.gateway_reference import MESH, gateway_reference
from controlplane.translate.istio.stream_routes import StreamRule, stream_rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose connections, and to which port: 0 is a Unix socket, at which no address is known."""

    namespace: Namespace
    labels: Labels
    port: PortNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshStream:
    """A rule for connections; ``networks`` of ``None`` are the service's own. ``is_last``: it takes
    all that come to it.
    """

    rule: StreamRule
    networks: tuple[str, ...] | None
    is_last: bool = False


def tls_streams(declared: Object[VirtualService], caller: Caller) -> Iterator[MeshStream]:
    """Every match of every ``tls`` rule that fits, in order; of equal ones the first."""
    seen: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
    at = FieldRef(declared.key) / "spec" / "tls"
    for i, rule in enumerate(declared.spec.tls):
        for j, match in enumerate(rule.match if rule.route else ()):
            if not _fits(match, caller, declared.namespace):
                continue
            wanted = (match.sni_hosts, match.destination_subnets)
            if wanted not in seen:
                seen.add(wanted)
                place = at / i / "match" / j / "sniHosts"
                yield MeshStream(
                    rule=stream_rule(declared, place, rule.route, sni_hosts=match.sni_hosts),
                    networks=_networks(match, caller),
                )


def tcp_streams(declared: Object[VirtualService], caller: Caller) -> Iterator[MeshStream]:
    """The ``tcp`` rules that fit, in order, up to the first that takes every connection."""
    at = FieldRef(declared.key) / "spec" / "tcp"
    for i, rule in enumerate(declared.spec.tcp):
        fitting = [match for match in rule.match if _fits(match, caller, declared.namespace)]
        if not rule.route or (rule.match and not fitting):
            continue
        found = stream_rule(declared, at / i, rule.route)
        if not rule.match or any(_networks(match, caller) is None for match in fitting):
            yield MeshStream(rule=found, networks=None, is_last=True)
            return
        networks = (text for match in fitting for text in match.destination_subnets)
        yield MeshStream(rule=found, networks=masked(networks))


def _networks(match: TcpMatch | TlsMatch, caller: Caller) -> tuple[str, ...] | None:
    if not match.destination_subnets or not caller.port:
        return None
    return masked(match.destination_subnets)


def _fits(match: TcpMatch | TlsMatch, caller: Caller, namespace: Namespace) -> bool:
    if match.port and match.port != caller.port:
        return False
    if match.source_namespace and match.source_namespace != caller.namespace:
        return False
    if not set(match.source_labels.items()) <= set(caller.labels):
        return False
    return not match.gateways or any(
        gateway_reference(name, namespace) == MESH for name in match.gateways
    )
