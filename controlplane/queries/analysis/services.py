"""What in a Service or ServiceEntry leads nowhere: a host that another declares, a selector that
selects nothing, a port that no workload has, a host name that is never resolved.
"""

from collections.abc import Iterator

from controlplane.base.codes import (
    ADDRESS_NOT_NUMERIC,
    HOST_DECLARED_TWICE,
    NOTHING_SELECTED,
    SERVICE_WITHOUT_ENDPOINTS,
    UNKNOWN_TARGET_PORT,
)
from controlplane.base.diagnostics import Diagnostics, Related, Report
from controlplane.base.hosts import is_unscoped_ip
from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.base.wording import listed
from controlplane.graph import Graph, derived
from controlplane.kinds.core.endpoints import ENDPOINTS
from controlplane.kinds.core.pod import POD, Pod
from controlplane.kinds.core.service import SERVICE, Service as KubernetesService
from controlplane.kinds.istio.selection import WorkloadSelector
from controlplane.kinds.istio.service_entry import ServiceEntry
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY, WorkloadEntry
from controlplane.kinds.object import Object, is_of
from controlplane.model.endpoint import UNIX
from controlplane.model.proxy import labels_of, labels_text
from controlplane.model.service import Resolution, Service
from controlplane.queries.analysis.protocols import (
    check_annotations,
    check_port_names,
    check_protocols,
    share_clients,
)
from controlplane.queries.analysis.target_protocols import check_target_protocols
from controlplane.queries.analysis.usable_endpoints import check_entry, check_service
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.registry.declared_workloads import groups_selected
from controlplane.queries.registry.endpoints import (
    Workload,
    WorkloadKey,
    selected_workloads,
    slices_of_service,
)
from controlplane.queries.registry.services import declarations_of_host, hosts_of, service_of
from controlplane.queries.selection.gateways import gateways_by_label
from controlplane.translate.kubernetes.endpoints import container_port
from controlplane.translate.kubernetes.service import service_host


@derived
def service_diagnostics(graph: Graph, key: ObjectKey[KubernetesService]) -> Diagnostics:
    """Runs again when the Service, or what it selects, changes."""
    declared = object_of(graph, key)
    if declared is None:
        return ()
    found = service_of(graph, service_host(declared), key.namespace)
    if found is None or found.resolution is Resolution.ALIAS or _is_of_gateways(graph, found):
        return ()
    report = Report()
    check_annotations(report, declared)
    check_port_names(report, graph, key, found)
    check_target_protocols(report, graph, key, found)
    _report_endpoints(report, graph, key, found)
    return tuple(report)


def _report_endpoints(report: Report, graph: Graph, key: ObjectKey, found: Service) -> None:
    if _is_listed(graph, key) or found.selector is None:
        check_service(report, graph, key, found)
        return
    workloads = selected_workloads(graph, key.namespace, found.selector)
    groups = () if workloads else groups_selected(graph, key.namespace, found.selector)
    if groups:
        _report_groups(report, key, groups)
        return
    before = len(report)
    _report_target_ports(report, graph, key, found, workloads)
    if len(report) == before and not check_service(report, graph, key, found) and not workloads:
        report.add(
            SERVICE_WITHOUT_ENDPOINTS,
            FieldRef(key) / "spec" / "selector",
            f"the selector ({labels_text(found.selector)}) selects no Pod and no WorkloadEntry of "
            f"{key.namespace}, and there is no EndpointSlice for {key.name}: requests get 503",
        )


def _report_groups(report: Report, key: ObjectKey, groups: tuple[ObjectKey, ...]) -> None:
    """Workloads that register themselves, none of which is connected."""
    report.add(
        SERVICE_WITHOUT_ENDPOINTS,
        FieldRef(key) / "spec" / "selector",
        f"no workload of {listed(group.display_name for group in groups)} is connected: requests "
        "get 503 until one is",
        hint=f"start one with a token of the group: controlplane token … --group {groups[0].name}",
    )


def _is_of_gateways(graph: Graph, found: Service) -> bool:
    """Whether the workloads are gateways, which come as proxies and need not be declared."""
    return any(gateways_by_label(graph, pair) for pair in found.selector or ())


def _is_listed(graph: Graph, key: ObjectKey) -> bool:
    """Whether there is a list of endpoints, so that Pods are not selected."""
    if slices_of_service(graph, (key.namespace, key.name)):
        return True
    return object_of(graph, ObjectKey(ENDPOINTS, key.namespace, key.name)) is not None


