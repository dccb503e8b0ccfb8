"""The filters of HTTPRoutes, and those that GRPCRoutes have as well.

Source: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#httproutefilter
"""

from enum import Enum
from typing import Annotated

from msgspec import Meta

from controlplane.kinds.gateway_api.common import BackendObjectReference, LocalObjectReference
from controlplane.kinds.gateway_api.text import (
    CheckedPath,
    HeaderName,
    HeaderValue,
    Natural,
    Origin,
    PathText,
    Percentage,
    Port,
    Positive,
    PreciseHostname,
)
from controlplane.kinds.spec import Int32, Int64, Spec


class HttpHeader(Spec, frozen=True):
    name: HeaderName = ""
    value: HeaderValue = ""


class HttpHeaderFilter(Spec, frozen=True):
    set: Annotated[tuple[HttpHeader, ...], Meta(max_length=16)] = ()
    add: Annotated[tuple[HttpHeader, ...], Meta(max_length=16)] = ()
    remove: Annotated[tuple[str, ...], Meta(max_length=16)] = ()


class Fraction(Spec, frozen=True):
    numerator: Natural = 0
    denominator: Positive = 100


class HttpRequestMirrorFilter(Spec, frozen=True):
    """Neither ``percent`` nor ``fraction``: every request is mirrored."""

    backend_ref: BackendObjectReference = BackendObjectReference()
    percent: Percentage | None = None
    fraction: Fraction | None = None


class HttpPathModifierType(Enum):
    REPLACE_FULL_PATH = "ReplaceFullPath"
    REPLACE_PREFIX_MATCH = "ReplacePrefixMatch"


class HttpPathModifier(Spec, frozen=True):
    """The field that ``type`` names is set, and may be ``""``."""

    type: HttpPathModifierType = HttpPathModifierType.REPLACE_FULL_PATH
    replace_full_path: PathText | None = None
    replace_prefix_match: PathText | None = None


class RedirectScheme(Enum):
    HTTP = "http"
    HTTPS = "https"


class HttpRequestRedirectFilter(Spec, frozen=True):
    scheme: RedirectScheme | None = None
    hostname: PreciseHostname = ""
    path: HttpPathModifier | None = None
    port: Port | None = None
    status_code: Int32 = 302


class HttpUrlRewriteFilter(Spec, frozen=True):
    hostname: PreciseHostname = ""
    path: HttpPathModifier | None = None


class CorsMethod(Enum):
    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    DELETE = "DELETE"
    CONNECT = "CONNECT"
    OPTIONS = "OPTIONS"
    TRACE = "TRACE"
    PATCH = "PATCH"
    ANY = "*"


class HttpCorsFilter(Spec, frozen=True):
    """``max_age`` in seconds."""

    allow_origins: Annotated[tuple[Origin, ...], Meta(max_length=64)] = ()
    allow_credentials: bool = False
    allow_methods: Annotated[tuple[CorsMethod, ...], Meta(max_length=9)] = ()
    allow_headers: Annotated[tuple[HeaderName, ...], Meta(max_length=64)] = ()
    expose_headers: Annotated[tuple[HeaderName, ...], Meta(max_length=64)] = ()
    max_age: Positive = 5


class ExternalAuthProtocol(Enum):
    HTTP = "HTTP"
    GRPC = "GRPC"


class GrpcAuthConfig(Spec, frozen=True):
    """``allowed_headers`` without an entry: all headers are sent."""

    allowed_headers: Annotated[tuple[str, ...], Meta(max_length=64)] = ()


class HttpAuthConfig(Spec, frozen=True):
    path: CheckedPath = ""
    allowed_headers: Annotated[tuple[str, ...], Meta(max_length=64)] = ()
    allowed_response_headers: Annotated[tuple[str, ...], Meta(max_length=64)] = ()


class ForwardBodyConfig(Spec, frozen=True):
    """``max_size`` in bytes; 0 forwards nothing."""

    max_size: Int64 = 0


class HttpExternalAuthFilter(Spec, frozen=True):
    protocol: ExternalAuthProtocol = ExternalAuthProtocol.HTTP
    backend_ref: BackendObjectReference = BackendObjectReference()
    grpc: GrpcAuthConfig | None = None
    http: HttpAuthConfig | None = None
    forward_body: ForwardBodyConfig | None = None


class HttpRouteFilterType(Enum):
    REQUEST_HEADER_MODIFIER = "RequestHeaderModifier"
    RESPONSE_HEADER_MODIFIER = "ResponseHeaderModifier"
    REQUEST_MIRROR = "RequestMirror"
    REQUEST_REDIRECT = "RequestRedirect"
    URL_REWRITE = "URLRewrite"
    EXTENSION_REF = "ExtensionRef"
    CORS = "CORS"
    EXTERNAL_AUTH = "ExternalAuth"


class HttpRouteFilter(Spec, frozen=True):
    """Exactly the field that ``type`` names is set."""

    type: HttpRouteFilterType = HttpRouteFilterType.REQUEST_HEADER_MODIFIER
    request_header_modifier: HttpHeaderFilter | None = None
    response_header_modifier: HttpHeaderFilter | None = None
    request_mirror: HttpRequestMirrorFilter | None = None
    request_redirect: HttpRequestRedirectFilter | None = None
    url_rewrite: HttpUrlRewriteFilter | None = None
    cors: HttpCorsFilter | None = None
    external_auth: HttpExternalAuthFilter | None = None
    extension_ref: LocalObjectReference | None = None


HttpRouteFilters = Annotated[tuple[HttpRouteFilter, ...], Meta(max_length=16)]
