"""HTTPRoutes and GRPCRoutes become ranked routes: one for each match of each rule.

Source: https://gateway-api.sigs.k8s.io/api-types/httproute/; Istio
``pilot/pkg/config/kube/gateway/conversion.go`` (``convertHTTPRoute``) and
``pilot/pkg/networking/core/route/route.go``.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE
from controlplane.kinds.gateway_api.http_filters import (
    HttpExternalAuthFilter,
    HttpHeaderFilter,
    HttpRequestMirrorFilter,
    HttpRouteFilter,
)
from controlplane.kinds.gateway_api.http_route import (
    HttpBackendRef,
    HttpRouteRule,
)
from controlplane.model.gateway_api import Conformance
from controlplane.model.http_match import PathMatch, RouteMatch, path_text
from controlplane.model.http_policy import NO_CHANGES, HeaderChanges
from controlplane.model.routing import (
    Action,
    ForwardTo,
    Mirror,
    Respond,
    RetryPolicy,
    Route,
    Routed,
    WeightedCluster,
)
from controlplane.translate.gateway_api import retries
from controlplane.translate.gateway_api.backend_ref import (
    Backend,
    Backends,
    ListenerPort,
    backend_host,
)
from controlplane.translate.gateway_api.external_auth import external_provider
from controlplane.translate.gateway_api.filters import (
    authority,
    cors,
    header_changes,
    path_rewrite,
    redirect,
)
from controlplane.translate.gateway_api.route_faults import rule_faults, served_matches
from controlplane.translate.gateway_api.route_match import EVERY_REQUEST, MatchRank
from controlplane.translate.gateway_api.route_rule import LocatedMatch, RouteRule
from controlplane.translate.gateway_api.rule_variants import preflight, rule_variants
from controlplane.translate.gateway_api.sessions import session

MILLION: Final = 1_000_000

RouteAge = tuple[str, str, str]
"""Sort key of what declares a route, oldest first."""
Rank = tuple[MatchRank, RouteAge, int, int, int]
"""Sort key among all routes of a host: the match's rank, the age of what declares it, the places of
rule and match, and the variant of the rule.
"""
_PREFLIGHTS: Final = 1_000  # after all variants; a rule has at most 16 backends


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteDefaults:
    """What holds for rules that do not say otherwise, by the mesh's settings.

    ``sticky_retry`` is for requests that are pinned to an endpoint by hash. ``names_objects``: each
    route names its object in its metadata.
    """

    retry: RetryPolicy | None = None
    sticky_retry: RetryPolicy | None = None
    appends_forwarded_host: bool = False
    names_objects: bool = True


@dataclass(frozen=True, slots=True)
class RankedRoute:
    rank: Rank
    routed: Routed


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the rules of a route have in common."""

    listener: ListenerPort
    backends: Backends
    defaults: RouteDefaults
    failure: int


def ranked_routes(
    key: ObjectKey,
    age: RouteAge,
    rules: Iterable[RouteRule],
    *,
    listener: ListenerPort,
    backends: Backends,
    defaults: RouteDefaults,
) -> tuple[RankedRoute, ...]:
    """The routes of an object at a listener's port, first come first."""
    settings = Settings(
        listener=listener,
        backends=backends,
        defaults=defaults,
        failure=failure_status(key.kind, listener.conformance),
    )
    found = (
        RankedRoute((rank, age, number, place, variant), routed)
        for number, rule in enumerate(rules)
        for rank, place, variant, routed in _of_rule(key, number, rule, settings)
    )
    return tuple(sorted(found, key=lambda ranked: ranked.rank))


def _of_rule(
    key: ObjectKey, number: int, rule: RouteRule, settings: Settings
) -> Iterator[tuple[MatchRank, int, int, Routed]]:
    """The routes of a rule, each with the rank and place of its match and its variant."""
    every = (LocatedMatch(EVERY_REQUEST, rule.place),)
    matches = served_matches(rule) if rule.matches else every
    conformance = settings.listener.conformance
    for variant, each in enumerate(rule_variants(rule)):
        route = _route_of(key, number, each.rule, settings)
        for place, located in enumerate(matches):
            rank, match = located.ranked.rank, replace(located.ranked.match, share=each.share)
            yield rank, place, variant, route(match, located.place)
            before = preflight(match, each.rule.rule, conformance)
            if before is not None:
                yield rank, place, _PREFLIGHTS + variant, route(before, located.place)


def failure_status(kind: Kind, conformance: Conformance) -> int:
    """What is answered where a rule has no backend, or one that is not resolved. By the
    specification gRPC calls end UNAVAILABLE then, which is what Envoy makes of 503.
    """
    is_grpc = kind == GRPC_ROUTE and conformance is Conformance.SPECIFICATION
    return 503 if is_grpc else 500


