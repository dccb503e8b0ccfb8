"""ServiceEntry. Source: https://istio.io/latest/docs/reference/config/networking/service-entry/"""

from enum import Enum
from typing import Final

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.istio.selection import WorkloadSelector
from controlplane.kinds.istio.workload_entry import WorkloadEntry
from controlplane.kinds.spec import Spec, UInt32


class Location(Enum):
    MESH_EXTERNAL = "MESH_EXTERNAL"
    MESH_INTERNAL = "MESH_INTERNAL"


class EntryResolution(Enum):
    NONE = "NONE"
    STATIC = "STATIC"
    DNS = "DNS"
    DNS_ROUND_ROBIN = "DNS_ROUND_ROBIN"
    DYNAMIC_DNS = "DYNAMIC_DNS"


class ServicePort(Spec, frozen=True):
    number: UInt32 = 0
    protocol: str = ""
    name: str = ""
    target_port: UInt32 = 0


class ServiceEntry(Spec, frozen=True):
    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    ports: tuple[ServicePort, ...] = ()
    location: Location = Location.MESH_EXTERNAL
    resolution: EntryResolution = EntryResolution.NONE
    endpoints: tuple[WorkloadEntry, ...] | None = None
    """``None``: not written; an empty list is not the same."""
    workload_selector: WorkloadSelector | None = None
    export_to: tuple[str, ...] = ()
    subject_alt_names: tuple[str, ...] = ()


SERVICE_ENTRY: Final[Kind[ServiceEntry]] = Kind("networking.istio.io", "ServiceEntry")
ServiceEntryKey = ObjectKey[ServiceEntry]
