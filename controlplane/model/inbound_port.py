"""A port of a workload, as its sidecar sees what calls it."""

from dataclasses import dataclass

from controlplane.base.names import Host, PortNumber
from controlplane.model.service import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundPort:
    """``number`` is the workload's own port, ``service_port`` the one that callers name, of the
    service ``host``, which its declaration calls ``service``.
    """

    number: PortNumber
    service_port: PortNumber
    protocol: Protocol
    host: Host
    service: str
    is_external: bool = False
