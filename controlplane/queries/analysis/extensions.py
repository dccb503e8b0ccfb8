"""WasmPlugins and TrafficExtensions that are for no proxy.

Source: Istio ``pilot/pkg/model/policyattachment.go``
"""

from typing import Any

from controlplane.base.diagnostics import Diagnostics, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace, ObjectKey
from controlplane.graph import Graph, derived
from controlplane.queries.analysis.policy_targets import check_targets
from controlplane.queries.analysis.selectors import check_selected
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.selection.gateways import is_for_gateways
from controlplane.translate.istio.policy_attachment import BySelector, attachment


@derived
def extension_diagnostics(graph: Graph, key: ObjectKey[Any]) -> Diagnostics:
    """Runs again when the extension, a workload that it selects or a Gateway that it refers to
    changes. Any: both kinds are attached alike.
    """
    declared = object_of(graph, key)
    if declared is None:
        return ()
    report = Report()
    root = Namespace(mesh_config(graph).root_namespace)
    found = attachment(declared.spec)
    labels = found.labels if isinstance(found, BySelector) else ()
    if labels and key.namespace != root and not is_for_gateways(graph, labels):
        at = FieldRef(key) / "spec" / "selector" / "matchLabels"
        check_selected(report, graph, at, labels)
    check_targets(report, graph, key, declared.spec.target_refs, declared.spec.target_ref)
    return tuple(report)
