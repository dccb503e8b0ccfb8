"""What spans say of the proxy that makes them.

Source: Istio ``pilot/pkg/networking/core/tracing.go`` (``buildServiceTags``, ``otelServiceName``),
its injector (``manifests/charts``, the labels of a canonical service)
"""

from typing import Final

from controlplane.model.proxy import Labels, Proxy
from controlplane.model.tracing import Pairs, TracedProxy
from controlplane.translate.istio.tracing import (
    CANONICAL_NAME,
    CANONICAL_REVISION,
    CLUSTER_ID,
    MESH_ID,
    NAMESPACE,
)
from controlplane.translate.istio.tracing_providers import ServiceName

_NAME_LABELS: Final = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
_REVISION_LABELS: Final = (
    "service.istio.io/canonical-revision",
    "app.kubernetes.io/version",
    "version",
)
"""The first is what istiod reads; its injector sets it from the others, and there is none here."""
_OTEL_LABELS: Final = ("app.kubernetes.io/instance", "app.kubernetes.io/name")
_WORKLOAD: Final = "WORKLOAD_NAME"
_CONTAINERS: Final = "APP_CONTAINERS"
_UNKNOWN: Final = "unknown"


def traced_proxy(
    proxy: Proxy, labels: Labels, name: ServiceName, *, has_istio_tags: bool
) -> TracedProxy:
    """Only what is used. ``labels`` are the workload's, as they are declared or its node says."""
    return TracedProxy(
        service=_service(proxy, dict(labels), name),
        tags=_tags(proxy, dict(labels)) if has_istio_tags else (),
    )


def _service(proxy: Proxy, labels: dict[str, str], name: ServiceName) -> str:
    match name:
        case ServiceName.NODE:
            return ""
        case ServiceName.CLUSTER:
            return proxy.cluster
        case ServiceName.SEMANTIC:
            return _semantic_name(proxy, labels)


def _semantic_name(proxy: Proxy, labels: dict[str, str]) -> str:
    said = dict(proxy.node_metadata)
    of_labels = (labels.get(name, "") for name in _OTEL_LABELS)
    containers = said.get(_CONTAINERS, "").split(",")
    container = containers[0] if len(containers) == 1 else ""
    names = (proxy.service_name, *of_labels, said.get(_WORKLOAD, ""), proxy.name, container)
    return next(filter(None, names), "unknown_service")


def _tags(proxy: Proxy, labels: dict[str, str]) -> Pairs:
    said = dict(proxy.node_metadata)
    name = next(filter(None, (labels.get(each, "") for each in _NAME_LABELS)), "")
    revision = next(filter(None, (labels.get(each, "") for each in _REVISION_LABELS)), "")
    return (
        (CANONICAL_REVISION, revision or "latest"),
        (CANONICAL_NAME, name or said.get(_WORKLOAD, "") or _UNKNOWN),
        (CLUSTER_ID, said.get("CLUSTER_ID", "") or _UNKNOWN),
        (MESH_ID, said.get("MESH_ID", "") or _UNKNOWN),
        (NAMESPACE, proxy.namespace or "default"),
    )
