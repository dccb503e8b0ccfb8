"""EnvoyFilter.

Source: https://istio.io/latest/docs/reference/config/networking/envoy-filter/
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.istio.selection import PolicyTargetReference, WorkloadSelector
from controlplane.kinds.spec import Int32, Spec, UInt32


class ApplyTo(Enum):
    """The part of the configuration that a patch is for."""

    INVALID = "INVALID"
    LISTENER = "LISTENER"
    FILTER_CHAIN = "FILTER_CHAIN"
    NETWORK_FILTER = "NETWORK_FILTER"
    HTTP_FILTER = "HTTP_FILTER"
    ROUTE_CONFIGURATION = "ROUTE_CONFIGURATION"
    VIRTUAL_HOST = "VIRTUAL_HOST"
    HTTP_ROUTE = "HTTP_ROUTE"
    CLUSTER = "CLUSTER"
    EXTENSION_CONFIG = "EXTENSION_CONFIG"
    BOOTSTRAP = "BOOTSTRAP"
    LISTENER_FILTER = "LISTENER_FILTER"


class PatchContext(Enum):
    ANY = "ANY"
    SIDECAR_INBOUND = "SIDECAR_INBOUND"
    SIDECAR_OUTBOUND = "SIDECAR_OUTBOUND"
    GATEWAY = "GATEWAY"
    WAYPOINT = "WAYPOINT"


class RouteAction(Enum):
    ANY = "ANY"
    ROUTE = "ROUTE"
    REDIRECT = "REDIRECT"
    DIRECT_RESPONSE = "DIRECT_RESPONSE"


class PatchOperation(Enum):
    INVALID = "INVALID"
    MERGE = "MERGE"
    ADD = "ADD"
    REMOVE = "REMOVE"
    INSERT_BEFORE = "INSERT_BEFORE"
    INSERT_AFTER = "INSERT_AFTER"
    INSERT_FIRST = "INSERT_FIRST"
    REPLACE = "REPLACE"
    MERGE_AND_REPLACE_LIST = "MERGE_AND_REPLACE_LIST"


class FilterClass(Enum):
    UNSPECIFIED = "UNSPECIFIED"
    AUTHN = "AUTHN"
    AUTHZ = "AUTHZ"
    STATS = "STATS"


class ProxyMatch(Spec, frozen=True):
    """``proxy_version`` is a regular expression found anywhere in the proxy's ISTIO_VERSION."""

    proxy_version: str = ""
    metadata: Mapping[str, str] = {}


class SubFilterMatch(Spec, frozen=True):
    name: str = ""


class FilterMatch(Spec, frozen=True):
    name: str = ""
    sub_filter: SubFilterMatch | None = None


class FilterChainMatch(Spec, frozen=True):
    """Everything that is given must match; ``application_protocols`` are joined by commas."""

    name: str = ""
    sni: str = ""
    transport_protocol: str = ""
    application_protocols: str = ""
    destination_port: UInt32 = 0
    filter: FilterMatch | None = None
    transport_socket: str = ""


class ListenerMatch(Spec, frozen=True):
    """``port_number`` of the listener; of a chain where one listener takes all ports."""

    port_number: UInt32 = 0
    port_name: str = ""
    filter_chain: FilterChainMatch | None = None
    listener_filter: str = ""
    name: str = ""


class RouteMatch(Spec, frozen=True):
    name: str = ""
    action: RouteAction = RouteAction.ANY


class VirtualHostMatch(Spec, frozen=True):
    name: str = ""
    domain_name: str = ""
    route: RouteMatch | None = None


class RouteConfigurationMatch(Spec, frozen=True):
    """``gateway`` is ``NAMESPACE/NAME``; it and ``port_name`` are for gateways only."""

    port_number: UInt32 = 0
    port_name: str = ""
    gateway: str = ""
    vhost: VirtualHostMatch | None = None
    name: str = ""


class ClusterMatch(Spec, frozen=True):
    """``name`` is compared alone; without it everything else that is given must match."""

    port_number: UInt32 = 0
    service: str = ""
    subset: str = ""
    name: str = ""


class WaypointFilterMatch(Spec, frozen=True):
    name: str = ""
    sub_filter: SubFilterMatch | None = None


class WaypointRouteMatch(Spec, frozen=True):
    name: str = ""


class WaypointMatch(Spec, frozen=True):
    port_number: UInt32 | None = None
    filter: WaypointFilterMatch | None = None
    route: WaypointRouteMatch | None = None


class ObjectMatch(Spec, frozen=True):
    """Which objects a patch is for; at most one of the last four is written."""

    context: PatchContext = PatchContext.ANY
    proxy: ProxyMatch | None = None
    listener: ListenerMatch | None = None
    route_configuration: RouteConfigurationMatch | None = None
    cluster: ClusterMatch | None = None
    waypoint: WaypointMatch | None = None


class Patch(Spec, frozen=True):
    """``value`` is a message of Envoy's, or the part of one that is merged, as data."""

    operation: PatchOperation = PatchOperation.INVALID
    value: Mapping[str, object] | None = None
    filter_class: FilterClass = FilterClass.UNSPECIFIED


class ConfigPatch(Spec, frozen=True):
    apply_to: ApplyTo = ApplyTo.INVALID
    match: ObjectMatch | None = None
    patch: Patch | None = None


class EnvoyFilter(Spec, frozen=True):
    """Patches of what a proxy is sent; those of a lower ``priority`` come first."""

    workload_selector: WorkloadSelector | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    config_patches: tuple[ConfigPatch, ...] = ()
    priority: Int32 = 0


ENVOY_FILTER: Final[Kind[EnvoyFilter]] = Kind("networking.istio.io", "EnvoyFilter")
EnvoyFilterKey = ObjectKey[EnvoyFilter]
