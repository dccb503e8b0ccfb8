"""Where a server is: a host and a port."""

import ipaddress
from dataclasses import dataclass

from controlplane.base.hosts import is_ip


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A host, by name or by number, and a port; shown as written, ``[::1]:15010`` for IPv6."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def numeric(self) -> bool:
        """Whether the host is an IP address, so that nothing is to be looked up."""
        return is_ip(self.host)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can be at the other end."""
        if self.numeric:
            return ipaddress.ip_address(self.host).is_loopback
        return self.host == "localhost"