def _route_of(
    key: ObjectKey, number: int, located: RouteRule, settings: Settings
) -> Callable[[RouteMatch, FieldRef], Routed]:
    """A function from a match and its place to its route: what does not depend on the match is
    computed once.
    """
    rule = located.rule
    done = _done(located, settings)
    name = f"{key.namespace}.{key.name}.{number}"
    body = partial(
        Route,
        name=rule.name or name,
        declared_by=key if settings.defaults.names_objects else None,
        request_headers=header_changes(_request_headers(rule.filters)).then(done.request_headers),
        response_headers=header_changes(_response_headers(rule.filters)).then(
            done.response_headers
        ),
        asks=done.asks,
        session=session(rule, f"session-{name}", settings.listener.conformance),
        cors=next((cors(each.cors) for each in rule.filters if each.cors is not None), None),
    )
    described = done.described or f"{key.name}:{settings.listener.port}"

    def route(match: RouteMatch, place: FieldRef) -> Routed:
        made = body(
            match=match,
            action=done.action(match.path),
            operation=f"{described}{path_text(match.path)}",
        )
        places = dict.fromkeys((place, located.place))
        return Routed(route=made, origins=(*places, *done.origins))

    return route


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """What a rule does, given what path a match takes; the header changes of a single backend are
    made by the route.
    """

    action: Callable[[PathMatch], Action]
    request_headers: HeaderChanges = NO_CHANGES
    response_headers: HeaderChanges = NO_CHANGES
    described: str | None = None
    origins: tuple[FieldRef, ...] = ()
    asks: str | None = None


def _done(located: RouteRule, settings: Settings) -> _Done:
    rule, listener = located.rule, settings.listener
    fails = _Done(action=_always(Respond(status=settings.failure)))
    if any(rule_faults(located, listener.conformance)):
        return fails
    asked = [each.external_auth for each in rule.filters if each.external_auth]
    if asked and not settings.backends(asked[0].backend_ref).is_resolved:
        return fails
    asks = _filter_name(asked[0], located.place) if asked else None
    redirects = [each.request_redirect for each in rule.filters if each.request_redirect]
    if redirects:
        return _Done(action=lambda path: redirect(redirects[0], listener, path), asks=asks)
    weighted = [ref for ref in rule.backend_refs if ref.weight]
    return replace(_forwarding(rule, weighted, settings), asks=asks) if weighted else fails


def _filter_name(spec: HttpExternalAuthFilter, rule: FieldRef) -> str | None:
    host = backend_host(spec.backend_ref, rule.object.namespace)
    return external_provider(spec, host).name if host is not None else None


def _always(action: Respond) -> Callable[[PathMatch], Action]:
    return lambda _: action


def _forwarding(rule: HttpRouteRule, refs: list[HttpBackendRef], settings: Settings) -> _Done:
    """Where the rule's requests go. A single backend gets everything, whatever its weight."""
    conformance = settings.listener.conformance
    found = [settings.backends(ref) for ref in refs]
    single = found[0].target if len(found) == 1 else None
    filters = refs[0].filters if single is not None else ()
    rewrites = [each.url_rewrite for each in rule.filters if each.url_rewrite is not None]
    hashing = tuple(policy for each in found for policy in each.target.hash_policies)
    hostname = next((each.hostname for each in rewrites if each.hostname), None)
    host = hostname or authority(_request_headers(rule.filters))
    forward = partial(
        ForwardTo,
        target=single.cluster if single else _weighted(refs, found),
        timeout=retries.timeout(rule),
        retry=_retry(rule, settings, sticky=single is not None and bool(hashing)),
        host_rewrite=host or authority(_request_headers(filters)),
        appends_forwarded_host=bool(rewrites) and settings.defaults.appends_forwarded_host,
        mirrors=tuple(_mirrors(rule, settings.backends)),
        hash_policies=hashing,
        offer=single.offer if single else None,
        missing_status=settings.failure,
    )
    return _Done(
        action=lambda path: forward(
            path_rewrite=next((path_rewrite(each, path, conformance) for each in rewrites), None)
        ),
        request_headers=header_changes(_request_headers(filters)),
        response_headers=header_changes(_response_headers(filters)),
        described=single.described if single else None,
        origins=tuple(dict.fromkeys(at for each in found for at in each.target.origins)),
    )


def _retry(rule: HttpRouteRule, settings: Settings, *, sticky: bool) -> RetryPolicy | None:
    if rule.retry is not None:
        conformance = settings.listener.conformance
        return retries.retry_policy(rule.retry, rule, sticky=sticky, conformance=conformance)
    return settings.defaults.sticky_retry if sticky else settings.defaults.retry


def _weighted(refs: list[HttpBackendRef], found: list[Backend]) -> tuple[WeightedCluster, ...]:
    return tuple(
        WeightedCluster(
            cluster=backend.target.cluster,
            weight=ref.weight,
            host_rewrite=authority(_request_headers(ref.filters)),
            request_headers=header_changes(_request_headers(ref.filters)),
            response_headers=header_changes(_response_headers(ref.filters)),
            offer=backend.target.offer,
        )
        for ref, backend in zip(refs, found, strict=True)
    )


def _mirrors(rule: HttpRouteRule, backends: Backends) -> Iterator[Mirror]:
    """Copies of the request; one whose share is 0, or whose backend is not resolved, is none."""
    for each in rule.filters:
        if each.request_mirror is None:
            continue
        share = _share(each.request_mirror)
        backend = backends(each.request_mirror.backend_ref)
        if share and backend.is_resolved:
            yield Mirror(cluster=backend.target.cluster, parts_per_million=share)


def _share(mirror: HttpRequestMirrorFilter) -> int:
    """The share of requests, in parts of a million."""
    if mirror.fraction is not None:
        return mirror.fraction.numerator * MILLION // mirror.fraction.denominator
    return MILLION if mirror.percent is None else mirror.percent * MILLION // 100


def _request_headers(filters: Iterable[HttpRouteFilter]) -> list[HttpHeaderFilter]:
    return [f.request_header_modifier for f in filters if f.request_header_modifier]


def _response_headers(filters: Iterable[HttpRouteFilter]) -> list[HttpHeaderFilter]:
    return [f.response_header_modifier for f in filters if f.response_header_modifier]
