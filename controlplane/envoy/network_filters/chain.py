"""The network filters of a chain, in order.

Source: envoy/config/listener/v3/listener_components.proto (``FilterChain.filters``).
"""

from typing import assert_never

from envoy.config.listener.v3.listener_components_pb2 import Filter

from controlplane.envoy.network_filters.discovered import SLOTS as PHASES, network_discovered
from controlplane.envoy.network_filters.ext_authz import network_ext_authz_filter
from controlplane.envoy.network_filters.http_connection_manager import http_connection_manager
from controlplane.envoy.network_filters.mongo_proxy import mongo_proxy
from controlplane.envoy.network_filters.order import ORDER, Slot
from controlplane.envoy.network_filters.rbac import SLOTS, network_rbac_filter
from controlplane.envoy.network_filters.sni_dynamic_forward_proxy import sni_dynamic_forward_proxy
from controlplane.envoy.network_filters.tcp_proxy import tcp_proxy
from controlplane.envoy.policy_configs import PolicyConfigs
from controlplane.envoy.slots import in_order
from controlplane.model.authorization import Authorization
from controlplane.model.extension import WasmFilter
from controlplane.model.external_authorization import CustomRules, ExternalCheck
from controlplane.model.plan.network_filters import (
    DynamicForwardProxySni,
    HttpConnectionManager,
    MongoProxy,
    NetworkFilter,
    TcpProxy,
)


def network_filters(
    filters: tuple[NetworkFilter, ...], policies: PolicyConfigs
) -> tuple[Filter, ...]:
    return in_order((_slotted(filter_, policies) for filter_ in filters), ORDER)


def _slotted(filter_: NetworkFilter, policies: PolicyConfigs) -> tuple[Slot, Filter]:
    match filter_:
        case Authorization(verdict=verdict):
            return SLOTS[verdict], network_rbac_filter(policies[filter_])
        case CustomRules():
            return Slot.EXTERNAL_AUTHORIZATION, network_rbac_filter(policies[filter_])
        case ExternalCheck():
            return Slot.EXTERNAL_AUTHORIZATION, network_ext_authz_filter(policies[filter_])
        case WasmFilter(phase=phase):
            return PHASES[phase], network_discovered(filter_)
        case HttpConnectionManager():
            return Slot.TERMINAL, http_connection_manager(filter_, policies)
        case MongoProxy():
            return Slot.READS, mongo_proxy(filter_)
        case DynamicForwardProxySni():
            return Slot.LOOKS_UP, sni_dynamic_forward_proxy(filter_)
        case TcpProxy():
            return Slot.TERMINAL, tcp_proxy(filter_)
    assert_never(filter_)
