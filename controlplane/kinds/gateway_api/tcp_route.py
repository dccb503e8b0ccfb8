"""TCPRoute. Source: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#tcproute"""

from typing import Annotated, Final

from msgspec import Meta

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.gateway_api.common import (
    BackendRef,
    GatewayDefaultScope,
    ParentReferences,
)
from controlplane.kinds.gateway_api.text import SectionName
from controlplane.kinds.gateway_api.versions import GATEWAY_API
from controlplane.kinds.spec import Spec


class TcpRouteRule(Spec, frozen=True):
    name: SectionName = ""
    backend_refs: Annotated[tuple[BackendRef, ...], Meta(min_length=1, max_length=16)] = ()


class TcpRoute(Spec, frozen=True):
    """v1 has one rule; v1alpha2 may have up to 16."""

    parent_refs: ParentReferences = ()
    use_default_gateways: GatewayDefaultScope | None = None
    rules: Annotated[tuple[TcpRouteRule, ...], Meta(min_length=1, max_length=16)] = ()


TCP_ROUTE: Final[Kind[TcpRoute]] = Kind(GATEWAY_API, "TCPRoute")
TcpRouteKey = ObjectKey[TcpRoute]
