"""XBackendTrafficPolicy: retry budgets and sessions of a Service's callers.

Source: https://gateway-api.sigs.k8s.io/geps/gep-3388/
"""

from datetime import timedelta
from typing import Annotated, Final

from msgspec import Meta

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.gateway_api.common import LocalObjectReference, SessionPersistence
from controlplane.kinds.gateway_api.text import Percentage, RequestCount
from controlplane.kinds.gateway_api.versions import GATEWAY_API_X
from controlplane.kinds.spec import Duration, Spec


class BudgetDetails(Spec, frozen=True):
    """``percent`` of the requests within ``interval`` may be retries."""

    percent: Percentage = 20
    interval: Duration = Duration(timedelta(seconds=10))


class RequestRate(Spec, frozen=True):
    """``count`` requests per ``interval``; empty where the user wrote an empty mapping."""

    count: RequestCount | None = None
    interval: Duration | None = None


class RetryConstraint(Spec, frozen=True):
    budget: BudgetDetails = BudgetDetails()
    min_retry_rate: RequestRate = RequestRate(count=10, interval=Duration(timedelta(seconds=1)))


class XBackendTrafficPolicy(Spec, frozen=True):
    target_refs: Annotated[tuple[LocalObjectReference, ...], Meta(min_length=1, max_length=16)] = ()
    retry_constraint: RetryConstraint | None = None
    session_persistence: SessionPersistence | None = None


X_BACKEND_TRAFFIC_POLICY: Final[Kind[XBackendTrafficPolicy]] = Kind(
    GATEWAY_API_X, "XBackendTrafficPolicy"
)
XBackendTrafficPolicyKey = ObjectKey[XBackendTrafficPolicy]
