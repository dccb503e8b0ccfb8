"""Protocols that declarations of one port contradict each other about, ports that name none, and
annotations of Services that nobody reads.

Source: https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/;
istioctl's IST0177, IST0118 and IST0108
"""

from typing import Final

from controlplane.base.codes import PROTOCOL_UNNAMED, PROTOCOLS_DIFFER, UNKNOWN_ANNOTATION
from controlplane.base.diagnostics import Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, ObjectKey, key_is_of
from controlplane.base.nearest import nearest
from controlplane.graph import Graph
from controlplane.kinds.core.service import Service as KubernetesService
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY, ServiceEntry
from controlplane.kinds.object import Object
from controlplane.model.service import Protocol, Service
from controlplane.queries.analysis.usable_endpoints import used_ports
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.registry.services import declarations_of_host, service_declared
from controlplane.translate.kubernetes.service import ACCOUNT_ANNOTATIONS, EXPORT_TO
from controlplane.translate.traffic_distribution import TRAFFIC_DISTRIBUTION

_READ: Final = (EXPORT_TO, TRAFFIC_DISTRIBUTION, *ACCOUNT_ANNOTATIONS)
_KNOWN: Final = frozenset(
    {
        *_READ,
        "istio.io/connect-strategy",
        "networking.istio.io/address-type",
        "networking.istio.io/enable-autoallocate-ip",
        "networking.istio.io/service-type",
        "networking.istio.io/tunnel",
    }
)
"""What Istio knows on Services (istio.io/api, ``annotation``), as far as it is about traffic."""
_OF_TRAFFIC: Final = ("networking.istio.io/", "alpha.istio.io/")


def check_annotations(report: Report, declared: Object[KubernetesService]) -> None:
    """Report annotations that look like Istio's and are none."""
    for name in declared.annotations:
        if "istio.io/" not in name or name in _KNOWN:
            continue
        meant = nearest(name, _READ)
        if meant is not None or name.startswith(_OF_TRAFFIC):
            report.add(
                UNKNOWN_ANNOTATION,
                (FieldRef(declared.key) / "metadata" / "annotations" / name).key,
                f'Istio has no annotation "{name}", so it has no effect',
                hint=f"write {meant}" if meant is not None else None,
            )


def check_port_names(report: Report, graph: Graph, key: ObjectKey, found: Service) -> None:
    """Mention ports in use whose protocol is not known: a gateway does not find it out."""
    used = used_ports(graph, found)
    for i, port in enumerate(found.ports):
        if port in used and port.protocol is Protocol.AUTO:
            named = f'the name "{port.name}"' if port.name else "no name"
            report.add(
                PROTOCOL_UNNAMED,
                FieldRef(key) / "spec" / "ports" / i,
                f"port {port.number} has {named} and so no known protocol: gateways speak HTTP/1.1 "
                "to it",
                hint="set appProtocol: http, http2, grpc or tcp",
            )


def check_protocols(report: Report, graph: Graph, declared: Object[ServiceEntry]) -> None:
    """Report ports to which an older ServiceEntry for the host gives another protocol."""
    for host in dict.fromkeys(map(Host, declared.spec.hosts)):
        older = _older(graph, declared, host)
        for i, port in enumerate(declared.spec.ports):
            first = next(
                ((o, p) for o in older for p in o.spec.ports if p.number == port.number), None
            )
            if first is None:
                continue
            other, known = first
            if known.protocol and port.protocol and not _alike(known.protocol, port.protocol):
                name = other.key.display_name
                report.add(
                    PROTOCOLS_DIFFER,
                    FieldRef(declared.key) / "spec" / "ports" / i / "protocol",
                    f"port {port.number} of {host} is {known.protocol} in {name}, which comes "
                    f"first, and {port.protocol} here: only one of them is used",
                    hint=f"write {known.protocol}, or give the port another number",
                    related=(Related(place=FieldRef(other.key), message="comes first"),),
                )


def _older(graph: Graph, declared: Object[ServiceEntry], host: Host) -> list[Object[ServiceEntry]]:
    """The ServiceEntries for a host that come before one for some client, oldest first."""
    found = [
        other
        for key in declarations_of_host(graph, host)
        if key_is_of(key, SERVICE_ENTRY)
        and (other := object_of(graph, key)) is not None
        and other.age < declared.age
        and share_clients(graph, declared, key, host)
    ]
    return sorted(found, key=lambda other: other.age)


def _alike(one: str, other: str) -> bool:
    return one.upper() == other.upper()


def share_clients(
    graph: Graph, declared: Object[ServiceEntry], other: ObjectKey, host: Host
) -> bool:
    """Whether some namespace sees two declarations of a host."""
    if not key_is_of(other, SERVICE_ENTRY):
        return True
    one, two = (service_declared(graph, key, host) for key in (declared.key, other))
    if one is None or two is None:
        return False
    seen, also = one.visibility, two.visibility
    return seen.is_public or also.is_public or not seen.namespaces.isdisjoint(also.namespaces)
