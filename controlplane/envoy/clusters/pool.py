"""How many connections and requests a cluster may have at once.

Source: envoy/config/cluster/v3/circuit_breaker.proto.
"""

from typing import Final

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.type.v3.percent_pb2 import Percent

from controlplane.envoy.optional import opt, uint32
from controlplane.model.traffic_policy import ConnectionPool, RetryBudget

UNLIMITED: Final = 4_294_967_295  # uint32; Envoy's own limits are low, Istio has none


def circuit_breakers(pool: ConnectionPool, budget: RetryBudget | None) -> CircuitBreakers:
    return CircuitBreakers(
        thresholds=[
            CircuitBreakers.Thresholds(
                max_connections=uint32(pool.max_connections or UNLIMITED),
                max_pending_requests=uint32(pool.max_pending_requests or UNLIMITED),
                max_requests=uint32(pool.max_requests or UNLIMITED),
                max_retries=uint32(pool.max_retries or UNLIMITED),
                retry_budget=opt(_retry_budget, budget),
            )
        ]
    )


def _retry_budget(budget: RetryBudget) -> CircuitBreakers.Thresholds.RetryBudget:
    return CircuitBreakers.Thresholds.RetryBudget(
        budget_percent=opt(lambda percent: Percent(value=percent), budget.percent),
        min_retry_concurrency=opt(uint32, budget.min_concurrency),
    )
