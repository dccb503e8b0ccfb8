"""ServiceEntry."""

from typing import Final

from controlplane.kinds.declared import workload_entry
from controlplane.kinds.istio.selection import WorkloadSelector
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY, ServiceEntry, ServicePort
from controlplane.kinds.istio.versions import NETWORKING_VERSIONS
from controlplane.kinds.served import Fields, ServedKind, by
from controlplane.kinds.validation.service_entry import service_entry

_SERVICE: Final = "translate.istio.service_entry:service"

FIELDS: Final[Fields] = {
    **workload_entry.FIELDS,
    ServiceEntry: (
        by("queries.registry.services:hosts_of", "hosts"),
        by(
            _SERVICE,
            "addresses",
            "ports",
            "location",
            "resolution",
            "workload_selector",
            "export_to",
            "subject_alt_names",
        ),
        by("translate.istio.service_entry:listed_endpoints", "endpoints"),
    ),
    ServicePort: (
        by("translate.istio.service_entry:service", "number", "protocol", "name", "target_port"),
    ),
    WorkloadSelector: (by(_SERVICE, "labels"),),
}

KIND: Final = ServedKind(
    kind=SERVICE_ENTRY,
    api_versions=NETWORKING_VERSIONS,
    spec=ServiceEntry,
    validate=service_entry,
    fields=FIELDS,
    custom=True,
)
