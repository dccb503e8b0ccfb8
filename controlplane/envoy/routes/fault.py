"""Faults that a route injects: the per-route configuration of Envoy's fault filter.

Source: envoy/extensions/filters/http/fault/v3/fault.proto.
"""

from typing import Final

from envoy.extensions.filters.common.fault.v3.fault_pb2 import FaultDelay
from envoy.extensions.filters.http.fault.v3.fault_pb2 import FaultAbort
from envoy.extensions.filters.http.fault.v3.fault_pb2 import HTTPFault

from controlplane.envoy.routes.fraction import fraction
from controlplane.model.http_policy import AbortGrpc
from controlplane.model.http_policy import AbortHttp
from controlplane.model.http_policy import Delay
from controlplane.model.http_policy import Fault

FILTER: Final = "envoy.filters.http.fault"


def http_fault(fault: Fault) -> HTTPFault:
    return HTTPFault(
        delay=_delay(fault.delay) if fault.delay else None,
        abort=_abort(fault.abort) if fault.abort else None,
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
