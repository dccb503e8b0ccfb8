"""GRPCRoute. Source: https://gateway-api.sigs.k8s.io/api-types/grpcroute/"""

from enum import Enum
from typing import Annotated, Final

from msgspec import Meta

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.gateway_api.common import (
    BackendRef,
    GatewayDefaultScope,
    LocalObjectReference,
    ParentReferences,
    SessionPersistence,
)
from controlplane.kinds.gateway_api.http_filters import HttpHeaderFilter, HttpRequestMirrorFilter
from controlplane.kinds.gateway_api.http_route import ValueMatchType
from controlplane.kinds.gateway_api.text import (
    HeaderName,
    HeaderValue,
    Hostname,
    PathText,
    SectionName,
)
from controlplane.kinds.gateway_api.versions import GATEWAY_API
from controlplane.kinds.spec import Spec


class GrpcMethodMatch(Spec, frozen=True):
    """``service`` or ``method`` is set, or both."""

    type: ValueMatchType = ValueMatchType.EXACT
    service: PathText | None = None
    method: PathText | None = None


class GrpcHeaderMatch(Spec, frozen=True):
    type: ValueMatchType = ValueMatchType.EXACT
    name: HeaderName = ""
    value: HeaderValue = ""


class GrpcRouteMatch(Spec, frozen=True):
    """All that is set must match."""

    method: GrpcMethodMatch | None = None
    headers: Annotated[tuple[GrpcHeaderMatch, ...], Meta(max_length=16)] = ()


class GrpcRouteFilterType(Enum):
    REQUEST_HEADER_MODIFIER = "RequestHeaderModifier"
    RESPONSE_HEADER_MODIFIER = "ResponseHeaderModifier"
    REQUEST_MIRROR = "RequestMirror"
    EXTENSION_REF = "ExtensionRef"


class GrpcRouteFilter(Spec, frozen=True):
    """Exactly the field that ``type`` names is set."""

    type: GrpcRouteFilterType = GrpcRouteFilterType.REQUEST_HEADER_MODIFIER
    request_header_modifier: HttpHeaderFilter | None = None
    response_header_modifier: HttpHeaderFilter | None = None
    request_mirror: HttpRequestMirrorFilter | None = None
    extension_ref: LocalObjectReference | None = None


GrpcRouteFilters = Annotated[tuple[GrpcRouteFilter, ...], Meta(max_length=16)]


class GrpcBackendRef(BackendRef, frozen=True):
    """``filters`` apply only to the calls that this backend gets."""

    filters: GrpcRouteFilters = ()


class GrpcRouteRule(Spec, frozen=True):
    """Any of the ``matches`` will do; without one every call matches."""

    name: SectionName = ""
    matches: Annotated[tuple[GrpcRouteMatch, ...], Meta(max_length=64)] = ()
    filters: GrpcRouteFilters = ()
    backend_refs: Annotated[tuple[GrpcBackendRef, ...], Meta(max_length=16)] = ()
    session_persistence: SessionPersistence | None = None


class GrpcRoute(Spec, frozen=True):
    parent_refs: ParentReferences = ()
    use_default_gateways: GatewayDefaultScope | None = None
    hostnames: Annotated[tuple[Hostname, ...], Meta(max_length=16)] = ()
    rules: Annotated[tuple[GrpcRouteRule, ...], Meta(max_length=16)] = ()


GRPC_ROUTE: Final[Kind[GrpcRoute]] = Kind(GATEWAY_API, "GRPCRoute")
GrpcRouteKey = ObjectKey[GrpcRoute]
