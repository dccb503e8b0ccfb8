"""What the value of a patch must be: the message of Envoy's that the patch is for, as data.

Source: Istio ``pkg/config/xds/xds.go``, ``pkg/config/validation/envoyfilter/envoyfilter.go``
"""

from collections.abc import Mapping
from typing import Final

from controlplane.base.codes import CANNOT_WORK, NO_EFFECT
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.envoy_filter import ApplyTo, ConfigPatch, Patch, PatchOperation
from controlplane.kinds.validation.lua import check_lua_within
from controlplane.protobuf.descriptors import message_type
from controlplane.protobuf.json_mapping import is_readable, message_of

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
_ENDED: Final = frozenset({ApplyTo.NETWORK_FILTER, ApplyTo.HTTP_FILTER})
_NAMED: Final = {
    ApplyTo.LISTENER_FILTER: "listener.listenerFilter",
    ApplyTo.NETWORK_FILTER: "listener.filterChain.filter",
    ApplyTo.HTTP_FILTER: "listener.filterChain.filter.subFilter",
}
_BY_NAME: Final = frozenset({PatchOperation.MERGE, PatchOperation.REMOVE})


_REPLACED: Final = frozenset(
    {
        ApplyTo.NETWORK_FILTER,
        ApplyTo.HTTP_FILTER,
        ApplyTo.LISTENER_FILTER,
        ApplyTo.VIRTUAL_HOST,
    }
)
_BY_MATCH: Final = frozenset({PatchOperation.REMOVE, PatchOperation.REPLACE})
_MERGES: Final = frozenset({PatchOperation.MERGE, PatchOperation.MERGE_AND_REPLACE_LIST})


def check_operation(
    report: Report, at: FieldRef, patch: ConfigPatch, operation: PatchOperation
) -> None:
    """Operations that do nothing, as in istiod, or that Envoy never takes.

    Source: istioctl's IST0152, IST0153, IST0154
    """
    said = f"{operation.value} of {patch.apply_to.value}"
    if patch.apply_to is ApplyTo.BOOTSTRAP:
        message = "a proxy has its bootstrap before it is sent anything, so it is not patched"
        report.add(NO_EFFECT, at, message, hint="use controlplane bootstrap")
    elif _is_ignored(patch, operation):
        report.add(NO_EFFECT, at, f"{said} has no effect")
    elif operation in _BY_MATCH and patch.apply_to in _FILTERS and not _names_filter(patch):
        message = f"{said} has no effect without a match of the filter by its name"
        report.add(NO_EFFECT, at, message, hint=f"match by {_NAMED[patch.apply_to]}")
    elif operation is PatchOperation.ADD and patch.apply_to in _ENDED:
        message = f"{said} puts it behind the filter that ends the chain, which Envoy refuses"
        report.add(CANNOT_WORK, at, message, hint="use INSERT_BEFORE or INSERT_FIRST")


def _is_ignored(patch: ConfigPatch, operation: PatchOperation) -> bool:
    match patch.apply_to:
        case ApplyTo.ROUTE_CONFIGURATION:
            return operation not in _MERGES
        case ApplyTo.EXTENSION_CONFIG:
            return operation is not PatchOperation.ADD
    if operation is PatchOperation.MERGE_AND_REPLACE_LIST:
        return patch.apply_to in _FILTERS
    return operation is PatchOperation.REPLACE and patch.apply_to not in _REPLACED


def _names_filter(patch: ConfigPatch) -> bool:
    listener = patch.match.listener if patch.match is not None else None
    if listener is None:
        return False
    if patch.apply_to is ApplyTo.LISTENER_FILTER:
        return bool(listener.listener_filter)
    found = listener.filter_chain.filter if listener.filter_chain is not None else None
    is_http = patch.apply_to is ApplyTo.HTTP_FILTER
    return found is not None and (not is_http or found.sub_filter is not None)


def check_value(report: Report, at: FieldRef, apply_to: ApplyTo, patch: Patch) -> None:
    """Read what the patch says; ``apply_to`` is something, ``INVALID`` was reported before."""
    if patch.value is None:
        return
    type_ = message_type(MESSAGES[apply_to])
    assert type_ is not None, "xds-protos has every type that a patch is for"
    found = Report()
    if not is_readable(message_of(found, at, type_, patch.value)):
        said = "the value nests deeper than Envoy reads, so the patch is not applied"
        found.add(CANNOT_WORK, at, said)
    report.diagnostics.extend(found)
    check_lua_within(report, at, patch.value)
    if apply_to in _FILTERS and patch.operation not in _BY_NAME and not found.refused:
        _check_typed(report, at, patch.value)


def _check_typed(report: Report, at: FieldRef, value: Mapping[str, object]) -> None:
    """Envoy finds a filter by the type of its configuration, not by its name."""
    if not {"typedConfig", "typed_config", "configDiscovery", "config_discovery"} & set(value):
        message = "the filter has no typed_config, so Envoy does not know it"
        report.add(CANNOT_WORK, at, message, hint='add typed_config with the filter\'s "@type"')
