"""``envoy.filters.network.rbac``: which connections are admitted, refused or marked.

It decides at the first bytes of a connection.
Source: envoy/extensions/filters/network/rbac/v3/rbac.proto.
"""

from collections.abc import Mapping
from typing import Final

from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.network.rbac.v3.rbac_pb2 import RBAC
from google.protobuf.any_pb2 import Any as Packed

from controlplane.envoy.http_filters.rbac import TRIED
from controlplane.envoy.network_filters.order import Slot
from controlplane.envoy.rbac import role_based_access
from controlplane.model.authorization import Authorization, Verdict

NAME: Final = "envoy.filters.network.rbac"
STAT_PREFIX: Final = "tcp."


SLOTS: Final[Mapping[Verdict, Slot]] = {
    Verdict.AUDIT: Slot.AUDIT,
    Verdict.DENY: Slot.DENY,
    Verdict.ALLOW: Slot.ALLOW,
}


def network_rbac_filter(config: bytes) -> Filter:
    """The filter with the configuration that ``network_rbac`` gives, encoded."""
    type_url = f"type.googleapis.com/{RBAC.DESCRIPTOR.full_name}"
    return Filter(name=NAME, typed_config=Packed(type_url=type_url, value=config))


def network_rbac(authorization: Authorization) -> RBAC:
    enforced, tried, verdict = authorization.enforced, authorization.tried, authorization.verdict
    return RBAC(
        rules=role_based_access(enforced, verdict) if enforced is not None else None,
        shadow_rules=role_based_access(tried, verdict) if tried is not None else None,
        shadow_rules_stat_prefix=TRIED[verdict] if tried is not None else "",
        stat_prefix=STAT_PREFIX,
    )
