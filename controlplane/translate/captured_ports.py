"""Where a sidecar listens for a port of a service, and for what.

Source: Istio ``pilot/pkg/networking/core/listener.go`` (``buildSidecarOutboundListener``).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Final

from controlplane.base.hosts import is_unscoped_ip
from controlplane.base.names import PortNumber
from controlplane.model.captured_port import CapturedPort, CapturedRequests, Order
from controlplane.model.egress import EgressListener
from controlplane.model.endpoint import Endpoint
from controlplane.model.plan.listener import Address
from controlplane.model.proxy import IpFamily
from controlplane.model.service import Origin, Protocol, Resolution, Service, ServicePort

UNSPECIFIED: Final = frozenset({"0.0.0.0", "::"})
_VERSIONS: Final = {IpFamily.IPV4: 4, IpFamily.IPV6: 6}


@dataclass(frozen=True, slots=True)
class Captured:
    """An address that is listened at, and the CIDR ranges that connections to it must be for;
    without any, every one is meant.
    """

    address: Address
    networks: tuple[str, ...] = ()
    names_service: bool = True
    """Whether the address alone tells which service is meant."""


def wildcard(families: tuple[IpFamily, ...]) -> str:
    """The address of a listener for every address."""
    return "0.0.0.0" if IpFamily.IPV4 in families else "::"


def listened_port(port: ServicePort, listener: EgressListener) -> ServicePort:
    """The port as the listener has it: its number and protocol, where the Sidecar says them."""
    if listener.port is None:
        return port
    return ServicePort(
        number=listener.port, name=port.name, protocol=listener.protocol, target=port.target
    )


def listened_ports(service: Service, listener: EgressListener) -> tuple[ServicePort, ...]:
    """The ports that a listener has for a service: one alone where the Sidecar says which."""
    if listener.port is not None:
        return tuple(listened_port(port, listener) for port in service.ports[:1])
    return service.ports


def captured(
    service: Service,
    port: ServicePort,
    listener: EgressListener,
    families: tuple[IpFamily, ...],
    endpoints: Iterable[Endpoint],
) -> Iterator[Captured]:
    """Where connections to a port are listened for; requests of no declared protocol are too.

    ``endpoints`` are those of the port: clients of a service without an address of its own name
    them themselves.
    """
    everywhere = wildcard(families)
    if listener.bind:
        yield Captured(_address(listener.bind, port.number))
    elif port.protocol.is_http:
        yield Captured(_address(everywhere, port.number), names_service=False)
    elif (
        listener.port is None
        and is_found_by_endpoints(service)
        and _has_endpoints(service, endpoints := tuple(endpoints))
    ):
        for address in dict.fromkeys(endpoint.address for endpoint in endpoints):
            if is_unscoped_ip(address):
                yield Captured(_address(address, port.number))
    else:
        yield from _at_addresses(service, port, families)


def is_found_by_endpoints(service: Service) -> bool:
    """Whether clients name endpoints themselves, as the service has no address."""
    passes_through = service.resolution in (Resolution.HEADLESS, Resolution.NONE)
    return passes_through and service_address(service, (IpFamily.IPV4, IpFamily.IPV6)) is None


def _has_endpoints(service: Service, endpoints: tuple[Endpoint, ...]) -> bool:
    """A ServiceEntry that lists and selects none is listened for everywhere; a Service without
    any is not, as it may get some.
    """
    is_bare = service.origin is Origin.ENTRY and service.selector is None
    return bool(endpoints) or not is_bare


def service_address(service: Service, families: tuple[IpFamily, ...]) -> str | None:
    """The address of a service for a proxy, or its CIDR range: the first of a family that the proxy
    has, else the first.
    """
    usable = [text for each in service.addresses if (text := _normal(each)) is not None]
    versions = {_VERSIONS[family] for family in families}
    fitting = (text for text in usable if ip_network(text).version in versions)
    return next(fitting, usable[0] if usable else None)


def _normal(text: str) -> str | None:
    """An address, or a masked CIDR range of more than one; ``None`` for what is neither, and for
    the unspecified address.
    """
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    if network.num_addresses > 1:
        return str(network)
    address = str(network.network_address)
    return None if address in UNSPECIFIED else address


def masked(texts: Iterable[str]) -> tuple[str, ...]:
    """CIDR ranges as Envoy compares them, each once, sorted; a bare address is one of its own."""
    found = set()
    for text in texts:
        try:
            found.add(str(ip_network(text, strict=False)))
        except ValueError:
            continue
    return tuple(sorted(found))


def _at_addresses(
    service: Service, port: ServicePort, families: tuple[IpFamily, ...]
) -> Iterator[Captured]:
    """Every address of a ServiceEntry; of a Service, whose others are of other families, one."""
    everywhere = _address(wildcard(families), port.number)
    first = service_address(service, families)
    if first is None:
        yield Captured(everywhere, names_service=False)
        return
    usable = (text for each in service.addresses if (text := _normal(each)) is not None)
    for found in dict.fromkeys(usable) if service.origin is Origin.ENTRY else (first,):
        if "/" in found:
            yield Captured(everywhere, networks=(found,), names_service=False)
        else:
            yield Captured(_address(found, port.number))


def _address(host: str, port: PortNumber) -> Address:
    return Address(host, port)


def requests_at(
    service: Service,
    port: ServicePort,
    address: Address,
    families: tuple[IpFamily, ...],
) -> CapturedRequests | None:
    """The requests of a port at an address; ``None`` where none are looked for."""
    if not port.protocol.is_http and port.protocol is not Protocol.AUTO:
        return None
    is_shared = address.host == wildcard(families)
    is_dynamic = service.resolution is Resolution.DYNAMIC_DNS
    return CapturedRequests(
        table=table_name(service, port, address, is_shared=is_shared),
        sniffs=port.protocol is Protocol.AUTO
        or (is_shared and port.protocol is not Protocol.HTTP_PROXY),
        accepts_grpc_web=port.protocol is Protocol.GRPC_WEB,
        caches=(f"{service.host}_dfp_dns_cache",) if is_dynamic else (),
    )


def table_name(service: Service, port: ServicePort, address: Address, *, is_shared: bool) -> str:
    """The route table: of the port, which all services with it share, of a Unix socket, or of a
    service alone where nothing is declared of what it speaks and its address tells it.
    """
    if address.port == 0:
        return address.host
    if port.protocol is Protocol.AUTO and not is_shared:
        return f"{service.host}:{port.number}"
    return str(port.number)


def service_order(service: Service) -> Order:
    """Which service comes first where two ask for the same."""
    return (service.created, service.name, service.namespace)


def without_repeats(ports: Iterable[CapturedPort]) -> tuple[CapturedPort, ...]:
    """Of ports that ask for requests alone, at each address the first service's with everyone's
    caches: what the later ones are changes nothing there.
    """
    kept: list[CapturedPort] = []
    first: dict[tuple[Address, str], CapturedPort] = {}
    caches: dict[tuple[Address, str], set[str]] = {}
    for port in sorted(ports, key=lambda port: (port.order, port.address)):
        if port.requests is None or port.streams:
            kept.append(port)
            continue
        at = (port.address, port.requests.table)
        first.setdefault(at, port)
        caches.setdefault(at, set()).update(port.requests.caches)
    return (*kept, *(_with_caches(port, caches[at]) for at, port in first.items()))


def _with_caches(port: CapturedPort, caches: set[str]) -> CapturedPort:
    requests = port.requests
    assert requests is not None, "only ports with requests are joined"
    return replace(port, requests=replace(requests, caches=tuple(sorted(caches))), origins=())
