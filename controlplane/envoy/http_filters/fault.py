"""``envoy.filters.http.fault``: delays and aborts that are injected on purpose.

The filter is installed empty; the configuration of a route switches it on for that route.
Source: envoy/extensions/filters/http/fault/v3/fault.proto.
"""

from typing import Final

from envoy.extensions.filters.common.fault.v3.fault_pb2 import FaultDelay
from envoy.extensions.filters.http.fault.v3.fault_pb2 import FaultAbort, HTTPFault
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)

from controlplane.envoy.fraction import fraction
from controlplane.envoy.packing import packed
from controlplane.model.http_policy import AbortGrpc, AbortHttp, Delay, Fault

NAME: Final = "envoy.filters.http.fault"


def fault() -> hcm.HttpFilter:
    return hcm.HttpFilter(name=NAME, typed_config=packed(HTTPFault()))


def http_fault(injected: Fault) -> HTTPFault:
    """What a route says."""
    return HTTPFault(
        delay=_delay(injected.delay) if injected.delay else None,
        abort=_abort(injected.abort) if injected.abort else None,
    )


def _delay(delay: Delay) -> FaultDelay:
    return FaultDelay(
        fixed_delay=delay.length,
        percentage=fraction(delay.parts_per_million),
    )


def _abort(abort: AbortHttp | AbortGrpc) -> FaultAbort:
    return FaultAbort(
        http_status=abort.status if isinstance(abort, AbortHttp) else None,
        grpc_status=abort.status if isinstance(abort, AbortGrpc) else None,
        percentage=fraction(abort.parts_per_million),
    )
