"""A port of a workload, as its sidecar sees what calls it."""

from dataclasses import dataclass
from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, PortNumber
from controlplane.model.cluster import Fixed
from controlplane.model.proxy import IpFamily
from controlplane.model.service import Protocol

OWN_ADDRESS: Final = {IpFamily.IPV4: "0.0.0.0", IpFamily.IPV6: "::"}
"""What stands for the first address of the workload in a family."""


@dataclass(frozen=True, slots=True)
class Socket:
    """A listener of its own at an address; ``None`` is the first address of the workload."""

    address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundPort:
    """``number`` is where connections arrive. ``service_port`` is what callers name, of the service
    ``host``; ``service`` is what its declaration calls it.

    ``destination``: where they are passed on to; ``None`` is where they were going. ``socket`` is
    ``None`` where interception brings them. ``declared_by`` is the ingress listener of a Sidecar;
    ``None`` for a port that only its service declares.
    """

    number: PortNumber
    service_port: PortNumber
    protocol: Protocol
    host: Host
    service: str
    is_external: bool = False
    destination: Fixed | None = None
    socket: Socket | None = None
    declared_by: FieldRef | None = None

    @property
    def needs_own_address(self) -> bool:
        """Whether anything of it is said by the address of the workload."""
        return self.socket == Socket(None) or (
            self.destination is not None and self.destination.address in OWN_ADDRESS.values()
        )
