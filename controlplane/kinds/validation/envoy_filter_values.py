"""What the value of a patch must be: the message of Envoy's that the patch is for, as data.

Source: Istio ``pkg/config/xds/xds.go``, ``pkg/config/validation/envoyfilter/envoyfilter.go``
"""

from collections.abc import Mapping
from typing import Final

from controlplane.base.codes import CANNOT_WORK
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.envoy_filter import ApplyTo, Patch, PatchOperation
from controlplane.protobuf.descriptors import message_type
from controlplane.protobuf.json_mapping import message_of

MESSAGES: Final[Mapping[ApplyTo, str]] = {
    ApplyTo.LISTENER: "envoy.config.listener.v3.Listener",
    ApplyTo.FILTER_CHAIN: "envoy.config.listener.v3.FilterChain",
    ApplyTo.NETWORK_FILTER: "envoy.config.listener.v3.Filter",
    ApplyTo.HTTP_FILTER: ("envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter"),
    ApplyTo.ROUTE_CONFIGURATION: "envoy.config.route.v3.RouteConfiguration",
    ApplyTo.VIRTUAL_HOST: "envoy.config.route.v3.VirtualHost",
    ApplyTo.HTTP_ROUTE: "envoy.config.route.v3.Route",
    ApplyTo.CLUSTER: "envoy.config.cluster.v3.Cluster",
    ApplyTo.EXTENSION_CONFIG: "envoy.config.core.v3.TypedExtensionConfig",
    ApplyTo.BOOTSTRAP: "envoy.config.bootstrap.v3.Bootstrap",
    ApplyTo.LISTENER_FILTER: "envoy.config.listener.v3.ListenerFilter",
}
"""The type of the value of each patch."""

_FILTERS: Final = frozenset({ApplyTo.NETWORK_FILTER, ApplyTo.HTTP_FILTER, ApplyTo.LISTENER_FILTER})
_BY_NAME: Final = frozenset({PatchOperation.MERGE, PatchOperation.REMOVE})


def check_value(report: Report, at: FieldRef, apply_to: ApplyTo, patch: Patch) -> None:
    """Read what the patch says; ``apply_to`` is something, ``INVALID`` was reported before."""
    if patch.value is None:
        return
    type_ = message_type(MESSAGES[apply_to])
    assert type_ is not None, "xds-protos has every type that a patch is for"
    found = Report()
    message_of(found, at, type_, patch.value)
    report.diagnostics.extend(found)
    if apply_to in _FILTERS and patch.operation not in _BY_NAME and not found.refused:
        _check_typed(report, at, patch.value)


def _check_typed(report: Report, at: FieldRef, value: Mapping[str, object]) -> None:
    """Envoy finds a filter by the type of its configuration, not by its name."""
    if not {"typedConfig", "typed_config", "configDiscovery", "config_discovery"} & set(value):
        message = "the filter has no typed_config, so Envoy does not know it"
        report.add(CANNOT_WORK, at, message, hint='add typed_config with the filter\'s "@type"')
