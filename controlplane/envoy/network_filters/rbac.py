"""``envoy.filters.network.rbac``: which connections are admitted, refused or marked.

It decides at the first bytes of a connection.
Source: envoy/extensions/filters/network/rbac/v3/rbac.proto.
"""

from typing import Final

from envoy.extensions.filters.network.rbac.v3.rbac_pb2 import RBAC

from controlplane.envoy.http_filters.rbac import TRIED
from controlplane.envoy.rbac import role_based_access
from controlplane.model.authorization import Authorization

NAME: Final = "envoy.filters.network.rbac"
STAT_PREFIX: Final = "tcp."


def network_rbac(authorization: Authorization) -> RBAC:
    enforced, tried, verdict = authorization.enforced, authorization.tried, authorization.verdict
    return RBAC(
        rules=role_based_access(enforced, verdict) if enforced is not None else None,
        shadow_rules=role_based_access(tried, verdict) if tried is not None else None,
        shadow_rules_stat_prefix=TRIED[verdict] if tried is not None else "",
        stat_prefix=STAT_PREFIX,
    )
