"""What a VirtualService must be, and warnings about what it can never do.

Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/, Istio
``pkg/config/validation/validation.go`` (ValidateVirtualService)
"""

from collections.abc import Sequence
from typing import Final

from controlplane.base.codes import (
    CANNOT_WORK,
    MISSING_FIELD,
    NOT_ALLOWED_HERE,
    NOT_UNIQUE,
    VALUE_MALFORMED,
    VALUE_OUT_OF_RANGE,
    WRONG_SUM,
)
from controlplane.base.diagnostics import Report
from controlplane.base.hosts import is_ip
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.virtual_service import (
    HttpRouteDestination,
    RouteDestination,
    TcpMatch,
    TlsMatch,
    TlsRoute,
    VirtualService,
)
from controlplane.kinds.validation import names
from controlplane.kinds.validation.checks import (
    About,
    check_destination,
    check_export_to,
    check_gateway_names,
    check_labels,
    check_port,
    check_subnet,
)
from controlplane.kinds.validation.http_route import check_http_route
from controlplane.kinds.validation.reachability import check_reachability

MESH: Final = "mesh"


def virtual_service(report: Report, at: FieldRef, spec: VirtualService, about: About) -> None:
    if not spec.hosts:
        _check_delegate(report, at, spec)
    check_gateway_names(report, at / "gateways", spec.gateways)
    _check_hosts(report, at / "hosts", spec)
    if not (spec.http or spec.tls or spec.tcp):
        report.add(MISSING_FIELD, at, "there are no rules: http, tls and tcp are all empty")
    for i, http in enumerate(spec.http):
        place = at / "http" / i
        check_http_route(report, place, http, delegate=not spec.hosts)
        for n, match in enumerate(http.match):
            if not _at_gateways_only(spec):
                at_match = place / "match" / n
                _check_no_claims(report, at_match / "headers", spec, match.headers)
                _check_no_claims(report, at_match / "withoutHeaders", spec, match.without_headers)
        for n, http_destination in enumerate(http.route):
            check_destination(
                report, place / "route" / n / "destination", http_destination.destination
            )
        check_weights(report, place / "route", http.route)
    for i, tls in enumerate(spec.tls):
        _check_tls(report, at / "tls" / i, tls, spec)
    for i, tcp in enumerate(spec.tcp):
        place = at / "tcp" / i
        for n, tcp_match in enumerate(tcp.match):
            _check_static_match(report, place / "match" / n, tcp_match)
            if tcp_match.source_subnet:
                message = "sourceSubnet is ignored, as in Istio"
                report.add(CANNOT_WORK, (place / "match" / n / "sourceSubnet").key, message)
        _check_destinations(report, place, tcp.route)
    check_export_to(report, at / "exportTo", spec.export_to, about.namespace, hideable=False)
    check_reachability(report, at, spec)


def check_weights(
    report: Report, at: FieldRef, destinations: Sequence[HttpRouteDestination | RouteDestination]
) -> None:
    for i, destination in enumerate(destinations):
        if destination.weight < 0:
            message = f"weight {destination.weight} is below 0"
            report.add(VALUE_OUT_OF_RANGE, at / i / "weight", message)
    if len(destinations) > 1 and _sum(destinations) == 0:
        hint = "give at least one destination a positive weight"
        report.add(WRONG_SUM, at, "the weights add up to 0", hint=hint)


def _sum(destinations: Sequence[HttpRouteDestination | RouteDestination]) -> int:
    """The sum of the weights in 32 bits, which is how Istio adds them."""
    return sum(d.weight for d in destinations) & 0xFFFF_FFFF


def _check_delegate(report: Report, at: FieldRef, spec: VirtualService) -> None:
    """Without hosts it is a delegate, whose rules serve another VirtualService."""
    for name, value in (("gateways", spec.gateways), ("tls", spec.tls), ("tcp", spec.tcp)):
        if value:
            message = f"a delegate (a VirtualService without hosts) has no {name}"
            report.add(NOT_ALLOWED_HERE, (at / name).key, message, hint="add hosts")


def _at_gateways_only(spec: VirtualService) -> bool:
    return bool(spec.gateways) and MESH not in spec.gateways


def _check_no_claims(report: Report, at: FieldRef, spec: VirtualService, headers: object) -> None:
    """A delegate is bound to no gateway, so with Istio it cannot ask for claims at all."""
    assert isinstance(headers, dict), "header matches are a mapping"
    for name in headers:
        if names.is_claim(name):
            message = f'"{name}" matches at gateways only, but the rule is for the mesh as well'
            hint = 'name the Gateway in "gateways", without "mesh"'
            if not spec.hosts:
                message = f'"{name}" matches at gateways only, which a delegate does not name'
                hint = "write it into the match of the rule that delegates"
            report.add(NOT_ALLOWED_HERE, (at / name).key, message, hint=hint)


