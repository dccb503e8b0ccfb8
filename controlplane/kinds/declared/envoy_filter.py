"""EnvoyFilter."""

from typing import Final

from controlplane.kinds.istio import envoy_filter as specs
from controlplane.kinds.istio.envoy_filter import ENVOY_FILTER, EnvoyFilter
from controlplane.kinds.istio.selection import PolicyTargetReference, WorkloadSelector
from controlplane.kinds.istio.versions import NETWORKING_VERSIONS
from controlplane.kinds.served import ServedKind, by, no_effect
from controlplane.kinds.validation.envoy_filter import envoy_filter

_TRANSLATION: Final = "translate.istio.envoy_filter"
_NO_WAYPOINTS: Final = "no proxy is a waypoint"

KIND: Final = ServedKind(
    kind=ENVOY_FILTER,
    api_versions=NETWORKING_VERSIONS[-1:],
    spec=EnvoyFilter,
    validate=envoy_filter,
    fields={
        specs.EnvoyFilter: (
            by(f"{_TRANSLATION}:attachment", "workload_selector", "target_refs"),
            by(f"{_TRANSLATION}:patches", "config_patches"),
            by("queries.policy.envoy_filters:envoy_filters_of_namespace", "priority"),
        ),
        WorkloadSelector: (by(f"{_TRANSLATION}:attachment", "labels"),),
        PolicyTargetReference: (
            by("translate.istio.policy_attachment:by_reference", "group", "kind", "name"),
            no_effect("a policy is attached to what is in its own namespace", "namespace"),
        ),
        specs.ConfigPatch: (by(f"{_TRANSLATION}:patches", "apply_to", "match", "patch"),),
        specs.ObjectMatch: (
            by(f"{_TRANSLATION}:patches", "context", "listener", "route_configuration", "cluster"),
            by(f"{_TRANSLATION}:patches_for_role", "proxy"),
            no_effect(_NO_WAYPOINTS, "waypoint"),
        ),
        specs.ProxyMatch: (by(f"{_TRANSLATION}:patches_for_role", "proxy_version", "metadata"),),
        specs.ListenerMatch: (
            by(f"{_TRANSLATION}:patches", "port_number", "filter_chain", "listener_filter", "name"),
            no_effect("istiod does not read it", "port_name"),
        ),
        specs.FilterChainMatch: (
            by(
                f"{_TRANSLATION}:patches",
                "name",
                "sni",
                "transport_protocol",
                "application_protocols",
                "destination_port",
                "filter",
            ),
            no_effect("istiod does not read it", "transport_socket"),
        ),
        specs.FilterMatch: (by(f"{_TRANSLATION}:patches", "name", "sub_filter"),),
        specs.SubFilterMatch: (by(f"{_TRANSLATION}:patches", "name"),),
        specs.RouteConfigurationMatch: (
            by(f"{_TRANSLATION}:patches", "port_number", "port_name", "gateway", "vhost", "name"),
        ),
        specs.VirtualHostMatch: (by(f"{_TRANSLATION}:patches", "name", "domain_name", "route"),),
        specs.RouteMatch: (by(f"{_TRANSLATION}:patches", "name", "action"),),
        specs.ClusterMatch: (
            by(f"{_TRANSLATION}:patches", "port_number", "service", "subset", "name"),
        ),
        specs.WaypointMatch: (no_effect(_NO_WAYPOINTS, "port_number", "filter", "route"),),
        specs.WaypointFilterMatch: (no_effect(_NO_WAYPOINTS, "name", "sub_filter"),),
        specs.WaypointRouteMatch: (no_effect(_NO_WAYPOINTS, "name"),),
        specs.Patch: (
            by(f"{_TRANSLATION}:patches", "operation", "value"),
            no_effect("istiod does not read it", "filter_class"),
        ),
    },
    custom=True,
)
