"""Service, core/v1. Source:
https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/
"""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET, UnsetType, field

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.spec import Spec


class ServicePort(Spec, frozen=True):
    name: str = ""
    port: int = 0
    target_port: int | str | None = None
    """A number, or the name of a container port; unset means ``port``."""
    protocol: str = "TCP"
    app_protocol: str | None = None
    node_port: int = 0


class Service(Spec, frozen=True):
    """The fields that bear on routing; the others of core/v1 are accepted and have no effect
    here.
    """

    ports: tuple[ServicePort, ...] = ()
    selector: Mapping[str, str] = {}
    cluster_ip: str = field(default="", name="clusterIP")
    cluster_ips: tuple[str, ...] = field(default=(), name="clusterIPs")
    type: str = "ClusterIP"
    external_name: str = ""
    publish_not_ready_addresses: bool = False
    internal_traffic_policy: str = ""
    traffic_distribution: str = ""
    ip_families: tuple[str, ...] = ()
    ip_family_policy: str = ""
    session_affinity: str = ""
    session_affinity_config: object | UnsetType = UNSET
    external_ips: tuple[str, ...] = field(default=(), name="externalIPs")
    external_traffic_policy: str = ""
    load_balancer_ip: str = field(default="", name="loadBalancerIP")
    load_balancer_class: str = ""
    load_balancer_source_ranges: tuple[str, ...] = ()
    allocate_load_balancer_node_ports: bool | None = None
    health_check_node_port: int = 0


SERVICE: Final[Kind[Service]] = Kind("", "Service")
ServiceKey = ObjectKey[Service]
