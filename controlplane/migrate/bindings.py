"""Where a VirtualService is served: at which Gateways, ports and hosts, and which of its matches
apply there.

Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from controlplane.base.hosts import overlap, subset_of
from controlplane.base.names import Host, ObjectKey
from controlplane.kinds.istio.gateway import Gateway
from controlplane.kinds.istio.virtual_service import HttpMatch, VirtualService
from controlplane.kinds.object import Object
from controlplane.kinds.validation.match_conditions import match_of
from controlplane.kinds.validation.match_coverage import EarlierMatches
from controlplane.migrate.listeners import ReadGateway, RouteKind
from controlplane.migrate.redirects import ListenerPort
from controlplane.translate.istio.gateway_reference import MESH
from controlplane.translate.istio.http_match import route_match
from controlplane.translate.istio.located_rules import LocatedRule
from controlplane.translate.istio.virtual_service import (
    virtual_service_gateways,
    virtual_service_hosts,
)

GatewayKey = ObjectKey[Gateway]


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """A port of a Gateway that a VirtualService is served on."""

    gateway: ObjectKey[Gateway]
    port: ListenerPort


def gateway_name(key: ObjectKey[Gateway]) -> str:
    return f"{key.namespace}/{key.name}"


def gateways_named(virtual_service: Object[VirtualService]) -> tuple[str, ...]:
    """The Gateways that it names, as ``namespace/name``, without the mesh."""
    names = dict.fromkeys(virtual_service_gateways(virtual_service))
    return tuple(name for name in names if name != MESH)


def domains(
    virtual_service: Object[VirtualService], gateway: ReadGateway
) -> Iterator[tuple[Target, Host]]:
    """The hosts that it is served for at a Gateway: of each pair the narrower one."""
    hosts = virtual_service_hosts(virtual_service)
    for listener in gateway.listeners:
        serves = listener.kind is RouteKind.HTTP and not listener.redirects
        if serves and listener.admits(virtual_service.namespace):
            for host in hosts:
                if subset_of(host, listener.host):
                    yield Target(gateway.gateway.key, listener.port), Host(host.lower())
                elif subset_of(listener.host, host):
                    yield Target(gateway.gateway.key, listener.port), Host(listener.host.lower())


def sections(
    virtual_service: Object[VirtualService], gateway: ReadGateway, ports: Container[ListenerPort]
) -> Iterator[str]:
    """The names of the listeners on ``ports`` that serve it."""
    hosts = virtual_service_hosts(virtual_service)
    for name, listener in zip(gateway.names, gateway.listeners, strict=True):
        is_http = listener.kind is RouteKind.HTTP and not listener.redirects
        serves = is_http and listener.port in ports
        if serves and any(overlap(listener.host, host) for host in hosts):
            yield name


def served_rules(rules: Iterable[LocatedRule], target: Target) -> tuple[LocatedRule, ...]:
    """The rules with the matches that apply at ``target`` and that some request reaches, up to the
    first that catches all.
    """
    served: list[LocatedRule] = []
    earlier: EarlierMatches[None] = EarlierMatches()
    for located in rules:
        here = [(b, at) for b, at in located.matches if _applies(b, target)]
        if located.rule.match and not here:
            continue
        reached = [
            (bare, at)
            for bare, at in ((_bare(b), at) for b, at in here or [(HttpMatch(), located.origins)])
            if earlier.cover(match_of(bare), lambda *_: True) is None
        ]
        for bare, _ in reached:
            earlier.add(match_of(bare), None)
        if reached:
            rule = replace(located.rule, match=tuple(b for b, _ in reached))
            served.append(LocatedRule(rule, located.origins, tuple(at for _, at in reached)))
        if any(route_match(block).catches_all for block, _ in reached):
            break
    return tuple(served)


def _applies(block: HttpMatch, target: Target) -> bool:
    if block.port and block.port != target.port.port:
        return False
    return not block.gateways or gateway_name(target.gateway) in block.gateways


def _bare(block: HttpMatch) -> HttpMatch:
    """``block`` without what is decided before any request comes."""
    return replace(block, port=0, gateways=())
