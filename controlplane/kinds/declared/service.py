"""Service of Kubernetes."""

from typing import Final

from controlplane.kinds.core.service import SERVICE, Service, ServicePort
from controlplane.kinds.served import Fields, ServedKind, by, no_effect
from controlplane.kinds.validation.kubernetes import service

_SERVICE: Final = "translate.kubernetes.service:service"

FIELDS: Final[Fields] = {
    Service: (
        by(
            _SERVICE,
            "ports",
            "selector",
            "cluster_ip",
            "cluster_ips",
            "type",
            "external_name",
            "publish_not_ready_addresses",
            "internal_traffic_policy",
            "traffic_distribution",
        ),
        no_effect(
            "for the cluster's own network",
            "ip_families",
            "ip_family_policy",
            "session_affinity",
            "session_affinity_config",
            "external_ips",
            "external_traffic_policy",
            "load_balancer_ip",
            "load_balancer_class",
            "load_balancer_source_ranges",
            "allocate_load_balancer_node_ports",
            "health_check_node_port",
        ),
    ),
    ServicePort: (
        by(
            "translate.kubernetes.service:service",
            "name",
            "port",
            "target_port",
            "protocol",
            "app_protocol",
        ),
        no_effect("for the cluster's own network", "node_port"),
    ),
}

KIND: Final = ServedKind(
    kind=SERVICE, api_versions=("v1",), spec=Service, validate=service, fields=FIELDS
)
