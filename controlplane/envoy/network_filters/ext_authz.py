"""``envoy.filters.network.ext_authz``: a provider decides the connections that are marked for it.

Source: envoy/extensions/filters/network/ext_authz/v3/ext_authz.proto.
"""

from typing import Final

from envoy.config.core.v3.config_source_pb2 import ApiVersion
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.network.ext_authz.v3.ext_authz_pb2 import ExtAuthz
from envoy.extensions.filters.network.rbac.v3.rbac_pb2 import RBAC
from google.protobuf.any_pb2 import Any as Packed

from controlplane.envoy.ext_authz import MARKS, grpc_service, marked, marking_rules
from controlplane.envoy.network_filters.rbac import NAME as RBAC_NAME, STAT_PREFIX
from controlplane.model.external_authorization import CustomRules, Provider

NAME: Final = "envoy.filters.network.ext_authz"


def network_ext_authz_filter(config: bytes) -> Filter:
    """The filter with the configuration that ``network_ext_authz`` gives, encoded."""
    type_url = f"type.googleapis.com/{ExtAuthz.DESCRIPTOR.full_name}"
    return Filter(name=NAME, typed_config=Packed(type_url=type_url, value=config))


def network_custom_rules(rules: CustomRules) -> RBAC:
    """The configuration of the filter before it, which marks the connections, or refuses them."""
    found = marking_rules(rules)
    if rules.refused is not None:
        return RBAC(rules=found, stat_prefix=STAT_PREFIX)
    return RBAC(shadow_rules=found, shadow_rules_stat_prefix=MARKS, stat_prefix=STAT_PREFIX)


def network_ext_authz(provider: Provider) -> ExtAuthz:
    return ExtAuthz(
        stat_prefix=STAT_PREFIX,
        grpc_service=grpc_service(provider),
        failure_mode_allow=provider.fails_open,
        transport_api_version=ApiVersion.V3,
        filter_enabled_metadata=marked(provider, RBAC_NAME),
    )
