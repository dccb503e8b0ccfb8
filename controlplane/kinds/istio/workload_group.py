"""WorkloadGroup. Source: https://istio.io/latest/docs/reference/config/networking/workload-group/"""

from collections.abc import Mapping
from typing import Final

from controlplane.base.names import Kind
from controlplane.kinds.istio.workload_entry import WorkloadEntry
from controlplane.kinds.spec import Int32, Spec, UInt32


class ObjectMeta(Spec, frozen=True):
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}


class HttpHeader(Spec, frozen=True):
    name: str = ""
    value: str = ""


class HttpProbe(Spec, frozen=True):
    path: str = ""
    port: UInt32 = 0
    host: str = ""
    scheme: str = ""
    http_headers: tuple[HttpHeader, ...] = ()


class TcpProbe(Spec, frozen=True):
    host: str = ""
    port: UInt32 = 0


class ExecProbe(Spec, frozen=True):
    command: tuple[str, ...] = ()


class GrpcProbe(Spec, frozen=True):
    port: UInt32 = 0
    service: str = ""


class ReadinessProbe(Spec, frozen=True):
    initial_delay_seconds: Int32 = 0
    timeout_seconds: Int32 = 0
    period_seconds: Int32 = 0
    success_threshold: Int32 = 0
    failure_threshold: Int32 = 0
    http_get: HttpProbe | None = None
    tcp_socket: TcpProbe | None = None
    exec: ExecProbe | None = None
    grpc: GrpcProbe | None = None


class WorkloadGroup(Spec, frozen=True):
    metadata: ObjectMeta | None = None
    template: WorkloadEntry | None = None
    probe: ReadinessProbe | None = None


WORKLOAD_GROUP: Final[Kind[WorkloadGroup]] = Kind("networking.istio.io", "WorkloadGroup")
