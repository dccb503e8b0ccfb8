"""A listener becomes a server, and conditions that say why where it does not.

Sources: https://gateway-api.sigs.k8s.io/reference/spec/ (Listener, ListenerStatus); Istio
``pilot/pkg/config/kube/gateway/conversion.go`` (``buildListener``).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from controlplane.base.hosts import is_wildcard, subset_of
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Kind, Namespace, ObjectKey, PortNumber
from controlplane.kinds.gateway_api.gateway import KubernetesGateway
from controlplane.kinds.gateway_api.listener import ListenerTls, TlsMode
from controlplane.kinds.gateway_api.listener_set import LISTENER_SET
from controlplane.model.gateway_api import (
    Condition,
    Conformance,
    ListenerId,
    Problem,
    generated_gateway,
)
from controlplane.model.plan.route_table import ServerHost
from controlplane.translate.gateway_api.conditions import listener_conditions
from controlplane.translate.gateway_api.conflicts import ListenerConflict
from controlplane.translate.gateway_api.entries import (
    ROUTE_KINDS,
    ListenerEntry,
    supported_kinds,
    unsupported_kinds,
)
from controlplane.translate.gateway_api.listener_tls import (
    INVALID_CERTIFICATE_REF,
    EndedTls,
)
from controlplane.translate.gateway_api.namespaces import AllowedNamespaces
from controlplane.translate.server import (
    AutoPassthrough,
    HttpServer,
    Server,
    ServerProtocol,
    TcpServer,
    TlsPassthrough,
    UdpServer,
)

PORT_NAME: Final = "default"
"""Istio's name of the port of each Gateway that it makes of a listener."""
NO_NAMESPACE: Final = Namespace("~")
LISTENER_MODE: Final = "gateway.istio.io/listener-protocol"
AUTO_PASSTHROUGH: Final = "auto-passthrough"
NETWORK_LABEL: Final = "topology.istio.io/network"
PORT_LABEL: Final = "networking.istio.io/gatewayPort"
_USUAL_SNI_PORT: Final = "15443"
LISTED_SIBLINGS: Final = 128
"""Of more, each with a table of its own, the tables would be as long as the square of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedListener:
    """A listener of a Gateway, or of a ListenerSet that the Gateway accepted.

    ``hostname`` is ``*`` where it has none; ``kinds`` and ``namespaces`` say which routes may
    attach. ``reserved`` are hostnames within its own that a sibling on the port has: requests for
    them are the sibling's alone. ``is_attachable`` says whether routes find it at all. ``server``
    is what it serves; without one, ``problems`` say why. ``conditions`` are those of its status.
    """

    id: ListenerId
    gateway: ObjectKey[KubernetesGateway]
    place: FieldRef
    port: PortNumber
    protocol: str
    hostname: Host
    kinds: tuple[Kind, ...]
    namespaces: AllowedNamespaces
    reserved: tuple[Host, ...]
    is_attachable: bool
    server: Server | None
    problems: tuple[Problem, ...]
    conditions: tuple[Condition, ...]
    conformance: Conformance

    def has_reserved(self, host: str) -> bool:
        """Whether ``host`` belongs to a sibling with a more specific hostname."""
        return any(subset_of(host, reserved) for reserved in self.reserved)


def attached_listener(
    entry: ListenerEntry,
    gateway: ObjectKey[KubernetesGateway],
    *,
    conflict: ListenerConflict | None,
    tls: EndedTls | None,
    passes_all_sni: bool,
    namespaces: AllowedNamespaces,
    admitted: Iterable[Namespace] | None,
    reserved: tuple[Host, ...],
    elsewhere: tuple[Host, ...],
    conformance: Conformance,
) -> AttachedListener:
    """The listener of ``entry``, given what it refers to and what its siblings take.

    ``elsewhere`` are the hosts whose requests over its connections belong to siblings. ``tls`` is
    what it ends; ``admitted`` are the namespaces whose VirtualServices may name the
    Gateway that Istio makes of it, ``None`` for all.
    """
    problems = tuple(_problems(entry, tls, conformance))
    is_served = conflict is None and not any(_prevents(problem) for problem in problems)
    server = None
    if is_served and not entry.lacks_tls:
        server = Server(
            place=entry.place,
            gateway=generated_gateway(entry.id),
            port=entry.port,
            port_name=PORT_NAME,
            hosts=_hosts(entry.hostname, admitted),
            protocol=_protocol(entry, tls, passes_all_sni=passes_all_sni),
            has_tls_settings=entry.spec.tls is not None,
            age=entry.age,
            listener=entry.id,
            elsewhere=elsewhere,
        )
    return AttachedListener(
        id=entry.id,
        gateway=gateway,
        place=entry.place,
        port=entry.port,
        protocol=entry.protocol,
        hostname=entry.hostname,
        kinds=supported_kinds(entry.spec),
        namespaces=namespaces,
        reserved=reserved,
        is_attachable=_is_attachable(entry, conflict, server, conformance),
        server=server,
        problems=problems,
        conditions=listener_conditions(entry, conflict, problems, conformance),
        conformance=conformance,
    )


def reserved_hosts(
    entry: ListenerEntry, siblings: Iterable[ListenerEntry], conformance: Conformance
) -> tuple[Host, ...]:
    """The hostnames within that of ``entry`` that ``siblings`` on its port have, sorted.

    Istio compares listeners of one object and one protocol alone.
    """
    if not is_wildcard(entry.hostname):
        return ()
    return tuple(
        sorted(
            {
                other.hostname
                for other in siblings
                if other.hostname != entry.hostname
                and subset_of(other.hostname, entry.hostname)
                and _are_siblings(entry, other, conformance)
            }
        )
    )


def hosts_elsewhere(entry: ListenerEntry, siblings: Iterable[ListenerEntry]) -> tuple[Host, ...]:
    """The hosts whose requests are answered 421 when they come over a TLS connection to ``entry``:
    its SNI was another listener's.
    """
    names = {other.hostname for other in siblings if other.protocol != "HTTP"}
    return tuple(sorted(names - {entry.hostname}))


def all_elsewhere(reserved: tuple[Host, ...]) -> tuple[Host, ...]:
    """The same of a listener with very many siblings: all hosts outside of its own hostname are
    taken together, with those that no listener has.
    """
    return tuple(sorted({Host("*"), *reserved}))


def _are_siblings(entry: ListenerEntry, other: ListenerEntry, conformance: Conformance) -> bool:
    if conformance is Conformance.ISTIO:
        same = (entry.id.parent, entry.protocol) == (other.id.parent, other.protocol)
    else:
        same = (entry.protocol == "HTTP") == (other.protocol == "HTTP")
    return same and entry.port == other.port


def _problems(
    entry: ListenerEntry, tls: EndedTls | None, conformance: Conformance
) -> Iterator[Problem]:
    """What is wrong with a listener by itself."""
    if entry.protocol not in ROUTE_KINDS:
        yield _unknown_protocol(entry)
    if entry.lacks_tls and conformance is Conformance.SPECIFICATION:
        message = f"protocol {entry.protocol} without tls has no certificate to show"
        yield Problem(INVALID_CERTIFICATE_REF, message, entry.place, "add tls.certificateRefs")
    elif entry.lacks_tls and entry.id.parent.kind == LISTENER_SET:
        message = f"protocol {entry.protocol} is declared without tls"
        yield Problem("UnsupportedProtocol", message, entry.place / "protocol", "add tls")
    if tls is not None and tls.problem is not None:
        yield tls.problem
    for i in unsupported_kinds(entry.spec):
        named = entry.spec.allowed_routes.kinds[i]
        yield Problem(
            "InvalidRouteKinds",
            f"{named.kind} cannot attach to a listener of protocol {entry.protocol}",
            entry.place / "allowedRoutes" / "kinds" / i,
        )


def _unknown_protocol(entry: ListenerEntry) -> Problem:
    upper = entry.protocol.upper()
    return Problem(
        "UnsupportedProtocol",
        f'protocol "{entry.protocol}" is not served',
        entry.place / "protocol",
        f"write {upper}" if upper in ROUTE_KINDS else f"choose from {', '.join(ROUTE_KINDS)}",
    )


def _prevents(problem: Problem) -> bool:
    """Whether a listener with this is not served at all."""
    return problem.reason != "InvalidRouteKinds" and not problem.is_partial


def _is_attachable(
    entry: ListenerEntry,
    conflict: ListenerConflict | None,
    server: Server | None,
    conformance: Conformance,
) -> bool:
    """By the specification routes find every listener. Istio's find none that conflicts or lacks
    TLS, and of ListenerSets only what is served.
    """
    if conformance is Conformance.SPECIFICATION:
        return True
    if entry.id.parent.kind == LISTENER_SET:
        return server is not None
    return conflict is None and not entry.lacks_tls


def _hosts(hostname: Host, admitted: Iterable[Namespace] | None) -> tuple[ServerHost, ...]:
    if admitted is None:
        return (ServerHost(hostname),)
    found = tuple(ServerHost(hostname, namespace) for namespace in admitted)
    return found or (ServerHost(hostname, NO_NAMESPACE),)


def _protocol(
    entry: ListenerEntry, tls: EndedTls | None, *, passes_all_sni: bool
) -> ServerProtocol:
    ended = tls.tls if tls is not None else None
    match entry.protocol:
        case "HTTP":
            return HttpServer()
        case "HTTPS":
            return HttpServer(tls=ended)
        case "UDP":
            return UdpServer()
        case "TLS" if ended is None:
            return AutoPassthrough() if passes_all_sni else TlsPassthrough()
        case _:
            return TcpServer(tls=ended)


def is_auto_passthrough(port: PortNumber, tls: ListenerTls, labels: Mapping[str, str]) -> bool:
    """Whether a listener that passes TLS through sends it on by the mesh's own SNI, as that of a
    gateway between networks. Source: Istio ``pkg/kube/util.go`` (``IsAutoPassthrough``).
    """
    if tls.mode is not TlsMode.PASSTHROUGH:
        return False
    if tls.options.get(LISTENER_MODE) == AUTO_PASSTHROUGH:
        return True
    return NETWORK_LABEL in labels and str(port) == labels.get(PORT_LABEL, _USUAL_SNI_PORT)
