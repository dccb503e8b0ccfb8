"""Telemetry."""

from typing import Final

from controlplane.kinds.istio import telemetry as specs
from controlplane.kinds.istio.selection import LabelSelector, PolicyTargetReference
from controlplane.kinds.istio.telemetry import TELEMETRY, Telemetry
from controlplane.kinds.istio.versions import TELEMETRY_VERSIONS
from controlplane.kinds.served import ServedKind, by, no_effect
from controlplane.kinds.validation.telemetry import telemetry

_ATTACHMENT: Final = "translate.istio.policy_attachment"
_LOGS: Final = "translate.istio.access_logging"

KIND: Final = ServedKind(
    kind=TELEMETRY,
    api_versions=TELEMETRY_VERSIONS,
    spec=Telemetry,
    validate=telemetry,
    fields={
        specs.Telemetry: (
            by(f"{_ATTACHMENT}:attachment", "selector", "target_ref", "target_refs"),
            by("queries.policy.access_logging:wanted", "access_logging"),
        ),
        PolicyTargetReference: (
            by(f"{_ATTACHMENT}:attachment", "group", "kind", "name"),
            no_effect("it must be empty: a policy is for its own namespace", "namespace"),
        ),
        specs.AccessLogging: (
            by(f"{_LOGS}:wanted_logs", "providers", "disabled"),
            by(f"{_LOGS}:_is_about", "match"),
            by(f"{_LOGS}:_expression", "filter"),
        ),
        specs.ModeSelector: (by(f"{_LOGS}:_is_about", "mode"),),
        specs.ProviderReference: (by(f"{_LOGS}:wanted_logs", "name"),),
        specs.LogFilter: (by(f"{_LOGS}:_expression", "expression"),),
        LabelSelector: (by(f"{_ATTACHMENT}:attachment", "match_labels"),),
    },
    custom=True,
)
