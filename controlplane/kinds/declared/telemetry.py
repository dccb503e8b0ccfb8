"""Telemetry."""

from typing import Final

from controlplane.kinds.istio import telemetry as specs
from controlplane.kinds.istio.selection import LabelSelector, PolicyTargetReference
from controlplane.kinds.istio.telemetry import TELEMETRY, Telemetry
from controlplane.kinds.istio.versions import TELEMETRY_VERSIONS
from controlplane.kinds.served import ServedKind, by, no_effect
from controlplane.kinds.validation.telemetry import telemetry

_ATTACHMENT: Final = "translate.istio.policy_attachment"

KIND: Final = ServedKind(
    kind=TELEMETRY,
    api_versions=TELEMETRY_VERSIONS,
    spec=Telemetry,
    validate=telemetry,
    fields={
        specs.Telemetry: (
            by(f"{_ATTACHMENT}:attachment", "selector", "target_ref", "target_refs"),
        ),
        PolicyTargetReference: (
            by(f"{_ATTACHMENT}:attachment", "group", "kind", "name"),
            no_effect("it must be empty: a policy is for its own namespace", "namespace"),
        ),
        LabelSelector: (by(f"{_ATTACHMENT}:attachment", "match_labels"),),
    },
    custom=True,
)
