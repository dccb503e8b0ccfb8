"""Pod, core/v1: what a Service needs to know to send traffic to one.

Only these fields are read; the many others of a Pod are accepted and have no effect here.
Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

from typing import Final

from msgspec import field

from controlplane.base.names import Kind
from controlplane.kinds.spec import Spec


class LenientSpec(Spec, frozen=True, forbid_unknown_fields=False):
    """A part of a large Kubernetes kind of which only some fields are read."""


class ContainerPort(LenientSpec, frozen=True):
    name: str = ""
    container_port: int = 0
    protocol: str = "TCP"


class Container(LenientSpec, frozen=True):
    ports: tuple[ContainerPort, ...] = ()


class PodBody(LenientSpec, frozen=True):
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    service_account_name: str = ""
    node_name: str = ""


class PodIp(LenientSpec, frozen=True):
    ip: str = ""


class PodCondition(LenientSpec, frozen=True):
    type: str = ""
    status: str = ""


class PodStatus(LenientSpec, frozen=True):
    phase: str = ""
    pod_ip: str = field(default="", name="podIP")
    pod_ips: tuple[PodIp, ...] = field(default=(), name="podIPs")
    conditions: tuple[PodCondition, ...] = ()


class Pod(LenientSpec, frozen=True):
    spec: PodBody = PodBody()
    status: PodStatus = PodStatus()


POD: Final[Kind[Pod]] = Kind("", "Pod")
