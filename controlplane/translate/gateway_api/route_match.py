"""``matches`` of an HTTPRoute's or GRPCRoute's rule: the conditions that Envoy looks at for each
request, and their place among the matches of all routes of a host.

Source: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#httproutematch; Istio
``pilot/pkg/config/kube/gateway/conversion.go`` (``createURIMatch``, ``sortHTTPRoutes``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, assert_never

from controlplane.kinds.gateway_api.grpc_route import (
    GrpcHeaderMatch,
    GrpcMethodMatch,
    GrpcRouteMatch,
)
from controlplane.kinds.gateway_api.http_route import (
    HttpHeaderMatch,
    HttpPathMatch,
    HttpQueryParamMatch,
    HttpRouteMatch,
    PathMatchType,
    ValueMatchType,
)
from controlplane.model.http_match import (
    Exact,
    HeaderMatch,
    PathMatch,
    Prefix,
    Present,
    QueryMatch,
    Regex,
    RouteMatch,
    Segments,
)

MatchRank = tuple[int, int, bool, int, int]
"""Sort key of a match, first come first: kind and length of the path, no method, and how many
headers and query parameters there are, as negative numbers.
"""
METHOD: Final = ":method"
_EXACT, _PREFIX, _REGEX, _NO_PATH, _NO_MATCH = range(5)


@dataclass(frozen=True, slots=True)
class RankedMatch:
    rank: MatchRank
    match: RouteMatch


EVERY_REQUEST: Final = RankedMatch((_NO_MATCH, 0, True, 0, 0), RouteMatch())
"""A rule without any match."""


def http_match(match: HttpRouteMatch) -> RankedMatch:
    path = _path(match.path)
    method = () if match.method is None else (_method(match.method.value),)
    found = RouteMatch(
        path=path,
        headers=(*_headers(match.headers), *method),
        query=tuple(
            QueryMatch(name=query.name, value=_value(query)) for query in match.query_params
        ),
    )
    return _ranked(found, path, has_method=match.method is not None)


def grpc_match(match: GrpcRouteMatch) -> RankedMatch:
    """A service alone ranks as long as its name with the slash behind it."""
    headers = tuple(_headers(match.headers))
    if match.method is None:
        return RankedMatch((_NO_PATH, 0, True, -len(headers), 0), RouteMatch(headers=headers))
    path = _grpc_path(match.method)
    found = _ranked(RouteMatch(path=path, headers=headers), path, has_method=False)
    if not isinstance(path, Segments):
        return found
    kind, length, *_ = found.rank
    return RankedMatch((kind, length - 1, True, -len(headers), 0), found.match)


def _ranked(match: RouteMatch, path: PathMatch, *, has_method: bool) -> RankedMatch:
    kind, text = _kind(path)
    headers = len(match.headers) - has_method
    return RankedMatch(
        (kind, -len(text.encode()), not has_method, -headers, -len(match.query)), match
    )


def _kind(path: PathMatch) -> tuple[int, str]:
    match path:
        case Exact(text=text):
            return _EXACT, text
        case Prefix(text=text) | Segments(text=text):
            return _PREFIX, text
        case Regex(pattern=text):
            return _REGEX, text
    assert_never(path)


def _path(path: HttpPathMatch) -> PathMatch:
    match path.type:
        case PathMatchType.EXACT:
            return Exact(path.value)
        case PathMatchType.PATH_PREFIX:
            return segments(path.value)
        case PathMatchType.REGULAR_EXPRESSION:
            return Regex(path.value)
    assert_never(path.type)


def segments(prefix: str) -> PathMatch:
    """A prefix of whole segments; one slash at its end does not count. ``/`` is every path."""
    return Prefix("/") if prefix == "/" else Segments(prefix.removesuffix("/"))


def _grpc_path(method: GrpcMethodMatch) -> PathMatch:
    """The path of a call is ``/SERVICE/METHOD``."""
    service, name = method.service, method.method
    match method.type:
        case ValueMatchType.EXACT if name is None:
            return Segments(f"/{service}")
        case ValueMatchType.EXACT if service is None:
            return Regex(f"/[^/]+/{name}")
        case ValueMatchType.EXACT:
            return Exact(f"/{service}/{name}")
        case ValueMatchType.REGULAR_EXPRESSION:
            return Regex(f"/{service or '[^/]+'}/{name or '.+'}")
    assert_never(method.type)


def _headers(
    headers: Iterable[HttpHeaderMatch | GrpcHeaderMatch],
) -> Iterable[HeaderMatch]:
    """Every one must match: of a name in two spellings, both, as in Istio."""
    return (HeaderMatch(name=header.name, value=_value(header)) for header in headers)


def _value(
    match: HttpHeaderMatch | GrpcHeaderMatch | HttpQueryParamMatch,
) -> Exact | Regex | Present:
    """The expression ``*``, which is not one of RE2, asks for presence, as in Istio."""
    match match.type:
        case ValueMatchType.EXACT:
            return Exact(match.value)
        case ValueMatchType.REGULAR_EXPRESSION:
            return Present() if match.value == "*" else Regex(match.value)
    assert_never(match.type)


def _method(name: str) -> HeaderMatch:
    return HeaderMatch(name=METHOD, value=Exact(name))
