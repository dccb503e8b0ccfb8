"""A rate limit server: limits for descriptors, per second, minute, hour or day, counted in windows.

As envoyproxy/ratelimit, which is Go: a descriptor without a limit of its own is not limited, one
over its limit makes the answer OVER_LIMIT. Source: envoy/service/ratelimit/v3/rls.proto
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from envoy.service.ratelimit.v3.rls_pb2 import RateLimitRequest, RateLimitResponse

SECONDS: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_METHOD: Final = "envoy.service.ratelimit.v3.RateLimitService"
Descriptor = tuple[tuple[str, str], ...]
"""Keys and values; an empty value stands for any, each counted by itself."""


@dataclass(frozen=True, slots=True)
class Limit:
    requests: int
    unit: str = "minute"


@dataclass(slots=True)
class RateLimitServer:
    """``asked`` are the descriptors of every question, the newest last."""

    domain: str
    limits: Mapping[Descriptor, Limit]
    now: Callable[[], float] = time.monotonic
    asked: list[Descriptor] = field(default_factory=list)
    _counts: Counter[tuple[Descriptor, int]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: RateLimitRequest) -> RateLimitResponse:
        statuses = [
            self._status(request.domain, tuple((e.key, e.value) for e in one.entries))
            for one in request.descriptors
        ]
        over = any(s.code == RateLimitResponse.OVER_LIMIT for s in statuses)
        code = RateLimitResponse.OVER_LIMIT if over else RateLimitResponse.OK
        return RateLimitResponse(overall_code=code, statuses=statuses)

    def _status(self, domain: str, descriptor: Descriptor) -> RateLimitResponse.DescriptorStatus:
        limit = self._limit(descriptor) if domain == self.domain else None
        with self._lock:
            self.asked.append(descriptor)
            if limit is None:
                return RateLimitResponse.DescriptorStatus(code=RateLimitResponse.OK)
            window = (descriptor, int(self.now() // SECONDS[limit.unit]))
            self._counts[window] += 1
            left = limit.requests - self._counts[window]
        code = RateLimitResponse.OK if left >= 0 else RateLimitResponse.OVER_LIMIT
        return RateLimitResponse.DescriptorStatus(code=code, limit_remaining=max(left, 0))

    def _limit(self, descriptor: Descriptor) -> Limit | None:
        of_any = tuple((key, "") for key, _ in descriptor)
        return self.limits.get(descriptor) or self.limits.get(of_any)


@contextmanager
def running(server: RateLimitServer, address: str) -> Iterator[RateLimitServer]:
    """Serve at ``HOST:PORT`` until the block ends."""

    def should_rate_limit(request: RateLimitRequest, _: Any) -> RateLimitResponse:
        return server.answer(request)

    handler = grpc.unary_unary_rpc_method_handler(
        should_rate_limit,
        request_deserializer=RateLimitRequest.FromString,
        response_serializer=RateLimitResponse.SerializeToString,
    )
    served = grpc.server(ThreadPoolExecutor(4))
    handlers = {"ShouldRateLimit": handler}
    served.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_METHOD, handlers),))
    served.add_insecure_port(address)
    served.start()
    try:
        yield server
    finally:
        served.stop(0).wait()