def _check_hosts(report: Report, at: FieldRef, spec: VirtualService) -> None:
    gateways_only = _at_gateways_only(spec)
    sound = True
    for i, host in enumerate(spec.hosts):
        fault = names.wildcard_fault(host)
        if gateways_only and host.startswith("outbound_") and any(m.sni_hosts for m in _tls(spec)):
            fault = names.generated_sni_fault(host)
        if fault is not None and not is_ip(host):
            meant = names.host_meant(host)
            report.add(VALUE_MALFORMED, at / i, f'host "{host}" {fault}', hint=meant)
            sound = False
        elif host == "*" and not gateways_only:
            message = (
                '"*" is a host for gateways only, but the VirtualService is for the mesh as well'
            )
            hint = 'name the Gateway in "gateways", without "mesh"'
            report.add(NOT_ALLOWED_HERE, at / i, message, hint=hint)
            sound = False
    if sound and len(spec.hosts) > 1:
        _check_apart(report, at, spec.hosts)


def _tls(spec: VirtualService) -> Sequence[TlsMatch]:
    return [match for rule in spec.tls for match in rule.match]


def _check_apart(report: Report, at: FieldRef, hosts: Sequence[str]) -> None:
    for i, later in enumerate(hosts):
        for earlier in hosts[:i]:
            if _within(later, earlier) or _within(earlier, later):
                report.add(NOT_UNIQUE, at / i, f'host "{later}" overlaps with "{earlier}"')


def _within(narrow: str, wide: str) -> bool:
    """As ``base.hosts.subset_of``, but ``*example.com`` holds ``example.com`` too, as admission has
    it.
    """
    if not wide.startswith("*"):
        return narrow == wide
    return (narrow[1:] if narrow.startswith("*") else narrow).endswith(wide[1:])


def _check_tls(report: Report, at: FieldRef, rule: TlsRoute, spec: VirtualService) -> None:
    if not rule.match:
        report.add(MISSING_FIELD, at, "the tls rule has no match", hint="match its sniHosts")
    for i, match in enumerate(rule.match):
        place = at / "match" / i
        if not match.sni_hosts:
            report.add(MISSING_FIELD, place, "the match has no sniHosts")
        for n, sni in enumerate(match.sni_hosts):
            _check_sni(report, place / "sniHosts" / n, sni, spec)
        _check_static_match(report, place, match)
    _check_destinations(report, at, rule.route)


def _check_sni(report: Report, at: FieldRef, sni: str, spec: VirtualService) -> None:
    fault = names.wildcard_fault(sni)
    if sni.startswith("outbound_") and MESH not in spec.gateways:
        fault = names.generated_sni_fault(sni)
    if fault is not None and is_ip(sni):
        message = f'"{sni}" is an IP address, which clients do not send as SNI'
        report.add(CANNOT_WORK, at, message)
    elif fault is not None:
        report.add(VALUE_MALFORMED, at, f'"{sni}" {fault}')
    elif not any(_within(sni, host) for host in spec.hosts):
        hosts = ", ".join(spec.hosts) or "there are none"
        message = f'"{sni}" is not within the hosts of the VirtualService ({hosts})'
        report.add(NOT_ALLOWED_HERE, at, message, hint=f'add "{sni}" to hosts')


def _check_static_match(report: Report, at: FieldRef, match: TlsMatch | TcpMatch) -> None:
    for i, subnet in enumerate(match.destination_subnets):
        check_subnet(report, at / "destinationSubnets" / i, subnet)
    if match.port:
        check_port(report, at / "port", match.port)
    check_labels(report, at / "sourceLabels", match.source_labels)
    check_gateway_names(report, at / "gateways", match.gateways)
    if match.source_namespace and not names.is_label(match.source_namespace):
        message = f'"{match.source_namespace}" is not a valid namespace'
        report.add(CANNOT_WORK, at / "sourceNamespace", message)


def _check_destinations(report: Report, at: FieldRef, route: Sequence[RouteDestination]) -> None:
    if not route:
        report.add(MISSING_FIELD, at, "the rule has no route")
    for i, destination in enumerate(route):
        check_destination(report, at / "route" / i / "destination", destination.destination)
    check_weights(report, at / "route", route)
