"""Objects ProxyConfig that do not hold for the proxies that they are meant for: an older one of the
level does, or they select nobody.

Source: Istio ``pilot/pkg/model/proxy_config.go`` (``mergedNamespaceConfig``,
``mergedWorkloadConfig``)
"""

from controlplane.base.codes import PROXY_CONFIGS_OVERLAP
from controlplane.base.diagnostics import Diagnostics, Related, Report
from controlplane.base.locations import FieldRef
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.proxy_settings import ProxySettings
from controlplane.model.proxy import Labels, labels_of
from controlplane.queries.analysis.selectors import check_overlap, check_selected
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.registry.proxy_configs import (
    ProxyConfigKey,
    configs_of_namespace,
    mesh_root,
)


@derived
def proxy_config_diagnostics(graph: Graph, key: ProxyConfigKey) -> Diagnostics:
    """Runs again when the object, another of its namespace or a workload it selects changes."""
    declared = object_of(graph, key)
    if declared is None:
        return ()
    report = Report()
    at = FieldRef(key)
    selector = _selected_labels(declared.spec)
    others = (
        (age, object_of(graph, other)) for age, other in configs_of_namespace(graph, key.namespace)
    )
    earlier = [
        (_selected_labels(other.spec), other.key)
        for age, other in others
        if other is not None
        and age < declared.age
        and (other.spec.selector is None) == (declared.spec.selector is None)
    ]
    if declared.spec.selector is None and earlier:
        _report_second(report, graph, at / "metadata" / "name", earlier[0][1])
    elif selector:
        place = at / "spec" / "selector" / "matchLabels"
        check_selected(report, graph, place, selector)
        selecting = [each for each in earlier if each[0]]
        check_overlap(report, graph, place, selector, selecting, code=PROXY_CONFIGS_OVERLAP)
    return tuple(report)


def _selected_labels(spec: ProxySettings) -> Labels:
    return labels_of(dict(spec.selector.match_labels)) if spec.selector is not None else ()


def _report_second(report: Report, graph: Graph, at: FieldRef, first: ProxyConfigKey) -> None:
    is_root = first.namespace == mesh_root(graph)
    level = "the whole mesh" if is_root else f"the whole namespace {first.namespace}"
    report.add(
        PROXY_CONFIGS_OVERLAP,
        at,
        f"{first.display_name} is for {level} too and comes first, so this one has no effect",
        hint="keep one of them, or give this one a selector",
        related=(Related(place=FieldRef(first), message="comes first"),),
    )
