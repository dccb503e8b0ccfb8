"""Rules of HTTPRoutes and GRPCRoutes in one form, with the places where they are written."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from controlplane.base.locations import FieldRef
from controlplane.kinds.gateway_api.grpc_route import (
    GRPC_ROUTE,
    GrpcBackendRef,
    GrpcRoute,
    GrpcRouteFilter,
    GrpcRouteRule,
)
from controlplane.kinds.gateway_api.http_filters import HttpRouteFilter, HttpRouteFilterType
from controlplane.kinds.gateway_api.http_route import (
    HTTP_ROUTE,
    HttpBackendRef,
    HttpRoute,
    HttpRouteRule,
)
from controlplane.kinds.object import Object, is_of
from controlplane.translate.gateway_api.route_match import RankedMatch, grpc_match, http_match

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class LocatedMatch:
    ranked: RankedMatch
    place: FieldRef


@dataclass(frozen=True, slots=True)
class RouteRule:
    """A rule of either kind of route: a GRPCRoute's has the actions of an HTTPRoute's."""

    rule: HttpRouteRule
    matches: tuple[LocatedMatch, ...]
    place: FieldRef


def route_rules(route: Object[HttpRoute | GrpcRoute]) -> tuple[RouteRule, ...]:
    """The rules of a route, in its order."""
    at = FieldRef(route.key) / "spec" / "rules"
    if is_of(route, HTTP_ROUTE):
        return tuple(
            RouteRule(rule, _located(at / i, rule.matches, http_match), at / i)
            for i, rule in enumerate(route.spec.rules)
        )
    assert is_of(route, GRPC_ROUTE), "only these two have rules for requests"
    return tuple(
        RouteRule(_http_rule(rule), _located(at / i, rule.matches, grpc_match), at / i)
        for i, rule in enumerate(route.spec.rules)
    )


def _located(
    rule: FieldRef, matches: tuple[M, ...], ranked: Callable[[M], RankedMatch]
) -> tuple[LocatedMatch, ...]:
    return tuple(
        LocatedMatch(ranked(match), rule / "matches" / i) for i, match in enumerate(matches)
    )


def _http_rule(rule: GrpcRouteRule) -> HttpRouteRule:
    return HttpRouteRule(
        name=rule.name,
        matches=(),
        filters=_http_filters(rule.filters),
        backend_refs=tuple(_http_backend(ref) for ref in rule.backend_refs),
        session_persistence=rule.session_persistence,
    )


def _http_backend(ref: GrpcBackendRef) -> HttpBackendRef:
    return HttpBackendRef(
        group=ref.group,
        kind=ref.kind,
        name=ref.name,
        namespace=ref.namespace,
        port=ref.port,
        weight=ref.weight,
        filters=_http_filters(ref.filters),
    )


def _http_filters(filters: tuple[GrpcRouteFilter, ...]) -> tuple[HttpRouteFilter, ...]:
    return tuple(
        HttpRouteFilter(
            type=HttpRouteFilterType(each.type.value),
            request_header_modifier=each.request_header_modifier,
            response_header_modifier=each.response_header_modifier,
            request_mirror=each.request_mirror,
            extension_ref=each.extension_ref,
        )
        for each in filters
    )
