"""HTTPRoutes and GRPCRoutes become ranked routes: one for each match of each rule.

Source: https://gateway-api.sigs.k8s.io/api-types/httproute/; Istio
``pilot/pkg/config/kube/gateway/conversion.go`` (``convertHTTPRoute``) and
``pilot/pkg/networking/core/route/route.go``.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey, PortNumber
from controlplane.kinds.gateway_api.http_filters import (
    HttpHeaderFilter,
    HttpRequestMirrorFilter,
    HttpRouteFilter,
)
from controlplane.kinds.gateway_api.http_route import (
    HttpBackendRef,
    HttpRouteRule,
)
from controlplane.model.gateway_api import Conformance
from controlplane.model.http_match import PathMatch, path_text
from controlplane.model.http_policy import NO_CHANGES, HeaderChanges
from controlplane.model.routing import (
    Action,
    ForwardTo,
    Mirror,
    RedirectTo,
    Respond,
    RetryPolicy,
    Route,
    Routed,
    WeightedCluster,
)
from controlplane.translate.gateway_api import retries
from controlplane.translate.gateway_api.backend_ref import Backend, Backends
from controlplane.translate.gateway_api.filters import (
    authority,
    cors,
    header_changes,
    path_rewrite,
    redirect,
)
from controlplane.translate.gateway_api.route_match import EVERY_REQUEST, MatchRank
from controlplane.translate.gateway_api.route_rule import LocatedMatch, RouteRule

NO_BACKEND: Final = Respond(status=500)
"""What a rule answers that neither redirects nor has a backend with a weight."""
MISSING_STATUS: Final = 500
MILLION: Final = 1_000_000

RouteAge = tuple[str, str, str]
"""When a route was created, its namespace, and its name."""
Rank = tuple[MatchRank, RouteAge, int, int]
"""Sort key among all routes of a host: the match's rank, the age of what declares it, and the
places of rule and match.
"""


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
class ListenerPort:
    """Where requests come in; ``https``: clients speak TLS to it. ``conformance`` is that of the
    Gateway.
    """

    port: PortNumber
    https: bool = False
    conformance: Conformance = Conformance.SPECIFICATION


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
    found = (
        RankedRoute((located.ranked.rank, age, number, place), route(located))
        for number, rule in enumerate(rules)
        for route in (_route_of(key, number, rule, listener, backends, defaults),)
        for place, located in enumerate(rule.matches or (LocatedMatch(EVERY_REQUEST, rule.place),))
    )
    return tuple(sorted(found, key=lambda ranked: ranked.rank))


def _route_of(
    key: ObjectKey,
    number: int,
    located: RouteRule,
    listener: ListenerPort,
    backends: Backends,
    defaults: RouteDefaults,
) -> Callable[[LocatedMatch], Routed]:
    """A function from a match to its route: what does not depend on the match is computed once."""
    rule = located.rule
    done = _done(rule, listener, backends, defaults)
    body = partial(
        Route,
        name=rule.name or f"{key.namespace}.{key.name}.{number}",
        declared_by=key if defaults.names_objects else None,
        request_headers=header_changes(_request_headers(rule.filters)).then(done.request_headers),
        response_headers=header_changes(_response_headers(rule.filters)).then(
            done.response_headers
        ),
        cors=next((cors(each.cors) for each in rule.filters if each.cors is not None), None),
    )
    described = done.described or f"{key.name}:{listener.port}"

    def route(match: LocatedMatch) -> Routed:
        path = match.ranked.match.path
        made = body(
            match=match.ranked.match,
            action=done.action(path),
            operation=f"{described}{path_text(path)}",
        )
        places = dict.fromkeys((match.place, located.place))
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


def _done(
    rule: HttpRouteRule, listener: ListenerPort, backends: Backends, defaults: RouteDefaults
) -> _Done:
    redirects = [each.request_redirect for each in rule.filters if each.request_redirect]
    if redirects:
        sent = redirect(redirects[0], port=listener.port, https=listener.https)
        return _Done(action=_always(sent))
    weighted = [ref for ref in rule.backend_refs if ref.weight]
    if not weighted:
        return _Done(action=_always(NO_BACKEND))
    return _forwarding(rule, weighted, backends, defaults)


def _always(action: RedirectTo | Respond) -> Callable[[PathMatch], Action]:
    return lambda _: action


def _forwarding(
    rule: HttpRouteRule, refs: list[HttpBackendRef], backends: Backends, defaults: RouteDefaults
) -> _Done:
    """Where the rule's requests go. A single backend gets everything, whatever its weight."""
    found = [backends(ref) for ref in refs]
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
        retry=_retry(rule, defaults, sticky=single is not None and bool(hashing)),
        host_rewrite=host or authority(_request_headers(filters)),
        appends_forwarded_host=bool(rewrites) and defaults.appends_forwarded_host,
        mirrors=tuple(_mirrors(rule, backends)),
        hash_policies=hashing,
        offer=single.offer if single else None,
        missing_status=MISSING_STATUS,
    )
    return _Done(
        action=lambda path: forward(
            path_rewrite=next((path_rewrite(each, path) for each in rewrites), None)
        ),
        request_headers=header_changes(_request_headers(filters)),
        response_headers=header_changes(_response_headers(filters)),
        described=single.described if single else None,
        origins=tuple(dict.fromkeys(at for each in found for at in each.target.origins)),
    )


def _retry(rule: HttpRouteRule, defaults: RouteDefaults, *, sticky: bool) -> RetryPolicy | None:
    if rule.retry is not None:
        return retries.retry_policy(rule.retry, rule, sticky=sticky)
    return defaults.sticky_retry if sticky else defaults.retry


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
