"""Services that give one port of a workload different protocols: its sidecar takes the first one's.

Source: https://istio.io/latest/docs/ops/deployment/application-requirements/ ("a service port with
the same targetPort …"); istioctl's IST0116
"""

from collections.abc import Iterator
from typing import Final

from controlplane.base.codes import TARGET_PROTOCOLS_DIFFER
from controlplane.base.diagnostics import Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.graph import Graph
from controlplane.kinds.core.service import Service as KubernetesService
from controlplane.model.service import Protocol, Service, ServicePort
from controlplane.queries.analysis.homes import services_by_selected_label
from controlplane.queries.analysis.mesh_tls import has_sidecars
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.registry.declared_workloads import declared_workloads, target_ports
from controlplane.queries.registry.services import service_of
from controlplane.translate.kubernetes.service import service_host

_UNKNOWN: Final = (Protocol.AUTO, Protocol.UDP)
"""Found out by the sidecar, and not its concern."""


def check_target_protocols(
    report: Report, graph: Graph, key: ObjectKey[KubernetesService], found: Service
) -> None:
    """Report the ports of a Service that arrive where an earlier one's of another sort do."""
    if not found.selector or not has_sidecars(graph):
        return
    earlier = list(_earlier(graph, found))
    for i, port in enumerate(found.ports):
        if port.protocol in _UNKNOWN or not earlier:
            continue
        targets = target_ports(graph, found, port)
        for other, theirs in earlier:
            if theirs.protocol in _UNKNOWN or theirs.protocol.is_http == port.protocol.is_http:
                continue
            both = targets & target_ports(graph, other, theirs)
            if both:
                first = other.declared_by[0]
                report.add(
                    TARGET_PROTOCOLS_DIFFER,
                    FieldRef(key) / "spec" / "ports" / i,
                    f"port {port.number} is {port.protocol.value} and arrives at {min(both)}, "
                    f"where port {theirs.number} of {first.display_name}, which comes first, is "
                    f"{theirs.protocol.value}: the workload's sidecar takes it for that",
                    hint=f"give both the protocol that is spoken on port {min(both)}",
                    related=(Related(place=FieldRef(first), message="comes first"),),
                )
                break


def _earlier(graph: Graph, found: Service) -> Iterator[tuple[Service, ServicePort]]:
    """The ports of Services that select a workload which ``found`` selects, and come before it."""
    workloads = declared_workloads(graph, found.namespace, found.selector or ())
    having = [dict(one.labels) for one in workloads] or [dict(found.selector or ())]
    pairs = {pair for labels in having for pair in labels.items()}
    for key in sorted({k for pair in pairs for k in services_by_selected_label(graph, pair)}):
        declared = object_of(graph, key)
        if declared is None or key.namespace != found.namespace:
            continue
        wanted = declared.spec.selector.items()
        other = service_of(graph, service_host(declared), key.namespace)
        if other is None or not any(wanted <= labels.items() for labels in having):
            continue
        if (other.created, other.host) < (found.created, found.host):
            yield from ((other, port) for port in other.ports)
