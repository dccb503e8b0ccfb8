"""Pod of Kubernetes, of which only some fields are read."""

from typing import Final

from controlplane.kinds.core.pod import (
    POD,
    Container,
    ContainerPort,
    Pod,
    PodBody,
    PodCondition,
    PodIp,
    PodStatus,
)
from controlplane.kinds.served import Fields, ServedKind, by
from controlplane.kinds.validation.kubernetes import pod

_PODS: Final = "translate.kubernetes.endpoints"

FIELDS: Final[Fields] = {
    Pod: (by(f"{_PODS}:pod_endpoint", "spec", "status"),),
    PodBody: (
        by(
            f"{_PODS}:pod_endpoint",
            "containers",
            "init_containers",
            "service_account_name",
            "node_name",
        ),
    ),
    Container: (by(f"{_PODS}:pod_endpoint", "ports"),),
    ContainerPort: (by(f"{_PODS}:pod_endpoint", "name", "container_port", "protocol"),),
    PodStatus: (by(f"{_PODS}:pod_endpoint", "phase", "pod_ip", "pod_ips", "conditions"),),
    PodIp: (by(f"{_PODS}:pod_endpoint", "ip"),),
    PodCondition: (by(f"{_PODS}:pod_endpoint", "type", "status"),),
}

KIND: Final = ServedKind(
    kind=POD, api_versions=("v1",), spec=Pod, validate=pod, fields=FIELDS, whole=True
)
