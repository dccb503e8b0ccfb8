"""TLSRoute. Source: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#tlsroute"""

from typing import Annotated, Final

from msgspec import Meta

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.gateway_api.common import (
    BackendRef,
    GatewayDefaultScope,
    ParentReferences,
)
from controlplane.kinds.gateway_api.text import Hostname, SectionName
from controlplane.kinds.gateway_api.versions import GATEWAY_API
from controlplane.kinds.spec import Spec


class TlsRouteRule(Spec, frozen=True):
    name: SectionName = ""
    backend_refs: Annotated[tuple[BackendRef, ...], Meta(min_length=1, max_length=16)] = ()


class TlsRoute(Spec, frozen=True):
    """``hostnames`` are what a client may ask for in the SNI; v1alpha2 may leave them out.

    v1 and v1alpha3 have one rule; v1alpha2 may have up to 16.
    """

    parent_refs: ParentReferences = ()
    use_default_gateways: GatewayDefaultScope | None = None
    hostnames: Annotated[tuple[Hostname, ...], Meta(max_length=1024)] = ()
    rules: Annotated[tuple[TlsRouteRule, ...], Meta(min_length=1, max_length=16)] = ()


TLS_ROUTE: Final[Kind[TlsRoute]] = Kind(GATEWAY_API, "TLSRoute")
TlsRouteKey = ObjectKey[TlsRoute]
