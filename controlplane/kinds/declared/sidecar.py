"""Sidecar."""

from typing import Final

from controlplane.kinds.declared.destination_rule import CONNECTION_POOL
from controlplane.kinds.istio import sidecar as specs
from controlplane.kinds.istio.selection import PortSelector, WorkloadSelector
from controlplane.kinds.istio.sidecar import SIDECAR, Sidecar
from controlplane.kinds.istio.versions import NETWORKING_VERSIONS
from controlplane.kinds.istio.virtual_service import Destination
from controlplane.kinds.served import ServedKind, by, no_effect
from controlplane.kinds.validation.sidecar import sidecar

_INGRESS: Final = "translate.istio.sidecar_ingress"
_EGRESS: Final = "translate.istio.sidecar_egress"

KIND: Final = ServedKind(
    kind=SIDECAR,
    api_versions=NETWORKING_VERSIONS,
    spec=Sidecar,
    validate=sidecar,
    fields={
        **CONNECTION_POOL,
        specs.Sidecar: (
            by(f"{_EGRESS}:egress_listeners", "egress"),
            by(f"{_EGRESS}:unknown_traffic", "outbound_traffic_policy"),
            by("queries.registry.egress:sidecars_in_order", "workload_selector"),
            by(f"{_INGRESS}:ingress_ports", "ingress"),
            by(f"{_INGRESS}:limits", "inbound_connection_pool"),
        ),
        WorkloadSelector: (by("queries.registry.egress:sidecars_in_order", "labels"),),
        specs.EgressListener: (
            by(f"{_EGRESS}:egress_listeners", "port", "bind", "capture_mode", "hosts"),
        ),
        specs.IngressListener: (
            by(
                f"{_INGRESS}:ingress_ports",
                "port",
                "bind",
                "capture_mode",
                "default_endpoint",
            ),
            by(f"{_INGRESS}:limits", "connection_pool"),
            no_effect("istiod reads it only with ENABLE_TLS_ON_SIDECAR_INGRESS", "tls"),
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