@derived
def service_entry_diagnostics(graph: Graph, key: ObjectKey[ServiceEntry]) -> Diagnostics:
    """Runs again when the ServiceEntry, another declaration of its hosts, or what it selects
    changes.
    """
    declared = object_of(graph, key)
    if declared is None:
        return ()
    report = Report()
    _report_shared_hosts(report, graph, declared)
    check_protocols(report, graph, declared)
    if declared.spec.workload_selector is not None:
        _report_selection(report, graph, declared, declared.spec.workload_selector)
    if not report.diagnostics:
        check_entry(report, graph, declared)
    return tuple(report)


def _report_target_ports(
    report: Report, graph: Graph, key: ObjectKey, found: Service, workloads: tuple[WorkloadKey, ...]
) -> None:
    declared = [o for workload in workloads if (o := object_of(graph, workload)) is not None]
    if not declared:
        return
    for i, port in enumerate(found.ports):
        if isinstance(port.target, int) or any(_has_port(o, port.target) for o in declared):
            continue
        names = sorted({name for o in declared for name in _port_names(o)})
        report.add(
            UNKNOWN_TARGET_PORT,
            FieldRef(key) / "spec" / "ports" / i / "targetPort",
            f'no workload that the Service selects has a port named "{port.target}"',
            note=f"their ports are {', '.join(names)}" if names else "their ports are unnamed",
            hint="use the port's number, or name the port in the Pods",
        )


def _has_port(workload: Workload, name: str) -> bool:
    if is_of(workload, POD):
        return container_port(workload, name) is not None
    return name in _port_names(workload)


def _port_names(workload: Workload) -> Iterator[str]:
    match workload.spec:
        case WorkloadEntry(ports=ports):
            yield from ports
        case Pod(spec=body):
            for container in body.containers:
                yield from (port.name for port in container.ports if port.name)


def _report_shared_hosts(report: Report, graph: Graph, declared: Object[ServiceEntry]) -> None:
    """Hosts that another object declares before this one, whose ports or clients differ by that."""
    for i, host in enumerate(hosts_of(declared)):
        others = [key for key in declarations_of_host(graph, host) if key != declared.key]
        if not others:
            continue
        own = service_of(graph, host, declared.namespace)
        first = own.declared_by[0] if own is not None else declared.key
        at = FieldRef(declared.key) / "spec" / "hosts" / i
        if first != declared.key:
            if own is not None and not _adds_all_ports(declared, own):
                _report_first(
                    report,
                    at,
                    first,
                    "its ports are used, and this one only adds endpoints for equal ports",
                )
        else:
            apart = [o for o in others if o.namespace != declared.namespace]
            shared = [o for o in apart if share_clients(graph, declared, o, host)]
            if shared:
                _report_elsewhere(report, at, shared[0])


def _adds_all_ports(declared: Object[ServiceEntry], own: Service) -> bool:
    """Whether each port of an entry is one of the host's, and its endpoints are that port's."""
    by_number = own.resolution.uses_dns
    there = {port.number if by_number else (port.number, port.name) for port in own.ports}
    wanted = {p.number if by_number else (p.number, p.name) for p in declared.spec.ports}
    return own.declared_by[0].kind != SERVICE and wanted <= there


def _report_first(report: Report, at: FieldRef, first: ObjectKey, what: str) -> None:
    report.add(
        HOST_DECLARED_TWICE,
        at,
        f"{first.display_name} also declares this host and comes first: {what}",
        related=(Related(place=FieldRef(first), message="comes first"),),
    )


def _report_elsewhere(report: Report, at: FieldRef, other: ObjectKey) -> None:
    report.add(
        HOST_DECLARED_TWICE,
        at,
        f"{other.display_name} also declares this host: which of them a client uses depends on "
        "what each exports",
        hint="export each to its own namespace, or keep one",
        related=(Related(place=FieldRef(other), message="also declares it"),),
    )


def _report_selection(
    report: Report, graph: Graph, declared: Object[ServiceEntry], wanted: WorkloadSelector
) -> None:
    selector = labels_of(dict(wanted.labels))
    workloads = selected_workloads(graph, declared.namespace, selector)
    if not workloads:
        report.add(
            NOTHING_SELECTED,
            FieldRef(declared.key) / "spec" / "workloadSelector" / "labels",
            f"no WorkloadEntry and no Pod of {declared.namespace} has {labels_text(selector)}",
        )
    found = service_of(graph, hosts_of(declared)[0], declared.namespace)
    if found is None or found.resolution.uses_dns:
        return
    for key in workloads:
        workload = object_of(graph, key)
        if workload is None or not is_of(workload, WORKLOAD_ENTRY):
            continue
        address = workload.spec.address
        if address and not is_unscoped_ip(address) and not address.startswith(UNIX):
            report.add(
                ADDRESS_NOT_NUMERIC,
                FieldRef(key) / "spec" / "address",
                f'"{address}" is a host name, but {declared.key.display_name} does not use DNS',
                hint=f"set resolution: DNS in {declared.key.display_name}",
            )
