"""PeerAuthentications that do not decide what they are meant to: an older one of the level does,
the root namespace has no selectors, no Service leads to the port.

Source: https://istio.io/latest/docs/reference/config/security/peer_authentication/; istioctl's
IST0167
"""

from typing import Final

from controlplane.base.codes import (
    PEERS_OVERLAP,
    PORT_NOT_TARGETED,
    ROOT_SELECTOR_IGNORED,
)
from controlplane.base.diagnostics import Diagnostics, Related, Report
from controlplane.base.locations import FieldRef
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.peer_authentication import (
    PeerAuthenticationKey,
)
from controlplane.queries.analysis.selected_ports import check_workload_ports
from controlplane.queries.analysis.selectors import check_overlap, check_selected
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.peer_policies import peers_of_namespace
from controlplane.translate.istio.peer_authentication import selected_labels

_DIRECTLY: Final = "the mode is only for who connects to that port directly"


@derived
def peer_authentication_diagnostics(graph: Graph, key: PeerAuthenticationKey) -> Diagnostics:
    """Runs again when the policy, another of its namespace, a workload that it selects or a Service
    in front of one changes.
    """
    declared = object_of(graph, key)
    if declared is None:
        return ()
    report = Report()
    selector = selected_labels(declared.spec)
    is_root = key.namespace == mesh_config(graph).root_namespace
    at = FieldRef(key)
    earlier = [
        (labels, other)
        for age, labels, other in peers_of_namespace(graph, key.namespace)
        if age < declared.age and bool(labels) == bool(selector)
    ]
    if not selector and earlier:
        _report_second(report, at / "metadata" / "name", earlier[0][1], is_root=is_root)
    elif selector and is_root:
        _report_root(report, at / "spec" / "selector")
    elif selector:
        place = at / "spec" / "selector" / "matchLabels"
        check_selected(report, graph, place, selector)
        check_overlap(report, graph, place, selector, earlier, code=PEERS_OVERLAP)
        at = at / "spec" / "portLevelMtls"
        ports = [((at / p).key, int(p)) for p in declared.spec.port_level_mtls]
        check_workload_ports(report, graph, selector, ports, PORT_NOT_TARGETED, _DIRECTLY)
    return tuple(report)


def _report_second(
    report: Report, at: FieldRef, first: PeerAuthenticationKey, *, is_root: bool
) -> None:
    level = "the whole mesh" if is_root else f"the whole namespace {first.namespace}"
    report.add(
        PEERS_OVERLAP,
        at,
        f"{first.display_name} is for {level} too and comes first, so this one has no effect",
        hint="keep one of them, or give this one a selector",
        related=(Related(place=FieldRef(first), message="comes first"),),
    )


def _report_root(report: Report, at: FieldRef) -> None:
    namespace = at.object.namespace
    report.add(
        ROOT_SELECTOR_IGNORED,
        at,
        f"{namespace} is the root namespace, where Istio ignores a PeerAuthentication with a "
        "selector",
        hint="put it into the namespace of the workloads, or remove the selector to make it the "
        "mesh's",
    )
