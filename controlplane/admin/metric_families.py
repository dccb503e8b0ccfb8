"""The metrics of the control plane: name, labels and meaning of each. ``docs/observability.md``
lists the same, which a test compares.

Names are istiod's where they mean the same, so that its dashboards work; those of counters have no
``_total`` where istiod's have none. Others begin with ``controlplane_``.
Source: Istio ``pilot/pkg/xds/monitoring.go``, ``pilot/pkg/model/push_context.go``,
``pilot/pkg/bootstrap/monitoring.go``, ``security/pkg/server/ca/monitoring.go``
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

SECONDS: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 1, 3, 5, 10, 20, 30)
"""Istio's own buckets begin at 0.1; most of what happens here is faster."""
SHORT_SECONDS: Final = (0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5)
BYTES: Final = (1_000, 10_000, 100_000, 1_000_000, 4_000_000, 10_000_000, 40_000_000)


class Form(Enum):
    GAUGE = auto()
    COUNTER = auto()
    HISTOGRAM = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """``buckets`` are a histogram's alone."""

    name: str
    form: Form
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def _gauge(name: str, help: str, *labels: str) -> Family:
    return Family(name=name, form=Form.GAUGE, help=help, labels=labels)


def _counter(name: str, help: str, *labels: str) -> Family:
    return Family(name=name, form=Form.COUNTER, help=help, labels=labels)


def _histogram(name: str, help: str, buckets: tuple[float, ...], *labels: str) -> Family:
    return Family(name=name, form=Form.HISTOGRAM, help=help, labels=labels, buckets=buckets)


FAMILIES: Final = (
    _gauge("pilot_info", "Version of the control plane.", "version"),
    _gauge("istio_build", "Version of the control plane.", "component", "tag"),
    _gauge("istiod_uptime_seconds", "Seconds since the control plane began."),
    _gauge("pilot_xds", "Connected proxies."),
    _gauge("pilot_services", "Services known."),
    _gauge("pilot_virt_services", "VirtualServices in force."),
    _counter("pilot_inbound_updates", "Changes of configuration.", "type"),
    _counter("pilot_push_triggers", "Times that proxies were brought to a new state.", "type"),
    _counter("pilot_xds_pushes", "Responses sent to proxies.", "type"),
    _counter("pilot_total_xds_rejects", "Responses that proxies rejected.", "type"),
    _counter("pilot_total_xds_internal_errors", "Streams that ended by an internal error."),
    _counter("pilot_xds_write_timeout", "Streams that ended because their client did not read."),
    _histogram("pilot_xds_config_size_bytes", "Size of responses.", BYTES, "type"),
    _histogram(
        "pilot_debounce_time",
        "Time that a part of a change waited for the rest of it.",
        SECONDS,
    ),
    _histogram(
        "pilot_pushcontext_init_seconds",
        "Time from a change to the computed resources.",
        SECONDS,
    ),
    _histogram(
        "pilot_xds_push_time",
        "Time from a response's being due to its last byte written.",
        SHORT_SECONDS,
        "type",
    ),
    _histogram("pilot_xds_send_time", "Time to write a response.", SHORT_SECONDS),
    _histogram(
        "pilot_proxy_convergence_time",
        "Time from a change to its acknowledgement by the last proxy.",
        SECONDS,
    ),
    _counter("pilot_jwks_resolver_network_fetch_success_total", "Key sets that were fetched."),
    _counter("pilot_jwks_resolver_network_fetch_fail_total", "Key sets that were not available."),
    _counter(
        "galley_validation_passed",
        "Objects of changed files that were accepted.",
        "group",
        "resource",
    ),
    _counter(
        "galley_validation_failed",
        "Objects of changed files that were refused.",
        "group",
        "resource",
    ),
    _counter("citadel_server_success_cert_issuance_count", "Workload certificates issued."),
    _counter(
        "citadel_server_authentication_failure_count",
        "Streams refused because their token was missing or not valid.",
    ),
    _gauge(
        "citadel_server_root_cert_expiry_timestamp",
        "When the mesh's root certificate expires, in seconds since 1970.",
    ),
    _gauge(
        "citadel_server_root_cert_expiry_seconds",
        "Seconds until the mesh's root certificate expires.",
    ),
    _gauge(
        "citadel_server_cert_chain_expiry_timestamp",
        "When the first certificate of the signing chain expires, in seconds since 1970.",
    ),
    _gauge(
        "citadel_server_cert_chain_expiry_seconds",
        "Seconds until the first certificate of the signing chain expires.",
    ),
    _histogram(
        "controlplane_edit_stage_seconds",
        "Time of each stage of an edit: read, trial, recompute, answer.",
        SHORT_SECONDS,
        "stage",
    ),
    _gauge("controlplane_objects", "Objects.", "state"),
    _gauge("controlplane_kind_objects", "Objects in force.", "group", "kind"),
    _gauge(
        "controlplane_diagnostics", "What is wrong in the configuration now.", "code", "severity"
    ),
    _gauge(
        "controlplane_secret_expiry_seconds",
        "Seconds until a Secret that is in use expires.",
        "namespace",
        "name",
    ),
    _gauge("controlplane_registered_workloads", "Workloads that registered by connecting."),
    _counter(
        "controlplane_xds_limited_total",
        "Streams that were ended or refused because their client exceeded a limit.",
        "limit",
    ),
    _counter(
        "controlplane_trace_exports_total",
        "Traces of edits by what became of them: sent, failed or dropped.",
        "outcome",
    ),
)
COUNTERS_WITHOUT_ENDING: Final = tuple(
    family.name
    for family in FAMILIES
    if family.form is Form.COUNTER and not family.name.endswith("_total")
)
