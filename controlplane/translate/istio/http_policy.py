"""``fault`` and ``corsPolicy`` of a VirtualService's HTTP rule.

Source: https://istio.io/latest/docs/reference/config/networking/virtual-
service/#HTTPFaultInjection, #CorsPolicy
"""

import math
from collections.abc import Mapping
from typing import Final

from controlplane.kinds.istio.virtual_service import (
    Abort as AbortSpec,
    CorsPolicy,
    Delay as DelaySpec,
    HttpFault,
    Percent,
    UnmatchedPreflights,
)
from controlplane.model.http_match import Exact, Prefix, Present, Regex, TextMatch
from controlplane.model.http_policy import AbortGrpc, AbortHttp, Cors, Delay, Fault
from controlplane.translate.istio.durations import length
from controlplane.translate.istio.http_match import value_match

MILLION: Final = 1_000_000
GRPC_STATUSES: Final[Mapping[str, int]] = {
    "OK": 0,
    "CANCELLED": 1,
    "UNKNOWN": 2,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "OUT_OF_RANGE": 11,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "DATA_LOSS": 15,
    "UNAUTHENTICATED": 16,
}
"""Source: gRPC, doc/statuscodes.md."""
MAX_STATUS: Final = 599  # envoy/extensions/filters/http/fault/v3/fault.proto (FaultAbort)


def parts_per_million(percent: Percent) -> int:
    """A percentage as parts of a million, rounded down; at most all of them."""
    return min(math.floor(percent.value * 10_000), MILLION)


def http_fault(fault: HttpFault) -> Fault | None:
    """The fault; a delay or abort without a percentage never comes."""
    delay = _delay(fault.delay) if fault.delay else None
    abort = _abort(fault.abort) if fault.abort else None
    return Fault(delay=delay, abort=abort) if delay or abort else None


def _delay(delay: DelaySpec) -> Delay | None:
    waited = length(delay.fixed_delay)
    if not waited:
        return None
    # Istio hands a negative percent to Envoy without its sign: such a delay always comes.
    percent = Percent(value=delay.percent % 2**32)
    return Delay(length=waited, parts_per_million=parts_per_million(delay.percentage or percent))


def _abort(abort: AbortSpec) -> AbortHttp | AbortGrpc | None:
    share = parts_per_million(abort.percentage or Percent())
    if abort.http_status is not None:
        return AbortHttp(status=min(abort.http_status, MAX_STATUS), parts_per_million=share)
    if abort.grpc_status is not None:
        return AbortGrpc(status=GRPC_STATUSES[abort.grpc_status], parts_per_million=share)
    return None


def cors(policy: CorsPolicy) -> Cors:
    """The policy; the deprecated ``allowOrigin`` is used where there is no ``allowOrigins``."""
    origins = (origin for text in policy.allow_origins if (origin := _origin(value_match(text))))
    return Cors(
        origins=tuple(origins) or tuple(Exact(text) for text in policy.allow_origin),
        methods=policy.allow_methods,
        headers=policy.allow_headers,
        exposed_headers=policy.expose_headers,
        max_age=length(policy.max_age),
        credentials=policy.allow_credentials,
        forwards_unmatched_preflights=policy.unmatched_preflights is not UnmatchedPreflights.IGNORE,
    )


def _origin(value: Exact | Prefix | Regex | Present) -> TextMatch | None:
    """An empty origin (no field, an empty prefix) admits none."""
    return None if isinstance(value, Present) or value == Prefix("") else value
