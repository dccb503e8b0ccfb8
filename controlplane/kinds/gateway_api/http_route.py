"""HTTPRoute. Source: https://gateway-api.sigs.k8s.io/api-types/httproute/"""

from enum import Enum
from typing import Annotated, Final

from msgspec import Meta

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.gateway_api.common import (
    BackendRef,
    GatewayDefaultScope,
    ParentReferences,
    SessionPersistence,
)
from controlplane.kinds.gateway_api.http_filters import HttpRouteFilters
from controlplane.kinds.gateway_api.text import (
    Attempts,
    HeaderName,
    HeaderValue,
    Hostname,
    PathText,
    QueryValue,
    RetryCode,
    SectionName,
)
from controlplane.kinds.gateway_api.versions import GATEWAY_API
from controlplane.kinds.spec import Duration, Spec


class PathMatchType(Enum):
    EXACT = "Exact"
    PATH_PREFIX = "PathPrefix"
    REGULAR_EXPRESSION = "RegularExpression"


class HttpPathMatch(Spec, frozen=True):
    type: PathMatchType = PathMatchType.PATH_PREFIX
    value: PathText = "/"


class ValueMatchType(Enum):
    """How the value of a header or query parameter is compared."""

    EXACT = "Exact"
    REGULAR_EXPRESSION = "RegularExpression"


class HttpHeaderMatch(Spec, frozen=True):
    type: ValueMatchType = ValueMatchType.EXACT
    name: HeaderName = ""
    value: HeaderValue = ""


class HttpQueryParamMatch(Spec, frozen=True):
    type: ValueMatchType = ValueMatchType.EXACT
    name: HeaderName = ""
    value: QueryValue = ""


class HttpMethod(Enum):
    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    DELETE = "DELETE"
    CONNECT = "CONNECT"
    OPTIONS = "OPTIONS"
    TRACE = "TRACE"
    PATCH = "PATCH"


class HttpRouteMatch(Spec, frozen=True):
    """All that is set must match."""

    path: HttpPathMatch = HttpPathMatch()
    headers: Annotated[tuple[HttpHeaderMatch, ...], Meta(max_length=16)] = ()
    query_params: Annotated[tuple[HttpQueryParamMatch, ...], Meta(max_length=16)] = ()
    method: HttpMethod | None = None


class HttpBackendRef(BackendRef, frozen=True):
    """``filters`` apply only to the requests that this backend gets."""

    filters: HttpRouteFilters = ()


class HttpRouteTimeouts(Spec, frozen=True):
    """``0s`` switches a timeout off."""

    request: Duration | None = None
    backend_request: Duration | None = None


class HttpRouteRetry(Spec, frozen=True):
    """``attempts`` counts retries, without the first try."""

    codes: tuple[RetryCode, ...] = ()
    attempts: Attempts | None = None
    backoff: Duration | None = None


class HttpRouteRule(Spec, frozen=True):
    """Any of the ``matches`` will do."""

    name: SectionName = ""
    matches: Annotated[tuple[HttpRouteMatch, ...], Meta(max_length=64)] = (HttpRouteMatch(),)
    filters: HttpRouteFilters = ()
    backend_refs: Annotated[tuple[HttpBackendRef, ...], Meta(max_length=16)] = ()
    timeouts: HttpRouteTimeouts | None = None
    retry: HttpRouteRetry | None = None
    session_persistence: SessionPersistence | None = None


class HttpRoute(Spec, frozen=True):
    parent_refs: ParentReferences = ()
    use_default_gateways: GatewayDefaultScope | None = None
    hostnames: Annotated[tuple[Hostname, ...], Meta(max_length=16)] = ()
    rules: Annotated[tuple[HttpRouteRule, ...], Meta(min_length=1, max_length=16)] = (
        HttpRouteRule(),
    )


HTTP_ROUTE: Final[Kind[HttpRoute]] = Kind(GATEWAY_API, "HTTPRoute")
HttpRouteKey = ObjectKey[HttpRoute]
