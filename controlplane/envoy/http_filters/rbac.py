"""``envoy.filters.http.rbac``: which requests are admitted, refused or marked.

Source: envoy/extensions/filters/http/rbac/v3/rbac.proto.
"""

from collections.abc import Mapping
from typing import Final

from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.any_pb2 import Any as Packed

from controlplane.envoy.http_filters.order import Slot
from controlplane.envoy.rbac import role_based_access
from controlplane.model.authorization import Authorization, Verdict

NAME: Final = "envoy.filters.http.rbac"
TRIED: Final[Mapping[Verdict, str]] = {
    Verdict.AUDIT: "",
    Verdict.DENY: "istio_dry_run_deny_",
    Verdict.ALLOW: "istio_dry_run_allow_",
}
"""What statistics and metadata of dry runs begin with, as in Istio."""


SLOTS: Final[Mapping[Verdict, Slot]] = {
    Verdict.AUDIT: Slot.AUDIT,
    Verdict.DENY: Slot.DENY,
    Verdict.ALLOW: Slot.ALLOW,
}


def http_rbac_filter(config: bytes) -> hcm.HttpFilter:
    """The filter with the configuration that ``http_rbac`` gives, encoded."""
    type_url = f"type.googleapis.com/{RBAC.DESCRIPTOR.full_name}"
    return hcm.HttpFilter(name=NAME, typed_config=Packed(type_url=type_url, value=config))


def http_rbac(authorization: Authorization) -> RBAC:
    enforced, tried, verdict = authorization.enforced, authorization.tried, authorization.verdict
    return RBAC(
        rules=role_based_access(enforced, verdict) if enforced is not None else None,
        shadow_rules=role_based_access(tried, verdict) if tried is not None else None,
        shadow_rules_stat_prefix=TRIED[verdict] if tried is not None else "",
    )
