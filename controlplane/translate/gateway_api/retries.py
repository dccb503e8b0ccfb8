"""``retry`` and ``timeouts`` of an HTTPRoute's rule.

Source: https://gateway-api.sigs.k8s.io/geps/gep-1731/, gep-1742; Istio
``pilot/pkg/config/kube/gateway/conversion.go`` (``convertHTTPRoute``).
"""

from datetime import timedelta
from typing import Final

from controlplane.kinds.gateway_api.http_route import (
    HttpRouteRetry,
    HttpRouteRule,
    HttpRouteTimeouts,
)
from controlplane.kinds.spec import Duration
from controlplane.model.gateway_api import Conformance
from controlplane.model.routing import NAMED_STATUSES, RetryPolicy

DEFAULT_ATTEMPTS: Final = 2
CONDITIONS: Final = ("connect-failure", "refused-stream", "unavailable", "cancelled")
BY_STATUS: Final = "retriable-status-codes"
RESET: Final = "reset"
"""Connections that break, and tries that run out of time. Istio repeats neither."""


def retry_policy(
    retry: HttpRouteRetry, rule: HttpRouteRule, *, sticky: bool, conformance: Conformance
) -> RetryPolicy:
    """``sticky``: requests go to one endpoint by hash, and their retries with them. Istio repeats
    only statuses that have a name.
    """
    by_specification = conformance is Conformance.SPECIFICATION
    statuses = tuple(each for each in retry.codes if by_specification or each in NAMED_STATUSES)
    return RetryPolicy(
        attempts=retry.attempts or DEFAULT_ATTEMPTS,
        conditions=(
            *CONDITIONS,
            *((RESET,) if by_specification else ()),
            *((BY_STATUS,) if statuses else ()),
        ),
        statuses=statuses,
        per_try_timeout=_tries_limit(rule),
        base_interval=_some(retry.backoff),
        avoids_tried_hosts=not sticky,
    )


def timeout(rule: HttpRouteRule) -> timedelta | None:
    """The limit of the whole request; ``None`` is no limit, as ``0s`` is."""
    times = rule.timeouts or HttpRouteTimeouts()
    single = None if rule.retry is not None else _some(times.backend_request)
    return single or _some(times.request)


def _tries_limit(rule: HttpRouteRule) -> timedelta | None:
    return _some(rule.timeouts.backend_request) if rule.timeouts is not None else None


def _some(duration: Duration | None) -> timedelta | None:
    """A length above zero."""
    return duration.length or None if duration is not None else None
