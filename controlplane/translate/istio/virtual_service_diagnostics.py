"""What in a VirtualService cannot work, as far as the object alone tells: gateways in its matches
that it is not bound to, header values that Envoy would not understand.

What one rule hides of another within the object is found where objects are accepted.
"""

from collections.abc import Iterator

from controlplane.base.codes import GATEWAY_NOT_BOUND, ROUTE_REFUSED, UNKNOWN_COMMAND
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.virtual_service import (
    Destination,
    Headers,
    HttpMatch,
    HttpRoute,
    VirtualService,
)
from controlplane.kinds.object import Object
from controlplane.model.format_string import unknown_commands
from controlplane.translate.istio.gateway_reference import gateway_reference
from controlplane.translate.istio.http_match import claim_path
from controlplane.translate.istio.virtual_service import virtual_service_gateways


def check_alone(report: Report, declared: Object[VirtualService]) -> None:
    """Report what is found without looking at any other object."""
    at = FieldRef(declared.key) / "spec" / "http"
    for i, rule in enumerate(declared.spec.http):
        if declared.spec.hosts:
            _check_gateways(report, at / i / "match", declared, rule)
        for j, block in enumerate(rule.match):
            _check_names(report, at / i / "match" / j, block)
        _check_headers(report, at / i / "headers", rule.headers)
        for j, share in enumerate(rule.route):
            _check_headers(report, at / i / "route" / j / "headers", share.headers)


def destinations(declared: Object[VirtualService]) -> Iterator[tuple[FieldRef, Destination]]:
    """Every destination that the rules name, mirrors too, with its place."""
    at = FieldRef(declared.key) / "spec"
    spec = declared.spec
    for i, rule in enumerate(spec.http):
        yield from _http_destinations(at / "http" / i, rule)
    streams = (
        *((at / "tls" / i, rule.route) for i, rule in enumerate(spec.tls)),
        *((at / "tcp" / i, rule.route) for i, rule in enumerate(spec.tcp)),
    )
    for place, shares in streams:
        for j, share in enumerate(shares):
            if share.destination is not None:
                yield place / "route" / j / "destination", share.destination


def _http_destinations(at: FieldRef, rule: HttpRoute) -> Iterator[tuple[FieldRef, Destination]]:
    for j, share in enumerate(rule.route):
        if share.destination is not None:
            yield at / "route" / j / "destination", share.destination
    if rule.mirror is not None:
        yield at / "mirror", rule.mirror
    for j, mirror in enumerate(rule.mirrors):
        if mirror.destination is not None:
            yield at / "mirrors" / j / "destination", mirror.destination


def _check_gateways(
    report: Report, at: FieldRef, declared: Object[VirtualService], rule: HttpRoute
) -> None:
    bound = virtual_service_gateways(declared)
    for j, block in enumerate(rule.match):
        for k, name in enumerate(block.gateways):
            if gateway_reference(name, declared.namespace) not in bound:
                report.add(
                    GATEWAY_NOT_BOUND,
                    at / j / "gateways" / k,
                    f'the match is for "{name}", which spec.gateways does not list, so it never '
                    "applies there",
                    hint=f'add "{name}" to spec.gateways',
                )


def _check_names(report: Report, at: FieldRef, block: HttpMatch) -> None:
    """Istio accepts names that Envoy does not: a route with one of them is left out."""
    if "" in block.query_params:
        message = (
            "Envoy does not accept a query parameter without a name, so this match is left out"
        )
        report.add(ROUTE_REFUSED, at / "queryParams", message)
    for word, headers in (("headers", block.headers), ("withoutHeaders", block.without_headers)):
        for name in headers:
            if "" in (claim_path(name) or ()):
                message = f'"{name}" has a part without a name, so this match is left out'
                report.add(ROUTE_REFUSED, (at / word / name).key, message)


def _check_headers(report: Report, at: FieldRef, headers: Headers | None) -> None:
    if headers is None:
        return
    for side, operations in (("request", headers.request), ("response", headers.response)):
        if operations is None:
            continue
        for word, values in (("set", operations.set), ("add", operations.add)):
            for name, value in values.items():
                for part in unknown_commands(value):
                    report.add(
                        UNKNOWN_COMMAND,
                        at / side / word / name,
                        f'"{part.strip()}" is not a command of Envoy, so it is sent as it is',
                    )
