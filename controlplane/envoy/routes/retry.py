"""When and where a failed try is repeated.

Source: envoy/config/route/v3/route_components.proto (``RetryPolicy``).
"""

from typing import Final

from envoy.config.route.v3.route_components_pb2 import RetryPolicy as RetryPolicyMessage
from envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2 import PreviousHostsPredicate
from envoy.extensions.retry.priority.previous_priorities.v3.previous_priorities_config_pb2 import (
    PreviousPrioritiesConfig,
)
from google.protobuf.wrappers_pb2 import UInt32Value

from controlplane.envoy.packing import packed
from controlplane.model.routing import RetryPolicy

HOST_SELECTION_ATTEMPTS: Final = 5  # Istio, pilot/pkg/networking/core/route/retry
PRIORITY_UPDATE_FREQUENCY: Final = 2  # likewise: every second try looks for another priority


def retry_policy(retry: RetryPolicy) -> RetryPolicyMessage:
    return RetryPolicyMessage(
        retry_on=",".join(retry.conditions),
        num_retries=UInt32Value(value=retry.attempts),
        per_try_timeout=retry.per_try_timeout,
        retry_priority=_other_priorities() if retry.prefers_other_priorities else None,
        retry_host_predicate=[_other_hosts()] if retry.avoids_tried_hosts else [],
        host_selection_retry_max_attempts=HOST_SELECTION_ATTEMPTS,
        retriable_status_codes=retry.statuses,
        retry_back_off=(
            RetryPolicyMessage.RetryBackOff(base_interval=retry.base_interval)
            if retry.base_interval
            else None
        ),
    )


def _other_priorities() -> RetryPolicyMessage.RetryPriority:
    return RetryPolicyMessage.RetryPriority(
        name="envoy.retry_priorities.previous_priorities",
        typed_config=packed(PreviousPrioritiesConfig(update_frequency=PRIORITY_UPDATE_FREQUENCY)),
    )


def _other_hosts() -> RetryPolicyMessage.RetryHostPredicate:
    return RetryPolicyMessage.RetryHostPredicate(
        name="envoy.retry_host_predicates.previous_hosts",
        typed_config=packed(PreviousHostsPredicate()),
    )
