"""Sidecar, whose ingress side has no effect yet."""

from typing import Final

from controlplane.kinds.istio import sidecar as specs
from controlplane.kinds.istio.selection import PortSelector, WorkloadSelector
from controlplane.kinds.istio.sidecar import SIDECAR, Sidecar
from controlplane.kinds.istio.versions import NETWORKING_VERSIONS
from controlplane.kinds.istio.virtual_service import Destination
from controlplane.kinds.served import ServedKind, by, no_effect
from controlplane.kinds.validation.sidecar import sidecar

_EGRESS: Final = "translate.istio.sidecar_egress"

KIND: Final = ServedKind(
    kind=SIDECAR,
    api_versions=NETWORKING_VERSIONS,
    spec=Sidecar,
    validate=sidecar,
    fields={
        specs.Sidecar: (
            by(f"{_EGRESS}:egress_listeners", "egress"),
            by(f"{_EGRESS}:unknown_traffic", "outbound_traffic_policy"),
            by("queries.registry.egress:sidecars_in_order", "workload_selector"),
        ),
        WorkloadSelector: (by("queries.registry.egress:sidecars_in_order", "labels"),),
        specs.EgressListener: (
            by(f"{_EGRESS}:egress_listeners", "port", "bind", "capture_mode", "hosts"),
        ),
        specs.SidecarPort: (
            by(f"{_EGRESS}:egress_listeners", "number", "protocol"),
            no_effect("listeners and route tables are named after the number", "name"),
        ),
        specs.OutboundTrafficPolicy: (by(f"{_EGRESS}:unknown_traffic", "mode", "egress_proxy"),),
        Destination: (by(f"{_EGRESS}:unknown_traffic", "host", "subset", "port"),),
        PortSelector: (by(f"{_EGRESS}:unknown_traffic", "number"),),
    },
    custom=True,
)
