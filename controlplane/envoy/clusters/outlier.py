"""When an endpoint is left out for a while.

Source: envoy/config/cluster/v3/outlier_detection.proto, and Istio ``applyOutlierDetection``.
"""

from envoy.config.cluster.v3.outlier_detection_pb2 import OutlierDetection as Message
from google.protobuf.wrappers_pb2 import UInt32Value

from controlplane.envoy.optional import opt, uint32
from controlplane.model.traffic_policy import OutlierDetection


def outlier_detection(outlier: OutlierDetection) -> Message:
    """Success rates never eject; each count ejects for certain, or not at all where it is zero."""
    splits = outlier.splits_local_origin_errors
    local_failures = outlier.consecutive_local_origin_failures if splits else None
    return Message(
        consecutive_5xx=opt(uint32, outlier.consecutive_5xx),
        interval=outlier.interval,
        base_ejection_time=outlier.base_ejection_time,
        max_ejection_percent=opt(uint32, outlier.max_ejection_percent),
        enforcing_consecutive_5xx=opt(_enforced, outlier.consecutive_5xx),
        enforcing_success_rate=uint32(0),
        consecutive_gateway_failure=opt(uint32, outlier.consecutive_gateway_errors),
        enforcing_consecutive_gateway_failure=opt(_enforced, outlier.consecutive_gateway_errors),
        split_external_local_origin_errors=splits,
        consecutive_local_origin_failure=opt(uint32, local_failures),
        enforcing_consecutive_local_origin_failure=opt(_enforced, local_failures),
        enforcing_local_origin_success_rate=uint32(0) if splits else None,
    )


def _enforced(count: int) -> UInt32Value:
    return uint32(100 if count else 0)
