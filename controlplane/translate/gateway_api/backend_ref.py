"""What a ``backendRef`` leads to.

Source: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#backendref; Istio
``pilot/pkg/config/kube/gateway/conversion.go`` (``buildDestination``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from controlplane.base.hosts import fqdn
from controlplane.base.names import Host, Kind, Namespace, PortNumber
from controlplane.kinds.gateway_api.common import BackendObjectReference
from controlplane.model.gateway_api import Conformance
from controlplane.translate.route_target import RouteTarget

SERVICE: Final = Kind("", "Service")
HOSTNAME: Final = Kind("networking.istio.io", "Hostname")
"""A host of the registry by its name, such as that of a ServiceEntry."""
SERVICE_IMPORT: Final = Kind("multicluster.x-k8s.io", "ServiceImport")
"""Means the Service of its name, whose endpoints may be in other clusters, as in Istio."""
UNKNOWN_CLUSTER: Final = "UnknownService"
"""Istio's name of a cluster that never exists: for what leads nowhere at all."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A backend as a route sees it. The cluster of one that is not resolved does not exist;
    ``lacks_port``: all that is missing is the port.
    """

    target: RouteTarget
    is_resolved: bool
    lacks_port: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerPort:
    """Where requests come in; ``https``: clients speak TLS to it. ``conformance`` is that of the
    Gateway.
    """

    port: PortNumber
    https: bool = False
    conformance: Conformance = Conformance.SPECIFICATION


Backends = Callable[[BackendObjectReference], Backend]
NOWHERE: Final = Backend(RouteTarget(cluster=UNKNOWN_CLUSTER, described=""), is_resolved=False)


def kind_of(ref: BackendObjectReference) -> Kind:
    return Kind(ref.group, ref.kind)


def namespace_of(ref: BackendObjectReference, owner: Namespace) -> Namespace:
    """The namespace of what a route in ``owner`` refers to."""
    return Namespace(ref.namespace or owner)


def backend_host(ref: BackendObjectReference, owner: Namespace) -> Host | None:
    """The host of a backend; ``None`` where its kind has none."""
    kind = kind_of(ref)
    if kind == HOSTNAME:
        return Host(ref.name)
    if kind in (SERVICE, SERVICE_IMPORT):
        return fqdn(ref.name, namespace_of(ref, owner))
    return None
