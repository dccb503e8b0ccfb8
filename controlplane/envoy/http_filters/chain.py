"""The filters of a connection manager, in order.

Source: envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto
(``http_filters``).
"""

from typing import assert_never

from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)

from controlplane.envoy.http_filters.cors import cors
from controlplane.envoy.http_filters.discovered import SLOTS as PHASES, http_discovered
from controlplane.envoy.http_filters.dynamic_forward_proxy import dynamic_forward_proxy
from controlplane.envoy.http_filters.ext_authz import http_ext_authz_filter, route_ext_authz
from controlplane.envoy.http_filters.fault import fault
from controlplane.envoy.http_filters.grpc_stats import grpc_stats
from controlplane.envoy.http_filters.grpc_web import grpc_web
from controlplane.envoy.http_filters.jwt_authn import jwt_authn_filter
from controlplane.envoy.http_filters.lua import lua
from controlplane.envoy.http_filters.offered_protocols import offered_protocols
from controlplane.envoy.http_filters.order import ORDER, Slot
from controlplane.envoy.http_filters.rbac import SLOTS, http_rbac_filter
from controlplane.envoy.http_filters.router import router
from controlplane.envoy.http_filters.stateful_session import stateful_session
from controlplane.envoy.policy_configs import PolicyConfigs
from controlplane.envoy.slots import in_order
from controlplane.model.authorization import Authorization
from controlplane.model.extension import LuaFilter, WasmFilter
from controlplane.model.external_authorization import CustomRules, ExternalCheck
from controlplane.model.plan.network_filters import (
    CrossOrigin,
    DynamicForwardProxyHttp,
    FaultInjection,
    GrpcStats,
    GrpcWeb,
    HttpFilter,
    KeptSessions,
    OfferedProtocols,
    RouteCheck,
    Router,
)
from controlplane.model.tokens import JwtAuthentication


def http_filters(
    filters: tuple[HttpFilter, ...], policies: PolicyConfigs
) -> tuple[hcm.HttpFilter, ...]:
    return in_order((_slotted(filter_, policies) for filter_ in filters), ORDER)


def _slotted(filter_: HttpFilter, policies: PolicyConfigs) -> tuple[Slot, hcm.HttpFilter]:
    match filter_:
        case Authorization(verdict=verdict):
            return SLOTS[verdict], http_rbac_filter(policies[filter_])
        case CustomRules():
            return Slot.EXTERNAL_AUTHORIZATION, http_rbac_filter(policies[filter_])
        case ExternalCheck():
            return Slot.EXTERNAL_AUTHORIZATION, http_ext_authz_filter(policies[filter_])
        case JwtAuthentication():
            return Slot.JWT, jwt_authn_filter(policies[filter_])
        case WasmFilter(phase=phase):
            return PHASES[phase], http_discovered(filter_)
        case LuaFilter(phase=phase):
            return PHASES[phase], lua(filter_)
        case GrpcWeb():
            return Slot.GRPC_WEB, grpc_web()
        case GrpcStats():
            return Slot.GRPC_STATS, grpc_stats()
        case OfferedProtocols():
            return Slot.OFFERED_PROTOCOLS, offered_protocols()
        case FaultInjection():
            return Slot.FAULT, fault()
        case CrossOrigin():
            return Slot.CORS, cors()
        case RouteCheck(provider=provider):
            return Slot.ROUTE_CHECK, route_ext_authz(provider)
        case KeptSessions():
            return Slot.SESSIONS, stateful_session()
        case DynamicForwardProxyHttp():
            return Slot.DYNAMIC_FORWARD_PROXY, dynamic_forward_proxy(filter_)
        case Router(shows_envoy_headers=shows):
            return Slot.ROUTER, router(shows_envoy_headers=shows)
    assert_never(filter_)
