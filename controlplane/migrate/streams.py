"""Rules for TLS that is passed through and for TCP as TLSRoutes and TCPRoutes.

A TLSRoute is for the server names of one rule, a TCPRoute for the listeners at which a rule is the
first that applies. Both have one rule without conditions.
Sources: https://gateway-api.sigs.k8s.io/api-types/tlsroute/, https://gateway-api.sigs.k8s.io/api-types/tcproute/
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from controlplane.base.codes import NO_COUNTERPART
from controlplane.base.diagnostics import Report
from controlplane.base.hosts import fqdn, overlap, subset_of
from controlplane.base.locations import FieldRef
from controlplane.documents.yaml import Data
from controlplane.kinds.istio.virtual_service import (
    Destination,
    RouteDestination,
    TcpMatch,
    TlsMatch,
    VirtualService,
)
from controlplane.kinds.object import Object
from controlplane.migrate.backends import GATEWAY_API, Backend, Grant, backend
from controlplane.migrate.bindings import GatewayKey, gateway_name
from controlplane.migrate.listeners import Listener, ReadGateway, RouteKind, is_hostname
from controlplane.migrate.meshes import Declared
from controlplane.migrate.redirects import ListenerPort
from controlplane.translate.istio.gateway_reference import gateway_reference
from controlplane.translate.istio.virtual_service import virtual_service_hosts

_MOST_BACKENDS: Final = 16
_ABSENT: Final = {
    "destination_subnets": "destinationSubnets",
    "source_labels": "sourceLabels",
    "source_namespace": "sourceNamespace",
    "source_subnet": "sourceSubnet",
}
Gateways = Mapping[GatewayKey, ReadGateway]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadStream:
    """A TLSRoute or TCPRoute. ``parents`` are names of listeners, by Gateway."""

    kind: RouteKind
    name: str
    hostnames: tuple[str, ...]
    parents: tuple[tuple[GatewayKey, str], ...]
    backends: tuple[Mapping[str, Data], ...]
    grants: tuple[Grant, ...]


def read_streams(
    report: Report, virtual_service: Object[VirtualService], gateways: Gateways, declared: Declared
) -> tuple[ReadStream, ...]:
    """The routes for connections of a VirtualService at ``gateways``."""
    return (
        *_tls_routes(report, virtual_service, gateways, declared),
        *_tcp_routes(report, virtual_service, gateways, declared),
    )


def _tls_routes(
    report: Report, virtual_service: Object[VirtualService], gateways: Gateways, declared: Declared
) -> Iterator[ReadStream]:
    at = FieldRef(virtual_service.key) / "spec" / "tls"
    listeners = tuple(_listeners(virtual_service, gateways, RouteKind.TLS))
    taken = set[tuple[GatewayKey, str, str]]()
    for i, rule in enumerate(virtual_service.spec.tls):
        for n, match in enumerate(rule.match):
            _check_conditions(report, at / i / "match" / n, match)
        for sni in dict.fromkeys(_beyond(rule.match, listeners, virtual_service)):
            report.add(
                NO_COUNTERPART,
                at / i / "match",
                f'Istio passes the server name "{sni}" on though no host of a server covers it',
                hint="add it to the hosts of the server",
            )
        named = {
            (gateway, name): names
            for gateway, name, listener in listeners
            if (names := _names(rule.match, gateway, listener, virtual_service))
        }
        if len(set(named.values())) > 1:
            message = "a TLSRoute has the same names at all of its listeners"
            report.add(NO_COUNTERPART, at / i / "match", message, hint="write a rule for each")
        claims = {(*listener, sni) for listener, names in named.items() for sni in names}
        for *_, sni in sorted(claims & taken):
            message = f'an earlier rule has the server name "{sni}" already'
            report.add(NO_COUNTERPART, at / i / "match", message)
        taken |= claims
        for names in set(named.values()):
            for sni in names:
                if sni == "*" or not is_hostname(sni):
                    message = f'a TLSRoute takes no "{sni}" as a server name'
                    report.add(NO_COUNTERPART, at / i / "match", message)
        if named:
            yield _stream(
                report,
                at / i,
                RouteKind.TLS,
                virtual_service,
                rule.route,
                tuple(named),
                declared,
                number=i,
                names=next(iter(named.values())),
            )


def _beyond(
    matches: Sequence[TlsMatch],
    listeners: Sequence[tuple[GatewayKey, str, Listener]],
    virtual_service: Object[VirtualService],
) -> Iterator[str]:
    """Server names that matches take beyond the hosts of the servers on their port."""
    for gateway, _, listener in listeners:
        hosts = [o.host for key, _, o in listeners if (key, o.port) == (gateway, listener.port)]
        for match in matches:
            if _applies(match, gateway, listener, virtual_service):
                yield from (
                    sni
                    for sni in match.sni_hosts
                    if not any(subset_of(sni, host) for host in hosts)
                )


def _names(
    matches: Sequence[TlsMatch],
    gateway: GatewayKey,
    listener: Listener,
    virtual_service: Object[VirtualService],
) -> tuple[str, ...]:
    """The server names that matches take at a listener."""
    applying = (m for m in matches if _applies(m, gateway, listener, virtual_service))
    names = dict.fromkeys(sni for match in applying for sni in match.sni_hosts)
    return tuple(sni for sni in names if overlap(listener.host, sni))


def _tcp_routes(
    report: Report, virtual_service: Object[VirtualService], gateways: Gateways, declared: Declared
) -> Iterator[ReadStream]:
    at = FieldRef(virtual_service.key) / "spec" / "tcp"
    left = list(_listeners(virtual_service, gateways, RouteKind.TCP))
    for i, rule in enumerate(virtual_service.spec.tcp):
        for n, match in enumerate(rule.match):
            _check_conditions(report, at / i / "match" / n, match)
        here = [
            (gateway, name, listener)
            for gateway, name, listener in left
            if not rule.match
            or any(_applies(match, gateway, listener, virtual_service) for match in rule.match)
        ]
        left = [one for one in left if one not in here]
        if here:
            parents = tuple((gateway, name) for gateway, name, _ in here)
            yield _stream(
                report,
                at / i,
                RouteKind.TCP,
                virtual_service,
                rule.route,
                parents,
                declared,
                number=i,
            )


def _listeners(
    virtual_service: Object[VirtualService], gateways: Gateways, kind: RouteKind
) -> Iterator[tuple[GatewayKey, str, Listener]]:
    """The listeners that serve the VirtualService, with their names."""
    hosts = virtual_service_hosts(virtual_service)
    for key, gateway in gateways.items():
        for name, listener in zip(gateway.names, gateway.listeners, strict=True):
            admits = listener.kind is kind and listener.admits(virtual_service.namespace)
            if admits and any(overlap(listener.host, host) for host in hosts):
                yield key, name, listener


def taken_streams(
    virtual_service: Object[VirtualService], gateways: Gateways
) -> Iterator[tuple[ReadGateway, ListenerPort, str]]:
    """What of a port the VirtualService takes: server names, or all connections. The text has a
    space, which no host has.
    """
    for key, _, listener in _listeners(virtual_service, gateways, RouteKind.TLS):
        for rule in virtual_service.spec.tls:
            for match in rule.match:
                for name in match.sni_hosts:
                    if overlap(listener.host, name):
                        yield gateways[key], listener.port, f"TLS {name}"
    if virtual_service.spec.tcp:
        for key, _, listener in _listeners(virtual_service, gateways, RouteKind.TCP):
            yield gateways[key], listener.port, "TCP *"


def _check_conditions(report: Report, at: FieldRef, match: TlsMatch | TcpMatch) -> None:
    for field, name in _ABSENT.items():
        if field in match.__struct_fields__ and getattr(match, field):
            report.add(NO_COUNTERPART, at / name, f"a route for connections has no {name}")


def _applies(
    match: TlsMatch | TcpMatch,
    gateway: GatewayKey,
    listener: Listener,
    virtual_service: Object[VirtualService],
) -> bool:
    named = [gateway_reference(name, virtual_service.namespace) for name in match.gateways]
    return match.port in (0, listener.port.port) and (not named or gateway_name(gateway) in named)


def _stream(
    report: Report,
    at: FieldRef,
    kind: RouteKind,
    virtual_service: Object[VirtualService],
    shares: Sequence[RouteDestination],
    parents: tuple[tuple[GatewayKey, str], ...],
    declared: Declared,
    *,
    number: int,
    names: tuple[str, ...] = (),
) -> ReadStream:
    if len(shares) > _MOST_BACKENDS:
        message = f"a {kind.value} has at most {_MOST_BACKENDS} backends"
        report.add(NO_COUNTERPART, at / "route", message)
    found: list[Backend] = []
    refs: list[Mapping[str, Data]] = []
    for i, share in enumerate(shares):
        where = share.destination or Destination()
        where = replace(where, host=fqdn(where.host, virtual_service.namespace))
        place = at / "route" / i / "destination"
        one = backend(
            report,
            place,
            where,
            declared=declared,
            owner=virtual_service.namespace,
            kind=kind.value,
        )
        if one is not None:
            found.append(one)
            weight = {"weight": share.weight} if len(shares) > 1 else {}
            refs.append({**one.ref, **weight})
    several = len(virtual_service.spec.tls) + len(virtual_service.spec.tcp) > 1
    return ReadStream(
        kind=kind,
        name=f"{virtual_service.name}-{number + 1}" if several else virtual_service.name,
        hostnames=names,
        parents=parents,
        backends=tuple(refs),
        grants=tuple(one.grant for one in found if one.grant is not None),
    )


def stream_object(
    stream: ReadStream, parents: Sequence[Data], metadata: Mapping[str, Data]
) -> dict[str, Data]:
    """The object; ``metadata`` is the VirtualService's, without its name."""
    return {
        "apiVersion": f"{GATEWAY_API}/v1",
        "kind": stream.kind.value,
        "metadata": {"name": stream.name, **metadata},
        "spec": {
            "parentRefs": list(parents),
            **({"hostnames": list(stream.hostnames)} if stream.hostnames else {}),
            "rules": [{"backendRefs": list(stream.backends)}],
        },
    }
