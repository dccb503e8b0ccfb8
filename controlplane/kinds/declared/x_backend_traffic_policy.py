"""XBackendTrafficPolicy of the Gateway API's experimental channel."""

from typing import Final

from controlplane.kinds.gateway_api.backend_traffic_policy import (
    X_BACKEND_TRAFFIC_POLICY,
    BudgetDetails,
    RequestRate,
    RetryConstraint,
    XBackendTrafficPolicy,
)
from controlplane.kinds.gateway_api.common import LocalObjectReference
from controlplane.kinds.gateway_api.status import POLICY_STATUS
from controlplane.kinds.gateway_api.versions import X_V1ALPHA1
from controlplane.kinds.served import Fields, ServedKind, by
from controlplane.kinds.validation.gateway_api.admission import gateway_api

FIELDS: Final[Fields] = {
    XBackendTrafficPolicy: (
        by("queries.policy.backend_policies:targets_of", "target_refs"),
        by("translate.gateway_api.backend_policy:retry_budget", "retry_constraint"),
    ),
    LocalObjectReference: (
        by("queries.policy.backend_policies:targets_of", "group", "kind", "name"),
    ),
    RetryConstraint: (
        by("translate.gateway_api.backend_policy:retry_budget", "budget", "min_retry_rate"),
    ),
    BudgetDetails: (by("translate.gateway_api.backend_policy:retry_budget", "percent"),),
    RequestRate: (by("translate.gateway_api.backend_policy:retry_budget", "count"),),
}

KIND: Final = ServedKind(
    kind=X_BACKEND_TRAFFIC_POLICY,
    api_versions=X_V1ALPHA1,
    spec=XBackendTrafficPolicy,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
    status=POLICY_STATUS,
)
