"""VirtualService. Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.istio.selection import PortSelector, StringMatch
from controlplane.kinds.spec import Duration, Int32, Spec, UInt32


class Destination(Spec, frozen=True):
    host: str = ""
    subset: str = ""
    port: PortSelector | None = None


class HeaderOperations(Spec, frozen=True):
    set: Mapping[str, str] = {}
    add: Mapping[str, str] = {}
    remove: tuple[str, ...] = ()


class Headers(Spec, frozen=True):
    request: HeaderOperations | None = None
    response: HeaderOperations | None = None


class HttpRouteDestination(Spec, frozen=True):
    destination: Destination | None = None
    weight: Int32 = 0
    headers: Headers | None = None


class RouteDestination(Spec, frozen=True):
    destination: Destination | None = None
    weight: Int32 = 0


class HttpMatch(Spec, frozen=True):
    name: str = ""
    uri: StringMatch | None = None
    scheme: StringMatch | None = None
    method: StringMatch | None = None
    authority: StringMatch | None = None
    headers: Mapping[str, StringMatch] = {}
    port: UInt32 = 0
    source_labels: Mapping[str, str] = {}
    gateways: tuple[str, ...] = ()
    query_params: Mapping[str, StringMatch] = {}
    ignore_uri_case: bool = False
    without_headers: Mapping[str, StringMatch] = {}
    source_namespace: str = ""
    stat_prefix: str = ""


class RedirectPort(Enum):
    FROM_PROTOCOL_DEFAULT = "FROM_PROTOCOL_DEFAULT"
    FROM_REQUEST_PORT = "FROM_REQUEST_PORT"


class HttpRedirect(Spec, frozen=True):
    uri: str = ""
    prefix_rewrite: str = ""
    authority: str = ""
    port: UInt32 | None = None
    derive_port: RedirectPort | None = None
    scheme: str = ""
    redirect_code: UInt32 = 0


class HttpBody(Spec, frozen=True):
    string: str | None = None
    bytes: str | None = None


class HttpDirectResponse(Spec, frozen=True):
    status: UInt32 = 0
    body: HttpBody | None = None


class Delegate(Spec, frozen=True):
    name: str = ""
    namespace: str = ""


class RegexRewrite(Spec, frozen=True):
    match: str = ""
    rewrite: str = ""


class HttpRewrite(Spec, frozen=True):
    uri: str = ""
    authority: str = ""
    uri_regex_rewrite: RegexRewrite | None = None


class HttpRetry(Spec, frozen=True):
    attempts: Int32 = 0
    per_try_timeout: Duration | None = None
    retry_on: str = ""
    retry_remote_localities: bool | None = None
    retry_ignore_previous_hosts: bool | None = None
    backoff: Duration | None = None


class Percent(Spec, frozen=True):
    value: float = 0.0


class Delay(Spec, frozen=True):
    percent: Int32 = 0
    fixed_delay: Duration | None = None
    exponential_delay: Duration | None = None
    percentage: Percent | None = None


class Abort(Spec, frozen=True):
    http_status: Int32 | None = None
    grpc_status: str | None = None
    http2_error: str | None = None
    percentage: Percent | None = None


class HttpFault(Spec, frozen=True):
    delay: Delay | None = None
    abort: Abort | None = None


class MirrorPolicy(Spec, frozen=True):
    destination: Destination | None = None
    percentage: Percent | None = None


class UnmatchedPreflights(Enum):
    UNSPECIFIED = "UNSPECIFIED"
    FORWARD = "FORWARD"
    IGNORE = "IGNORE"


class CorsPolicy(Spec, frozen=True):
    allow_origin: tuple[str, ...] = ()
    allow_origins: tuple[StringMatch, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: Duration | None = None
    allow_credentials: bool | None = None
    unmatched_preflights: UnmatchedPreflights = UnmatchedPreflights.UNSPECIFIED


class HttpRoute(Spec, frozen=True):
    name: str = ""
    match: tuple[HttpMatch, ...] = ()
    route: tuple[HttpRouteDestination, ...] = ()
    redirect: HttpRedirect | None = None
    direct_response: HttpDirectResponse | None = None
    delegate: Delegate | None = None
    rewrite: HttpRewrite | None = None
    timeout: Duration | None = None
    retries: HttpRetry | None = None
    fault: HttpFault | None = None
    mirror: Destination | None = None
    mirror_percent: UInt32 | None = None
    mirror_percentage: Percent | None = None
    mirrors: tuple[MirrorPolicy, ...] = ()
    cors_policy: CorsPolicy | None = None
    headers: Headers | None = None


class TlsMatch(Spec, frozen=True):
    sni_hosts: tuple[str, ...] = ()
    destination_subnets: tuple[str, ...] = ()
    port: UInt32 = 0
    source_labels: Mapping[str, str] = {}
    gateways: tuple[str, ...] = ()
    source_namespace: str = ""


class TlsRoute(Spec, frozen=True):
    match: tuple[TlsMatch, ...] = ()
    route: tuple[RouteDestination, ...] = ()


class TcpMatch(Spec, frozen=True):
    destination_subnets: tuple[str, ...] = ()
    port: UInt32 = 0
    source_subnet: str = ""
    source_labels: Mapping[str, str] = {}
    gateways: tuple[str, ...] = ()
    source_namespace: str = ""


class TcpRoute(Spec, frozen=True):
    match: tuple[TcpMatch, ...] = ()
    route: tuple[RouteDestination, ...] = ()


class VirtualService(Spec, frozen=True):
    hosts: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    http: tuple[HttpRoute, ...] = ()
    tls: tuple[TlsRoute, ...] = ()
    tcp: tuple[TcpRoute, ...] = ()
    export_to: tuple[str, ...] = ()


VIRTUAL_SERVICE: Final[Kind[VirtualService]] = Kind("networking.istio.io", "VirtualService")
VirtualServiceKey = ObjectKey[VirtualService]
