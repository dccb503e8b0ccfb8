"""Rules that routes of all kinds share: parents, backends, names of rules."""

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address
from itertools import combinations
from typing import Final, TypeVar

from controlplane.base.codes import MISSING_FIELD, NOT_UNIQUE, VALUE_MALFORMED, WRONG_SIZE
from controlplane.kinds.gateway_api.common import BackendObjectReference, ParentReference
from controlplane.kinds.gateway_api.grpc_route import GrpcRoute
from controlplane.kinds.gateway_api.http_route import HttpRoute
from controlplane.kinds.gateway_api.tcp_route import TcpRoute
from controlplane.kinds.gateway_api.tls_route import TlsRoute
from controlplane.kinds.gateway_api.udp_route import UdpRoute
from controlplane.kinds.gateway_api.versions import GATEWAY_API
from controlplane.kinds.validation.gateway_api.rule import Channel, Fault, Rule, rule

Route = HttpRoute | GrpcRoute | TlsRoute | TcpRoute | UdpRoute
StreamRoute = TlsRoute | TcpRoute | UdpRoute
R = TypeVar("R", bound=Route)
T = TypeVar("T", bound=StreamRoute)
MATCHES_LIMIT: Final = 128  # of all rules of a route together
_NOT_ALPHA2: Final = (f"{GATEWAY_API}/v1", f"{GATEWAY_API}/v1alpha3")


def has_service_port(reference: BackendObjectReference) -> Iterator[Fault]:
    if not reference.group and reference.kind == "Service" and reference.port is None:
        message = f'the reference to Service "{reference.name}" needs a port'
        yield Fault((), message, "add port: the Service's own, not its target's", MISSING_FIELD)


def parents_differ_by_section(route: Route) -> Iterator[Fault]:
    """The standard channel: a parent named twice needs a sectionName each time, and another."""
    for i, one, other in _same_parents(route):
        if bool(one.section_name) != bool(other.section_name):
            yield _undistinguished(i, other, "sectionName")
        elif one.section_name == other.section_name:
            yield _twice(i, other, "sectionName")


def parents_differ(route: Route) -> Iterator[Fault]:
    """The experimental channel: all have a sectionName or none, a port or none; no two the same."""
    for i, one, other in _same_parents(route):
        if bool(one.section_name) != bool(other.section_name) or (one.port is None) != (
            other.port is None
        ):
            yield _undistinguished(i, other, "sectionName or port")
        elif (one.section_name, one.port) == (other.section_name, other.port):
            yield _twice(i, other, "sectionName or port")


def _same_parents(route: Route) -> Iterator[tuple[int, ParentReference, ParentReference]]:
    """Pairs that name the same parent, and the index of the second."""
    for (_, one), (i, other) in combinations(enumerate(route.parent_refs), 2):
        if _parent(one) == _parent(other):
            yield i, one, other


def _parent(reference: ParentReference) -> tuple[str, str, str, str]:
    return (reference.group, reference.kind, reference.namespace, reference.name)


def _undistinguished(i: int, parent: ParentReference, by: str) -> Fault:
    message = f'{parent.kind} "{parent.name}" is a parent twice, and not both times with a {by}'
    return Fault(("parentRefs", i), message, f"give each of them a {by}")


def _twice(i: int, parent: ParentReference, by: str) -> Fault:
    message = f'{parent.kind} "{parent.name}" is a parent twice with the same {by}'
    return Fault(("parentRefs", i), message, "remove one of them", NOT_UNIQUE)


def names_differ(route: Route) -> Iterator[Fault]:
    seen: set[str] = set()
    names = [each.name for each in route.rules]
    for i, name in enumerate(names):
        if name and name in seen:
            message = f'the name "{name}" is that of an earlier rule'
            yield Fault(("rules", i, "name"), message, "rename one of them", NOT_UNIQUE)
        seen.add(name)


def matches_in_all(route: HttpRoute | GrpcRoute) -> Iterator[Fault]:
    count = sum(len(each.matches) for each in route.rules)
    if count > MATCHES_LIMIT:
        message = f"the rules have {count} matches together (at most {MATCHES_LIMIT})"
        yield Fault(("rules",), message, "divide the route", WRONG_SIZE)


def one_rule(route: StreamRoute) -> Iterator[Fault]:
    if len(route.rules) > 1:
        message = f"there are {len(route.rules)} rules (at most 1)"
        yield Fault(("rules",), message, "make each of them a route", WRONG_SIZE)


def has_hostname(route: TlsRoute) -> Iterator[Fault]:
    if not route.hostnames:
        message, hint = "the route needs hostnames", "list what clients ask for in the SNI"
        yield Fault(("hostnames",), message, hint, MISSING_FIELD)


def hostnames_are_names(route: TlsRoute) -> Iterator[Fault]:
    """An address is what Go reads as one, so it has no leading zeros."""
    for i, hostname in enumerate(route.hostnames):
        if _is_address(hostname):
            message = f'"{hostname}" is an address, which a client does not ask for in the SNI'
            yield Fault(("hostnames", i), message, None, VALUE_MALFORMED)


def _is_address(hostname: str) -> bool:
    if re.fullmatch(r"[0-9.]+", hostname) is None:
        return False
    try:
        IPv4Address(hostname)
    except AddressValueError:
        return False
    return True


def _of_route(struct: type[R]) -> tuple[Rule, ...]:
    return (
        rule(struct, parents_differ_by_section, Channel.STANDARD),
        rule(struct, parents_differ, Channel.EXPERIMENTAL),
        rule(struct, names_differ, Channel.EXPERIMENTAL),
    )


def _of_stream_route(struct: type[T]) -> tuple[Rule, ...]:
    return (*_of_route(struct), rule(struct, one_rule, versions=_NOT_ALPHA2))


RULES: Final[tuple[Rule, ...]] = (
    rule(BackendObjectReference, has_service_port),
    *_of_route(HttpRoute),
    rule(HttpRoute, matches_in_all),
    *_of_route(GrpcRoute),
    rule(GrpcRoute, matches_in_all),
    *_of_stream_route(TlsRoute),
    rule(TlsRoute, has_hostname, versions=_NOT_ALPHA2),
    rule(TlsRoute, hostnames_are_names, versions=_NOT_ALPHA2),
    *_of_stream_route(TcpRoute),
    *_of_stream_route(UdpRoute),
)
