"""Endpoints of Kubernetes."""

from typing import Final

from controlplane.kinds.core.endpoints import (
    ENDPOINTS,
    EndpointAddress,
    EndpointPort,
    Endpoints,
    EndpointSubset,
)
from controlplane.kinds.declared.endpoint_slice import REFERENCE
from controlplane.kinds.served import Fields, ServedKind, by, no_effect
from controlplane.kinds.validation.kubernetes import endpoints

_ENDPOINTS: Final = "translate.kubernetes.endpoints:listed_endpoints"

FIELDS: Final[Fields] = {
    **REFERENCE,
    Endpoints: (by(_ENDPOINTS, "subsets"),),
    EndpointSubset: (by(_ENDPOINTS, "addresses", "not_ready_addresses", "ports"),),
    EndpointAddress: (
        by(_ENDPOINTS, "ip", "node_name", "target_ref"),
        no_effect("for the cluster's DNS", "hostname"),
    ),
    EndpointPort: (
        by(_ENDPOINTS, "name", "port"),
        no_effect("the Service's port says it", "protocol", "app_protocol"),
    ),
}

KIND: Final = ServedKind(
    kind=ENDPOINTS,
    api_versions=("v1",),
    spec=Endpoints,
    validate=endpoints,
    fields=FIELDS,
    whole=True,
)
