"""WorkloadEntry."""

from typing import Final

from controlplane.kinds.istio.versions import NETWORKING_VERSIONS
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY, WorkloadEntry
from controlplane.kinds.served import Fields, ServedKind, by
from controlplane.kinds.validation.workload_entry import workload_entry

FIELDS: Final[Fields] = {
    WorkloadEntry: (
        by(
            "translate.workload:endpoint",
            "address",
            "ports",
            "labels",
            "network",
            "locality",
            "weight",
            "service_account",
        ),
    ),
}

KIND: Final = ServedKind(
    kind=WORKLOAD_ENTRY,
    api_versions=NETWORKING_VERSIONS,
    spec=WorkloadEntry,
    validate=workload_entry,
    fields=FIELDS,
    custom=True,
)
