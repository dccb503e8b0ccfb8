"""Envoy's routes, listeners, clusters in the words of a person who wrote Istio YAML."""

from typing import Final

from controlplane.cli.sent import HeaderMatcher
from controlplane.cli.sent import HttpOrTcp
from controlplane.cli.sent import Route
from controlplane.cli.sent import RouteMatch
from controlplane.cli.sent import StringMatcher
from controlplane.cli.sent import WeightedClusters

_FILTERS: Final = {"envoy.filters.http.fault": "fault", "envoy.filters.http.cors": "cors"}
_STATUSES: Final = {
    "MOVED_PERMANENTLY": 301,
    "FOUND": 302,
    "SEE_OTHER": 303,
    "TEMPORARY_REDIRECT": 307,
    "PERMANENT_REDIRECT": 308,
}
_LOCAL: Final = ".svc.cluster.local"


def condition(match: RouteMatch) -> str:
    """``/reviews* end-user=jason``: what a request must be like."""
    conditions = [
        *(_header(header) for header in match.headers),
        *(f"?{_header(query)}" for query in match.query_parameters),
        *("JWT claims" for _ in match.dynamic_metadata[:1]),
    ]
    return " ".join((_path(match), *conditions))


def leads_to(route: Route) -> str:
    """What is done with a request: a destination, an answer, a redirect."""
    if route.direct_response is not None:
        return f"{route.direct_response.status} from Envoy"
    if route.redirect is not None:
        to = route.redirect
        status = _STATUSES[to.response_code]
        scheme = "https" if to.https_redirect else to.scheme_redirect
        where = f"{scheme}://{to.host_redirect}" if scheme else to.host_redirect
        path = to.path_redirect or to.prefix_rewrite
        return f"{status} to {where}{path}".rstrip()
    if route.route is None:
        return "404"
    action = route.route
    extras = [
        *((f"path {action.prefix_rewrite}",) if action.prefix_rewrite else ()),
        *(word for name, word in _FILTERS.items() if name in route.typed_per_filter_config),
        *("mirrored" for _ in action.request_mirror_policies[:1]),
    ]
    said = f" ({', '.join(extras)})" if extras else ""
    return f"{clusters(action.cluster, action.weighted_clusters)}{said}"


def streams_to(handling: HttpOrTcp) -> str:
    return clusters(handling.cluster, handling.weighted_clusters)


def clusters(one: str, several: WeightedClusters | None) -> str:
    """``reviews.default:9080 v1 90%, reviews.default:9080 v2 10%``."""
    if several is None:
        return destination(one)
    total = sum(c.weight for c in several.clusters) or 1
    return ", ".join(
        f"{destination(c.name)} {round(100 * c.weight / total)}%" for c in several.clusters
    )


def destination(cluster: str) -> str:
    """``outbound|9080|v1|reviews.default.svc.cluster.local`` is ``reviews.default:9080 v1``."""
    parts = cluster.split("|")
    if len(parts) != 4:
        return f"{cluster} (503)" if cluster == "BlackHoleCluster" else cluster
    _, port, subset, host = parts
    return f"{host.removesuffix(_LOCAL)}:{port}{f' {subset}' if subset else ''}"


def _path(match: RouteMatch) -> str:
    if match.path is not None:
        return match.path
    if match.path_separated_prefix is not None:
        return f"{match.path_separated_prefix}[/*]"
    if match.safe_regex is not None:
        return f"~{match.safe_regex.regex}"
    return f"{match.prefix or '/'}*"


def _header(header: HeaderMatcher) -> str:
    if header.string_match is None:
        return f"{'no ' if header.invert_match else ''}{header.name}"
    return f"{header.name}{'!' if header.invert_match else ''}{_value(header.string_match)}"


def _value(value: StringMatcher) -> str:
    match value:
        case StringMatcher(safe_regex=regex) if regex is not None:
            return f"~{regex.regex}"
        case StringMatcher(prefix=str(text)):
            return f"={text}*"
        case StringMatcher(suffix=str(text)):
            return f"=*{text}"
        case StringMatcher(contains=str(text)):
            return f"=*{text}*"
    return f"={value.exact}"
