"""Envoy's routes, listeners, clusters in the words of a person who wrote Istio YAML."""

from collections.abc import Iterable
from typing import Final

from envoy.config.route.v3.route_components_pb2 import (
    HeaderMatcher,
    QueryParameterMatcher,
    RedirectAction,
    Route,
    RouteAction,
    RouteMatch,
    VirtualHost,
)
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from controlplane.base.hosts import short_name

_FILTERS: Final = {"envoy.filters.http.fault": "fault", "envoy.filters.http.cors": "cors"}
_STATUSES: Final = {
    RedirectAction.MOVED_PERMANENTLY: 301,
    RedirectAction.FOUND: 302,
    RedirectAction.SEE_OTHER: 303,
    RedirectAction.TEMPORARY_REDIRECT: 307,
    RedirectAction.PERMANENT_REDIRECT: 308,
}


def by_domain(table: RouteConfiguration) -> list[VirtualHost]:
    """The virtual hosts as a person looks for them; their order has no meaning to Envoy."""
    return sorted(table.virtual_hosts, key=lambda virtual_host: tuple(virtual_host.domains))


def redirects_to_https(virtual_host: VirtualHost) -> bool:
    """Whether it redirects every plaintext request."""
    return virtual_host.require_tls == VirtualHost.ALL


def is_conditional(match: RouteMatch) -> bool:
    """Whether more than the path decides."""
    return bool(match.headers or match.query_parameters or match.dynamic_metadata)


def condition(match: RouteMatch) -> str:
    """``/reviews* end-user=jason``: what a request must be like."""
    conditions = [
        *(_header(header) for header in match.headers),
        *(_query(query) for query in match.query_parameters),
        *("JWT claims" for _ in match.dynamic_metadata[:1]),
    ]
    return " ".join((_path(match), *conditions))


def leads_to(route: Route) -> str:
    """What is done with a request: a destination, an answer, a redirect."""
    match route.WhichOneof("action"):
        case "direct_response":
            return f"{route.direct_response.status} from Envoy"
        case "redirect":
            return _redirect(route.redirect)
        case "route":
            return _forward(route, route.route)
    return "404"


def streams_to(proxy: TcpProxy) -> str:
    return _clusters(proxy.cluster, [(c.name, c.weight) for c in proxy.weighted_clusters.clusters])


def clusters_of(route: Route) -> list[str]:
    """The clusters that requests of a route go to; none where it does not forward them."""
    if route.WhichOneof("action") != "route":
        return []
    weighted = [c.name for c in route.route.weighted_clusters.clusters if c.weight.value]
    return weighted or [route.route.cluster]


def clusters_of_stream(proxy: TcpProxy) -> list[str]:
    """The clusters that connections go to."""
    weighted = [c.name for c in proxy.weighted_clusters.clusters if c.weight]
    return weighted or [proxy.cluster]


def _redirect(to: RedirectAction) -> str:
    scheme = "https" if to.https_redirect else to.scheme_redirect
    where = f"{scheme}://{to.host_redirect}" if scheme else to.host_redirect
    path = to.path_redirect or to.prefix_rewrite
    return f"{_STATUSES[to.response_code]} to {where}{path}".rstrip()


def _forward(route: Route, action: RouteAction) -> str:
    extras = [
        *((f"path {action.prefix_rewrite}",) if action.prefix_rewrite else ()),
        *(word for name, word in _FILTERS.items() if name in route.typed_per_filter_config),
        *("mirrored" for _ in action.request_mirror_policies[:1]),
    ]
    said = f" ({', '.join(extras)})" if extras else ""
    weighted = [(c.name, c.weight.value) for c in action.weighted_clusters.clusters]
    return f"{_clusters(action.cluster, weighted)}{said}"


def _clusters(one: str, weighted: Iterable[tuple[str, int]]) -> str:
    """``reviews.default:9080 v1 90%, reviews.default:9080 v2 10%``."""
    several = tuple(weighted)
    if not several:
        return destination(one)
    total = sum(weight for _, weight in several) or 1
    return ", ".join(f"{destination(c)} {round(100 * weight / total)}%" for c, weight in several)


def destination(cluster: str) -> str:
    """``outbound|9080|v1|reviews.default.svc.cluster.local`` is ``reviews.default:9080 v1``, and
    ``inbound|9080||`` the workload's own port.
    """
    parts = cluster.split("|")
    if len(parts) != 4:
        return f"{cluster} (503)" if cluster == "BlackHoleCluster" else cluster
    direction, port, subset, host = parts
    if direction == "inbound":
        return f"own port {port}"
    return f"{short_name(host)}:{port}{f' {subset}' if subset else ''}"


def _path(match: RouteMatch) -> str:
    match match.WhichOneof("path_specifier"):
        case "path":
            return match.path
        case "path_separated_prefix":
            return f"{match.path_separated_prefix}[/*]"
        case "safe_regex":
            return f"~{match.safe_regex.regex}"
    return f"{match.prefix or '/'}*"


def _header(header: HeaderMatcher) -> str:
    if not header.HasField("string_match"):
        return f"{'no ' if header.invert_match else ''}{header.name}"
    return f"{header.name}{'!' if header.invert_match else ''}{_value(header.string_match)}"


def _query(query: QueryParameterMatcher) -> str:
    value = _value(query.string_match) if query.HasField("string_match") else ""
    return f"?{query.name}{value}"


def _value(value: StringMatcher) -> str:
    match value.WhichOneof("match_pattern"):
        case "safe_regex":
            return f"~{value.safe_regex.regex}"
        case "prefix":
            return f"={value.prefix}*"
        case "suffix":
            return f"=*{value.suffix}"
        case "contains":
            return f"=*{value.contains}*"
    return f"={value.exact}"
