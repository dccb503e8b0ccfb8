"""Which side of a call a listener is on, and what of a Telemetry is about it.

Source: Istio ``pilot/pkg/model/telemetry.go`` (``workloadMode``, ``matchWorkloadMode``)
"""

from typing import Final

from controlplane.kinds.istio.telemetry import WorkloadMode
from controlplane.model.http_settings import ListenerContext

SIDES: Final = {
    ListenerContext.GATEWAY: WorkloadMode.CLIENT,
    ListenerContext.OUTBOUND: WorkloadMode.CLIENT,
    ListenerContext.INBOUND: WorkloadMode.SERVER,
}


def is_about(mode: WorkloadMode, side: WorkloadMode) -> bool:
    """Whether what is said for ``mode`` holds on ``side``, which is CLIENT or SERVER."""
    return mode in (side, WorkloadMode.CLIENT_AND_SERVER)
