"""WorkloadEntry. Source: https://istio.io/latest/docs/reference/config/networking/workload-entry/"""

from collections.abc import Mapping
from typing import Final

from controlplane.base.names import Kind
from controlplane.kinds.spec import Spec, UInt32


class WorkloadEntry(Spec, frozen=True):
    """Also inline, as an endpoint of a ServiceEntry."""

    address: str = ""
    ports: Mapping[str, UInt32] = {}
    labels: Mapping[str, str] = {}
    network: str = ""
    locality: str = ""
    weight: UInt32 = 0
    service_account: str = ""


WORKLOAD_ENTRY: Final[Kind[WorkloadEntry]] = Kind("networking.istio.io", "WorkloadEntry")
