"""``retries`` of a rule, or the mesh's or Istio's own policy where it has none.

Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRetry
"""

import re
from typing import Final

from controlplane.kinds.istio.virtual_service import HttpRetry
from controlplane.model.routing import NAMED_STATUSES, RetryPolicy
from controlplane.translate.istio.durations import length

DEFAULT_ATTEMPTS: Final = 2
DEFAULT_CONDITIONS: Final = (
    "connect-failure",
    "refused-stream",
    "unavailable",
    "cancelled",
    "retriable-status-codes",
)
"""Without statuses the last one honours only what x-envoy-retriable-status-codes asks for."""
BY_STATUS: Final = "retriable-status-codes"
_NUMBER: Final = re.compile(r"\+?[0-9]{1,9}")


def retry_policy(retries: HttpRetry | None, *, sticky: bool) -> RetryPolicy | None:
    """The policy; ``None`` when it is switched off by ``attempts: 0``.

    What the user leaves out is Istio's default. ``sticky``: requests go to one endpoint by hash,
    and their retries with them unless ``retryIgnorePreviousHosts`` says otherwise.
    """
    if retries is None:
        return RetryPolicy(
            attempts=DEFAULT_ATTEMPTS, conditions=DEFAULT_CONDITIONS, avoids_tried_hosts=not sticky
        )
    if retries.attempts <= 0:
        return None
    conditions, statuses = retry_on(retries.retry_on)
    elsewhere = retries.retry_ignore_previous_hosts
    return RetryPolicy(
        attempts=retries.attempts,
        conditions=conditions,
        statuses=statuses,
        per_try_timeout=length(retries.per_try_timeout),
        base_interval=length(retries.backoff),
        avoids_tried_hosts=not sticky if elsewhere is None else elsewhere,
        prefers_other_priorities=retries.retry_remote_localities is True,
    )


def retry_on(text: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """``"5xx,503"`` is the condition ``5xx`` and the status 503, which needs a condition of its
    own.
    """
    if not text:
        return DEFAULT_CONDITIONS, ()
    parts = [part for part in (part.strip() for part in text.split(",")) if part]
    statuses = tuple(int(part) for part in parts if _is_status(part))
    conditions = tuple(part for part in parts if not _is_status(part))
    if statuses and BY_STATUS not in conditions:
        conditions += (BY_STATUS,)
    return conditions, statuses


def _is_status(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and int(text) in NAMED_STATUSES
