"""The ingress side of a Sidecar: which ports of the workload are served, in place of those that
services lead to, and where connections to them go.

Source: https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioIngressListener and
Istio ``pilot/pkg/networking/core/listener_inbound.go``, ``cluster.go``
(``buildInboundClustersFromSidecar``).
"""

from collections.abc import Mapping
from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, PortNumber
from controlplane.kinds.istio.sidecar import CaptureMode, IngressListener, Sidecar
from controlplane.kinds.object import Object
from controlplane.model.cluster import Fixed
from controlplane.model.endpoint import UNIX
from controlplane.model.inbound_port import OWN_ADDRESS, InboundPort, Socket
from controlplane.model.proxy import IpFamily
from controlplane.model.traffic_policy import ConnectionPool
from controlplane.translate.istio.traffic_policy import connection_pool
from controlplane.translate.protocol import protocol_of_word

_FIRST_UNPRIVILEGED: Final = 1024
_LOOPBACK: Final = {IpFamily.IPV4: "127.0.0.1", IpFamily.IPV6: "::1"}


def ingress_ports(
    declared: Object[Sidecar],
    of_services: Mapping[int, InboundPort],
    families: tuple[IpFamily, ...],
    *,
    captures: bool,
    opens_low_ports: bool,
) -> tuple[InboundPort, ...]:
    """The ports that a Sidecar declares, by number, each once; the first declaration decides.

    ``of_services`` are those that services lead to, by number: a port that both have is that
    service's to whoever reads the cluster. ``captures``: whether connections are intercepted.
    """
    found: dict[int, InboundPort] = {}
    for i, listener in enumerate(declared.spec.ingress):
        if listener.port is None or listener.port.number in found:
            continue
        socket = _socket(listener, captures=captures)
        number = listener.port.number
        if socket is not None and number < _FIRST_UNPRIVILEGED and not opens_low_ports:
            continue
        service = of_services.get(number)
        found[number] = InboundPort(
            number=PortNumber(number),
            service_port=PortNumber(number),
            protocol=protocol_of_word(listener.port.protocol),
            host=service.host if service else Host(f"{declared.name}.{declared.namespace}"),
            service=service.service if service else declared.name,
            is_external=service.is_external if service else True,
            destination=_destination(listener.default_endpoint, families),
            socket=socket,
            declared_by=FieldRef(declared.key, ("spec", "ingress", i)),
        )
    return tuple(found[number] for number in sorted(found))


def limits(sidecar: Sidecar, port: int) -> ConnectionPool | None:
    """What a Sidecar says of connections to a port of the workload; ``None`` leaves it to rules."""
    own = (
        listener.connection_pool
        for listener in sidecar.ingress
        if listener.port is not None and listener.port.number == port
    )
    said = next((pool for pool in own if pool is not None), sidecar.inbound_connection_pool)
    return connection_pool(said)


def says_anything(sidecar: Sidecar) -> bool:
    """Whether a Sidecar bears on what calls the workload."""
    return bool(sidecar.ingress) or sidecar.inbound_connection_pool is not None


def _socket(listener: IngressListener, *, captures: bool) -> Socket | None:
    """By default connections come as all do; without interception each port has its socket."""
    is_bound = listener.capture_mode is CaptureMode.NONE or (
        listener.capture_mode is CaptureMode.DEFAULT and not captures
    )
    return Socket(listener.bind or None) if is_bound else None


def _destination(text: str, families: tuple[IpFamily, ...]) -> Fixed | None:
    """``0.0.0.0`` and ``[::]`` stand for the workload's own address. A loopback address of a family
    that the proxy lacks is that of the other.
    """
    if text.startswith(UNIX):
        return Fixed(text, PortNumber(0))
    host, _, port = text.rpartition(":")
    address = host.strip("[]")
    if not address or not port.isdecimal():
        return None
    for family, loopback in _LOOPBACK.items():
        if address == loopback:
            chosen = family if family in families else families[0]
            return Fixed(_LOOPBACK[chosen], PortNumber(int(port)))
    return Fixed(address, PortNumber(int(port))) if address in OWN_ADDRESS.values() else None
