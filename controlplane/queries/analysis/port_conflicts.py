"""Ports of services without an address whose connections a sidecar cannot tell from another's."""

from collections.abc import Iterator

from controlplane.base.diagnostics import Diagnostics, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, ObjectKey, key_is_of
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY, ServiceEntry
from controlplane.kinds.object import Object
from controlplane.model.egress import EVERY_PORT
from controlplane.model.service import Protocol
from controlplane.model.visibility import PUBLIC
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.listeners.captured_ports import captured_of_service
from controlplane.queries.registry.services import sidecar_service
from controlplane.queries.views.views import ANY_SIDECAR
from controlplane.translate.captured_ports import wildcard
from controlplane.translate.listener_conflicts import merged
from controlplane.translate.protocol import protocol_of_word


def _shared_ports(declared: Object[ServiceEntry]) -> Iterator[int]:
    """The ports that may be listened for at every address, for other things than HTTP."""
    spec = declared.spec
    if not spec.addresses or any("/" in address for address in spec.addresses):
        for port in spec.ports:
            protocol = protocol_of_word(port.protocol)
            if not protocol.is_http and protocol is not Protocol.UDP:
                yield port.number


@index(SERVICE_ENTRY)
def hosts_of_shared_port(declared: Object[ServiceEntry]) -> Iterator[tuple[int, Host]]:
    for number in _shared_ports(declared):
        for host in declared.spec.hosts:
            yield number, Host(host)


@derived
def port_conflicts(graph: Graph, key: ObjectKey) -> Diagnostics:
    """The ports of one object that lose their connections to others; runs again when services on
    the same ports change.
    """
    assert key_is_of(key, SERVICE_ENTRY), "only ServiceEntries share addresses"
    declared = object_of(graph, key)
    if declared is None:
        return ()
    return tuple(
        found
        for number in dict.fromkeys(_shared_ports(declared))
        for found in _conflicts_on_port(graph, number)
        if isinstance(found.place, FieldRef) and found.place.object == key
    )


@guarded(first=())
def _conflicts_on_port(graph: Graph, number: int) -> Diagnostics:
    hosts = hosts_of_shared_port(graph, number)
    if len(hosts) < 2:
        return ()
    everywhere = wildcard(ANY_SIDECAR.families)
    services = (sidecar_service(graph, host, PUBLIC) for host in hosts)
    report = Report()
    merged(
        report,
        (
            port
            for service in services
            if service is not None
            for port in captured_of_service(graph, ANY_SIDECAR, EVERY_PORT, service)
            if port.address.host == everywhere and port.address.port == number
        ),
    )
    return tuple(report)
