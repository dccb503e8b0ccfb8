"""WorkloadGroup, whose workloads register by connecting."""

from typing import Final

from controlplane.kinds.istio import workload_group as specs
from controlplane.kinds.istio.versions import NETWORKING_VERSIONS
from controlplane.kinds.istio.workload_entry import WorkloadEntry
from controlplane.kinds.istio.workload_group import WORKLOAD_GROUP, WorkloadGroup
from controlplane.kinds.served import ServedKind, by, no_effect
from controlplane.kinds.validation.workload_group import workload_group

_GROUP: Final = "translate.istio.workload_group"
_PROBE: Final = "translate.istio.workload_probe"

KIND: Final = ServedKind(
    kind=WORKLOAD_GROUP,
    api_versions=NETWORKING_VERSIONS,
    spec=WorkloadGroup,
    validate=workload_group,
    fields={
        specs.WorkloadGroup: (
            by(f"{_GROUP}:labels_of_group", "metadata"),
            by(f"{_GROUP}:entry_text", "template"),
            by(f"{_PROBE}:probe_of", "probe"),
        ),
        specs.ObjectMeta: (
            by(f"{_GROUP}:labels_of_group", "labels"),
            by(f"{_GROUP}:entry_text", "annotations"),
        ),
        WorkloadEntry: (
            by(f"{_GROUP}:labels_of_group", "labels"),
            by(f"{_GROUP}:account_of", "service_account"),
            by(f"{_GROUP}:entry_text", "ports", "network", "locality", "weight"),
            no_effect("each workload has its own address", "address"),
        ),
        specs.ReadinessProbe: (
            by(
                f"{_PROBE}:probe_of",
                "initial_delay_seconds",
                "timeout_seconds",
                "period_seconds",
                "success_threshold",
                "failure_threshold",
                "http_get",
                "tcp_socket",
            ),
            by("queries.analysis.workload_groups:workload_group_diagnostics", "exec"),
            no_effect("Istio refuses it", "grpc"),
        ),
        specs.HttpProbe: (
            by(f"{_PROBE}:probe_of", "path", "port", "host", "scheme", "http_headers"),
        ),
        specs.HttpHeader: (by(f"{_PROBE}:probe_of", "name", "value"),),
        specs.TcpProbe: (by(f"{_PROBE}:probe_of", "host", "port"),),
        specs.ExecProbe: (no_effect("an Envoy runs no command, which CP0643 reports", "command"),),
        specs.GrpcProbe: (no_effect("Istio refuses it", "port", "service"),),
    },
    custom=True,
)
