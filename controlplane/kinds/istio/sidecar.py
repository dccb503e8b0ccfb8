"""Sidecar. Source: https://istio.io/latest/docs/reference/config/networking/sidecar/"""

from enum import Enum
from typing import Final

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.istio.gateway import ServerTls
from controlplane.kinds.istio.selection import WorkloadSelector
from controlplane.kinds.istio.traffic_policy import ConnectionPool
from controlplane.kinds.istio.virtual_service import Destination
from controlplane.kinds.spec import Spec, UInt32


class CaptureMode(Enum):
    """How connections reach a listener. ``DEFAULT``: as the proxy intercepts traffic anyway."""

    DEFAULT = "DEFAULT"
    IPTABLES = "IPTABLES"
    NONE = "NONE"


class OutboundMode(Enum):
    """What becomes of traffic to hosts that are not imported."""

    REGISTRY_ONLY = "REGISTRY_ONLY"
    ALLOW_ANY = "ALLOW_ANY"


class SidecarPort(Spec, frozen=True):
    number: UInt32 = 0
    protocol: str = ""
    name: str = ""
    target_port: UInt32 = 0


class OutboundTrafficPolicy(Spec, frozen=True):
    """An empty block is ``REGISTRY_ONLY``; no block at all is MeshConfig's policy."""

    mode: OutboundMode = OutboundMode.REGISTRY_ONLY
    egress_proxy: Destination | None = None


class EgressListener(Spec, frozen=True):
    """``port`` is ``None`` for the listener of all ports, of which there is one, the last."""

    port: SidecarPort | None = None
    bind: str = ""
    capture_mode: CaptureMode = CaptureMode.DEFAULT
    hosts: tuple[str, ...] = ()
    """``NAMESPACE/HOST``; the namespace may be ``.``, ``*`` or begin with ``~``, which excludes."""


class IngressListener(Spec, frozen=True):
    port: SidecarPort | None = None
    bind: str = ""
    capture_mode: CaptureMode = CaptureMode.DEFAULT
    default_endpoint: str = ""
    """``ADDRESS:PORT``, ``:PORT`` or ``unix://PATH``; empty: the original destination."""
    tls: ServerTls | None = None
    connection_pool: ConnectionPool | None = None


class Sidecar(Spec, frozen=True):
    workload_selector: WorkloadSelector | None = None
    ingress: tuple[IngressListener, ...] = ()
    egress: tuple[EgressListener, ...] = ()
    inbound_connection_pool: ConnectionPool | None = None
    outbound_traffic_policy: OutboundTrafficPolicy | None = None
    """``None``: not written; an empty block is not the same."""


SIDECAR: Final[Kind[Sidecar]] = Kind("networking.istio.io", "Sidecar")
SidecarKey = ObjectKey[Sidecar]
