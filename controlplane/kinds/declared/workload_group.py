"""WorkloadGroup: validated, and without effect until workloads register themselves."""

from typing import Final

from controlplane.kinds.istio.versions import NETWORKING_VERSIONS
from controlplane.kinds.istio.workload_group import WORKLOAD_GROUP, WorkloadGroup
from controlplane.kinds.served import ServedKind
from controlplane.kinds.validation.workload_group import workload_group

KIND: Final = ServedKind(
    kind=WORKLOAD_GROUP,
    api_versions=NETWORKING_VERSIONS,
    spec=WorkloadGroup,
    validate=workload_group,
    fields={},
    custom=True,
)
