"""Ports of workloads that a policy names, and the Services that lead to them."""

from collections.abc import Iterator, Sequence

from controlplane.base.diagnostics import Code, Report
from controlplane.base.hosts import short_name
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace
from controlplane.base.wording import listed
from controlplane.graph import Graph
from controlplane.model.proxy import Labels
from controlplane.model.service import Service
from controlplane.queries.analysis.homes import services_by_selected_label
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.registry.declared_workloads import declared_workloads, target_ports
from controlplane.queries.registry.egress import sidecars_in_order
from controlplane.queries.registry.services import service_of
from controlplane.translate.kubernetes.service import service_host


def check_workload_ports(
    report: Report,
    graph: Graph,
    selector: Labels,
    ports: Sequence[tuple[FieldRef, int]],
    code: Code,
    consequence: str,
) -> None:
    """Report those of ``ports`` that no Service in front of the selected workloads leads to;
    nothing where it is not known where they lead.
    """
    if not ports:
        return
    namespace = ports[0][0].object.namespace
    services = list(services_in_front(graph, namespace, selector))
    targets = set(_ingress_ports(graph, namespace))
    for service in services:
        for port in service.ports:
            found = target_ports(graph, service, port)
            if not found:
                return  # where the port leads is not known
            targets |= found
    for at, number in ports if services else ():
        if number not in targets:
            _report_port(report, graph, at, number, services, targets, code, consequence)


def _ingress_ports(graph: Graph, namespace: Namespace) -> Iterator[int]:
    """The ports that Sidecars of the namespace say themselves."""
    for key, _, _ in sidecars_in_order(graph, namespace):
        declared = object_of(graph, key)
        for listener in declared.spec.ingress if declared is not None else ():
            if listener.port is not None:
                yield listener.port.number


def services_in_front(graph: Graph, namespace: Namespace, selector: Labels) -> Iterator[Service]:
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
    code: Code,
    consequence: str,
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
        code,
        at,
        f"no Service leads to port {number} of these workloads, so {consequence}",
        note=note,
        hint=hint,
    )
