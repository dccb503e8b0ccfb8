"""EndpointSlice of Kubernetes."""

from typing import Final

from controlplane.kinds.core.endpoints import (
    ENDPOINT_SLICE,
    Conditions,
    EndpointSlice,
    ObjectReference,
    SliceEndpoint,
    SlicePort,
)
from controlplane.kinds.served import Fields, ServedKind, by, no_effect
from controlplane.kinds.validation.kubernetes import endpoint_slice

_ENDPOINTS: Final = "translate.kubernetes.endpoints:slice_endpoints"

REFERENCE: Final[Fields] = {
    ObjectReference: (
        by("translate.kubernetes.endpoints:slice_endpoints", "kind", "name"),
        no_effect(
            "a pod is found by its name",
            "api_version",
            "namespace",
            "uid",
            "resource_version",
            "field_path",
        ),
    ),
}
FIELDS: Final[Fields] = {
    **REFERENCE,
    EndpointSlice: (by(_ENDPOINTS, "address_type", "endpoints", "ports"),),
    SliceEndpoint: (
        by(_ENDPOINTS, "addresses", "conditions", "target_ref", "node_name"),
        no_effect(
            "the locality is that of the pod, as in Istio",
            "zone",
            "hints",
            "deprecated_topology",
        ),
        no_effect("for the cluster's DNS", "hostname"),
    ),
    Conditions: (
        by(_ENDPOINTS, "ready"),
        no_effect("what is not ready gets no new connections", "serving", "terminating"),
    ),
    SlicePort: (
        by(_ENDPOINTS, "name", "port"),
        no_effect("the Service's port says it", "protocol", "app_protocol"),
    ),
}

KIND: Final = ServedKind(
    kind=ENDPOINT_SLICE,
    api_versions=("discovery.k8s.io/v1", "discovery.k8s.io/v1beta1"),
    spec=EndpointSlice,
    validate=endpoint_slice,
    fields=FIELDS,
    whole=True,
)
