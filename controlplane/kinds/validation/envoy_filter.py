"""What an EnvoyFilter must be: its attachment, its matches, and patches, whose values
``envoy_filter_values`` reads.

Source: https://istio.io/latest/docs/reference/config/networking/envoy-filter/, its CRD, Istio
``pkg/config/validation/envoyfilter/envoyfilter.go``
"""

import re
from typing import Final

from controlplane.base.codes import (
    CANNOT_WORK,
    DEPRECATED,
    ENVOY_INTERNALS,
    MISSING_FIELD,
    MUTUALLY_EXCLUSIVE,
    NO_EFFECT,
    NOT_ALLOWED_HERE,
    REGEX_REFUSED,
    VALUE_MALFORMED,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.envoy_filter import (
    ApplyTo,
    ConfigPatch,
    EnvoyFilter,
    FilterMatch,
    ListenerMatch,
    ObjectMatch,
    Patch,
    PatchContext,
    PatchOperation,
    ProxyMatch,
)
from controlplane.kinds.istio.selection import PolicyTargetReference
from controlplane.kinds.validation import names
from controlplane.kinds.validation.checks import (
    About,
    check_count,
    check_length,
    check_port,
    check_selector,
)
from controlplane.kinds.validation.envoy_filter_values import check_operation, check_value

LABELS_LIMIT: Final = 256
REFERENCES_LIMIT: Final = 16
PROXY_VERSION_LIMIT: Final = 1024  # bytes; Istio's maxProxyVersionLen
HTTP_CONNECTION_MANAGER: Final = "envoy.filters.network.http_connection_manager"
OLD_NAMES: Final = {
    "envoy.buffer": "envoy.filters.http.buffer",
    "envoy.cors": "envoy.filters.http.cors",
    "envoy.csrf": "envoy.filters.http.csrf",
    "envoy.http_dynamo_filter": "envoy.filters.http.dynamo",
    "envoy.ext_authz": "envoy.filters.http.ext_authz",
    "envoy.fault": "envoy.filters.http.fault",
    "envoy.grpc_http1_bridge": "envoy.filters.http.grpc_http1_bridge",
    "envoy.grpc_json_transcoder": "envoy.filters.http.grpc_json_transcoder",
    "envoy.grpc_web": "envoy.filters.http.grpc_web",
    "envoy.gzip": "envoy.filters.http.gzip",
    "envoy.health_check": "envoy.filters.http.health_check",
    "envoy.ip_tagging": "envoy.filters.http.ip_tagging",
    "envoy.lua": "envoy.filters.http.lua",
    "envoy.rate_limit": "envoy.filters.http.ratelimit",
    "envoy.router": "envoy.filters.http.router",
    "envoy.squash": "envoy.filters.http.squash",
    "envoy.listener.http_inspector": "envoy.filters.listener.http_inspector",
    "envoy.listener.original_dst": "envoy.filters.listener.original_dst",
    "envoy.listener.original_src": "envoy.filters.listener.original_src",
    "envoy.listener.proxy_protocol": "envoy.filters.listener.proxy_protocol",
    "envoy.listener.tls_inspector": "envoy.filters.listener.tls_inspector",
    "envoy.client_ssl_auth": "envoy.filters.network.client_ssl_auth",
    "envoy.http_connection_manager": HTTP_CONNECTION_MANAGER,
    "envoy.mongo_proxy": "envoy.filters.network.mongo_proxy",
    "envoy.ratelimit": "envoy.filters.network.ratelimit",
    "envoy.redis_proxy": "envoy.filters.network.redis_proxy",
    "envoy.tcp_proxy": "envoy.filters.network.tcp_proxy",
}
"""Names that filters had once, which match nothing now. Istio ``pkg/config/xds/deprecated.go``."""

_LISTENER_CLASS: Final = frozenset(
    {ApplyTo.LISTENER, ApplyTo.FILTER_CHAIN, ApplyTo.NETWORK_FILTER, ApplyTo.HTTP_FILTER}
)
_ROUTE_CLASS: Final = frozenset(
    {ApplyTo.ROUTE_CONFIGURATION, ApplyTo.VIRTUAL_HOST, ApplyTo.HTTP_ROUTE}
)
_WANTED_MATCH: Final = {
    **dict.fromkeys(_LISTENER_CLASS, "listener"),
    **dict.fromkeys(_ROUTE_CLASS, "routeConfiguration"),
    ApplyTo.CLUSTER: "cluster",
}
_GROUP: Final = re.compile(
    r"(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*)?"
)
_KIND: Final = re.compile(r"[a-zA-Z](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?")


def envoy_filter(report: Report, at: FieldRef, spec: EnvoyFilter, about: About) -> None:
    message = "an EnvoyFilter depends on how Envoys are configured, which may change at any time"
    report.add(ENVOY_INTERNALS, at, message, hint="prefer another kind where one does the same")
    _check_attachment(report, at, spec, about)
    for i, patch in enumerate(spec.config_patches):
        _check_patch(report, at / "configPatches" / i, patch)


def _check_attachment(report: Report, at: FieldRef, spec: EnvoyFilter, about: About) -> None:
    if "workloadSelector" in about.body and "targetRefs" in about.body:
        message = "workloadSelector and targetRefs exclude each other"
        report.add(MUTUALLY_EXCLUSIVE, (at / "targetRefs").key, message, hint="keep one of them")
    if spec.workload_selector is not None:
        labels = spec.workload_selector.labels
        place = at / "workloadSelector"
        check_selector(report, place / "labels", labels, LABELS_LIMIT)
        if not labels:
            message = "the selector has no labels, so the patches are for the whole namespace"
            hint = "remove workloadSelector, or give it labels"
            report.add(NO_EFFECT, place, message, hint=hint)
    for i, reference in enumerate(spec.target_refs):
        _check_reference(report, at / "targetRefs" / i, reference)
    check_count(report, at / "targetRefs", spec.target_refs, REFERENCES_LIMIT, "references")


def _check_reference(report: Report, at: FieldRef, reference: PolicyTargetReference) -> None:
    """Only the schema looks at the references of an EnvoyFilter: their kind may be any."""
    for name, text in (("kind", reference.kind), ("name", reference.name)):
        if not text:
            report.add(MISSING_FIELD, at / name, f"the {name} is missing")
    check_length(report, at / "name", reference.name, 253)
    check_length(report, at / "kind", reference.kind, 63)
    check_length(report, at / "group", reference.group, 253)
    if reference.kind and _KIND.fullmatch(reference.kind) is None:
        report.add(VALUE_MALFORMED, at / "kind", f'"{reference.kind}" is not a kind')
    if _GROUP.fullmatch(reference.group) is None:
        report.add(VALUE_MALFORMED, at / "group", f'"{reference.group}" is not an API group')
    if reference.namespace:
        message = "an EnvoyFilter is attached to what is in its own namespace"
        report.add(NOT_ALLOWED_HERE, at / "namespace", message, hint="remove the namespace")


def _check_patch(report: Report, at: FieldRef, patch: ConfigPatch) -> None:
    """A patch of a proxy that is not served here is looked at by the schema only."""
    match = patch.match or ObjectMatch()
    _check_match_schema(report, at / "match", match)
    if match.context is PatchContext.WAYPOINT:
        message = "no proxy is a waypoint, so the patch has no effect"
        report.add(NO_EFFECT, at / "match" / "context", message)
        return
    if patch.apply_to is ApplyTo.INVALID:
        report.add(MISSING_FIELD, at / "applyTo", "applyTo, what the patch is for, is missing")
        return
    if patch.patch is None:
        report.add(MISSING_FIELD, at, "the patch is missing", hint="add patch: {operation: …}")
        return
    if not _is_whole(report, at / "patch", patch.patch):
        return
    if match.proxy is not None:
        _check_proxy(report, at / "match" / "proxy", match.proxy)
    _check_match(report, at / "match", patch.apply_to, match)
    check_operation(report, at / "patch" / "operation", patch, patch.patch.operation)
    check_value(report, at / "patch" / "value", patch.apply_to, patch.patch)


def _is_whole(report: Report, at: FieldRef, patch: Patch) -> bool:
    if patch.operation is PatchOperation.INVALID:
        report.add(MISSING_FIELD, at / "operation", "the operation is missing")
        return False
    if patch.value is None and patch.operation is not PatchOperation.REMOVE:
        message = f"the value is missing, which {patch.operation.value} needs"
        report.add(MISSING_FIELD, at / "value", message, hint="add value")
        return False
    return True


def _check_match_schema(report: Report, at: FieldRef, match: ObjectMatch) -> None:
    written = _written(match)
    if len(written) > 1:
        message = f"{' and '.join(written)} exclude each other"
        report.add(MUTUALLY_EXCLUSIVE, (at / written[-1]).key, message, hint="keep one of them")
    if (match.context is PatchContext.WAYPOINT) is not (match.waypoint is not None):
        message = "the context WAYPOINT and a waypoint go together"
        report.add(NOT_ALLOWED_HERE, at, message, hint="write both of them, or neither")
    if match.waypoint is not None and match.waypoint.port_number is not None:
        check_port(report, at / "waypoint" / "portNumber", match.waypoint.port_number)


def _written(match: ObjectMatch) -> list[str]:
    fields = {
        "listener": match.listener,
        "routeConfiguration": match.route_configuration,
        "cluster": match.cluster,
        "waypoint": match.waypoint,
    }
    return [name for name, value in fields.items() if value is not None]


def _check_proxy(report: Report, at: FieldRef, proxy: ProxyMatch) -> None:
    version = proxy.proxy_version
    if len(version.encode()) > PROXY_VERSION_LIMIT:
        message = f"the pattern is longer than {PROXY_VERSION_LIMIT} bytes, so it matches no proxy"
        report.add(CANNOT_WORK, at / "proxyVersion", message)
    elif version and (fault := names.regex_fault(version)) is not None:
        report.add(REGEX_REFUSED, at / "proxyVersion", f'"{version}" {fault}')


def _check_match(report: Report, at: FieldRef, apply_to: ApplyTo, match: ObjectMatch) -> None:
    wanted = _WANTED_MATCH.get(apply_to, None)
    if wanted is None:
        return
    for written in _written(match):
        if written not in (wanted, "waypoint"):
            message = f"{written} cannot be matched by a patch of {apply_to.value}"
            hint = f"match by {wanted}"
            report.add(NOT_ALLOWED_HERE, (at / written).key, message, hint=hint)
    if apply_to in _LISTENER_CLASS and match.listener is not None:
        _check_listener(report, at / "listener", apply_to, match.listener)


def _check_listener(
    report: Report, at: FieldRef, apply_to: ApplyTo, listener: ListenerMatch
) -> None:
    chain = listener.filter_chain
    if chain is None or chain.filter is None:
        return
    place, found = at / "filterChain" / "filter", chain.filter
    if apply_to in (ApplyTo.LISTENER, ApplyTo.FILTER_CHAIN):
        message = f"a filter has no effect on the match of a patch of {apply_to.value}"
        report.add(NO_EFFECT, place.key, message, hint="remove filter")
    if not found.name:
        report.add(MISSING_FIELD, place / "name", "the filter's name is missing")
    elif found.sub_filter is not None and not _check_sub_filter(report, place, apply_to, found):
        return
    else:
        sub_filter = found.sub_filter.name if found.sub_filter is not None else ""
        for each, name in (
            (place / "name", found.name),
            (place / "subFilter" / "name", sub_filter),
        ):
            if name in OLD_NAMES:
                message = f'"{name}" is an old name, which no filter has any more'
                report.add(DEPRECATED, each, message, hint=f"write {OLD_NAMES[name]}")


def _check_sub_filter(report: Report, at: FieldRef, apply_to: ApplyTo, found: FilterMatch) -> bool:
    before = len(report)
    if apply_to is not ApplyTo.HTTP_FILTER:
        message = f"subFilter is for patches of HTTP_FILTER, not of {apply_to.value}"
        report.add(NOT_ALLOWED_HERE, (at / "subFilter").key, message, hint="remove subFilter")
    elif OLD_NAMES.get(found.name, found.name) != HTTP_CONNECTION_MANAGER:
        message = f"only the filter {HTTP_CONNECTION_MANAGER} has filters within it"
        report.add(NOT_ALLOWED_HERE, at / "name", message)
    elif found.sub_filter is not None and not found.sub_filter.name:
        report.add(MISSING_FIELD, at / "subFilter" / "name", "the filter's name is missing")
    return len(report) == before
