"""PeerAuthentications that do not decide what they are meant to: an older one of the level does,
the root namespace has no selectors, no Service leads to the port.

Source: https://istio.io/latest/docs/reference/config/security/peer_authentication/; istioctl's
IST0167
"""

from collections.abc import Iterator

from controlplane.base.codes import (
    PEERS_OVERLAP,
    PORT_NOT_TARGETED,
    ROOT_SELECTOR_IGNORED,
)
from controlplane.base.diagnostics import Diagnostics, Related, Report
from controlplane.base.hosts import short_name
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace
from controlplane.base.wording import listed
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.peer_authentication import (
    PeerAuthentication,
    PeerAuthenticationKey,
)
from controlplane.kinds.object import Object
from controlplane.model.proxy import Labels
from controlplane.model.service import Service
from controlplane.queries.analysis.homes import services_by_selected_label
from controlplane.queries.analysis.selectors import check_overlap, check_selected
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.peer_policies import peers_of_namespace
from controlplane.queries.registry.declared_workloads import declared_workloads, target_ports
from controlplane.queries.registry.egress import sidecars_in_order
from controlplane.queries.registry.services import service_of
from controlplane.translate.istio.peer_authentication import selected_labels
from controlplane.translate.kubernetes.service import service_host


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
        _check_ports(report, graph, declared, selector)
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


def _check_ports(
    report: Report, graph: Graph, declared: Object[PeerAuthentication], selector: Labels
) -> None:
    """Ports of ``portLevelMtls`` that no Service in front of the workloads leads to."""
    if not declared.spec.port_level_mtls:
        return
    at = FieldRef(declared.key) / "spec" / "portLevelMtls"
    services = list(_services(graph, declared.namespace, selector))
    targets = set(_ingress_ports(graph, declared.namespace))
    for service in services:
        for port in service.ports:
            found = target_ports(graph, service, port)
            if not found:
                return  # where the port leads is not known
            targets |= found
    for written in declared.spec.port_level_mtls if services else ():
        if int(written) not in targets:
            _report_port(report, graph, (at / written).key, int(written), services, targets)


def _ingress_ports(graph: Graph, namespace: Namespace) -> Iterator[int]:
    """The ports that Sidecars of the namespace say themselves."""
    for key, _, _ in sidecars_in_order(graph, namespace):
        declared = object_of(graph, key)
        for listener in declared.spec.ingress if declared is not None else ():
            if listener.port is not None:
                yield listener.port.number


def _services(graph: Graph, namespace: Namespace, selector: Labels) -> Iterator[Service]:
    """The Services in front of the workloads; where none is declared, in front of those that have
    no other labels.
    """
    workloads = declared_workloads(graph, namespace, selector)
    having = [dict(one.labels) for one in workloads] or [dict(selector)]
    keys = {
        key
        for labels in having
        for pair in labels.items()
        for key in services_by_selected_label(graph, pair)
    }
    for key in sorted(keys):
        declared = object_of(graph, key)
        if declared is None or key.namespace != namespace:
            continue
        wanted = declared.spec.selector.items()
        if any(wanted <= labels.items() for labels in having):
            found = service_of(graph, service_host(declared), namespace)
            if found is not None:
                yield found


def _report_port(
    report: Report,
    graph: Graph,
    at: FieldRef,
    number: int,
    services: list[Service],
    targets: set[int],
) -> None:
    meant = [
        (service, port, target)
        for service in services
        for port in service.ports
        if port.number == number
        for target in sorted(target_ports(graph, service, port))
    ]
    names = listed(service.declared_by[0].display_name for service in services[:2])
    note = f"{names} leads to {listed(sorted(targets))}"
    hint = None
    if meant:
        service, port, target = meant[0]
        hint = f"write {target}, where port {port.number} of {short_name(service.host)} arrives"
    report.add(
        PORT_NOT_TARGETED,
        at,
        f"no Service leads to port {number} of these workloads, so the mode is only for who "
        "connects to that port directly",
        note=note,
        hint=hint,
    )
