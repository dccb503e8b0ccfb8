"""EnvoyFilters that are for no proxy, and patches whose result depends on which come before.

Source: istioctl's IST0151 and IST0155 (``pkg/config/analysis/analyzers/envoyfilter``)
"""

from collections.abc import Iterator
from typing import Final

from controlplane.base.codes import PATCH_ORDER_BY_VERSION, PATCH_WITHOUT_PRIORITY
from controlplane.base.diagnostics import Diagnostics, Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.envoy_filter import (
    ENVOY_FILTER,
    ApplyTo,
    ConfigPatch,
    EnvoyFilter,
    EnvoyFilterKey,
    PatchOperation,
)
from controlplane.kinds.istio.gateway import GATEWAY, Gateway
from controlplane.kinds.object import Object
from controlplane.model.endpoint import selects
from controlplane.model.proxy import Labels, labels_of
from controlplane.queries.analysis.policy_targets import check_targets
from controlplane.queries.analysis.selectors import check_selected
from controlplane.queries.inputs.connected_gateways import connected_gateways
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index, object_of

_RELATIVE: Final = frozenset({PatchOperation.INSERT_BEFORE, PatchOperation.INSERT_AFTER})
_REPLACED: Final = frozenset({ApplyTo.NETWORK_FILTER, ApplyTo.HTTP_FILTER, ApplyTo.VIRTUAL_HOST})
_ROUTES: Final = frozenset({ApplyTo.ROUTE_CONFIGURATION, ApplyTo.HTTP_ROUTE})


@index(GATEWAY)
def gateways_by_selector(
    declared: Object[Gateway],
) -> Iterator[tuple[tuple[str, str], tuple[Labels, ObjectKey]]]:
    """The Gateways that select their proxies by a label, and all labels that they select by."""
    labels = labels_of(dict(declared.spec.selector))
    for pair in labels:
        yield pair, (labels, declared.key)


@index(ENVOY_FILTER)
def patches_of_versions(
    declared: Object[EnvoyFilter],
) -> Iterator[tuple[str, tuple[EnvoyFilterKey, int]]]:
    """By what they name, the patches for some versions of proxies."""
    for number, patch in enumerate(declared.spec.config_patches):
        proxy = patch.match.proxy if patch.match is not None else None
        if proxy is not None and proxy.proxy_version:
            yield _named(patch), (declared.key, number)


@derived
def envoy_filter_diagnostics(graph: Graph, key: EnvoyFilterKey) -> Diagnostics:
    """Runs again when the EnvoyFilter, or a patch for some versions of what it names, changes."""
    declared = object_of(graph, key)
    if declared is None:
        return ()
    report = Report()
    check_targets(report, graph, key, declared.spec.target_refs)
    if declared.spec.priority:
        return tuple(report)
    for number, patch in enumerate(declared.spec.config_patches):
        if patch.patch is not None and _is_relative(patch.apply_to, patch.patch.operation):
            at = FieldRef(key) / "spec" / "configPatches" / number / "patch" / "operation"
            _report_relative(report, graph, at, patch, number)
    return tuple(report)


def _is_relative(apply_to: ApplyTo, operation: PatchOperation) -> bool:
    """Whether istioctl asks for a priority; not of MERGE, though that needs what it merges with."""
    if operation is PatchOperation.REMOVE:
        return apply_to not in _ROUTES
    if operation is PatchOperation.REPLACE:
        return apply_to in _REPLACED
    return operation in _RELATIVE


def _report_relative(
    report: Report, graph: Graph, at: FieldRef, patch: ConfigPatch, number: int
) -> None:
    assert patch.patch is not None, "only patches have operations"
    said = f"{patch.patch.operation.value} finds only what is there when it is applied"
    hint = "give the EnvoyFilter a priority, or use INSERT_FIRST or ADD"
    for key, other in patches_of_versions(graph, _named(patch)):
        if key != at.object or other < number:
            place = FieldRef(key) / "spec" / "configPatches" / other / "match" / "proxy"
            report.add(
                PATCH_ORDER_BY_VERSION,
                at,
                f"{said}, and another patch is for some versions of proxies only: without a "
                "priority an upgrade may change what this one does",
                hint=hint,
                related=(Related(place=place, message="is for some versions only"),),
            )
            return
    message = f"{said}, and the EnvoyFilter has no priority: age decides what comes before it"
    report.add(PATCH_WITHOUT_PRIORITY, at, message, hint=hint)


def _named(patch: ConfigPatch) -> str:
    """The name in the value, else the filter that is matched; empty without a value, as there."""
    value = patch.patch.value if patch.patch is not None else None
    if not value:
        return ""
    if "name" in value:
        return str(value["name"])
    listener = patch.match.listener if patch.match is not None else None
    chain = listener.filter_chain if listener is not None else None
    return chain.filter.name if chain is not None and chain.filter is not None else ""


@derived
def envoy_filter_diagnostics_where_connected(graph: Graph, key: EnvoyFilterKey) -> Diagnostics:
    """Runs again when the EnvoyFilter, what it selects, or which gateways are connected changes.

    In the root namespace a selector is for the proxies of every namespace: nothing is said there.
    """
    declared = object_of(graph, key)
    selector = declared.spec.workload_selector if declared is not None else None
    if selector is None or key.namespace == mesh_config(graph).root_namespace:
        return ()
    labels = labels_of(dict(selector.labels))
    if not labels or _is_for_gateways(graph, key, labels):
        return ()
    report = Report()
    place = FieldRef(key) / "spec" / "workloadSelector" / "labels"
    check_selected(report, graph, place, labels)
    return tuple(report)


def _is_for_gateways(graph: Graph, key: EnvoyFilterKey, selector: Labels) -> bool:
    """Whether a Gateway selects by all these labels, or a connected gateway has them."""
    if any(selects(selector, labels) for labels, _ in gateways_by_selector(graph, selector[0])):
        return True
    return any(
        proxy.namespace == key.namespace and selects(selector, proxy.labels)
        for proxy in connected_gateways(graph)
    )
