"""``HOST:PORT`` as commands take it."""

import ipaddress
from dataclasses import dataclass

import click

from controlplane.base.hosts import is_ip


@dataclass(frozen=True, slots=True)
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


def address(text: str) -> Address | None:
    """``text`` as an address; ``None`` when it is none."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        return None
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed:
        host = host[1:-1]
    if not host or bracketed != (":" in host):
        return None
    return Address(host, int(port))


def address_parameter(text: str) -> Address:
    """The ``type`` of an option that takes ``HOST:PORT``."""
    found = address(text)
    if found is None:
        raise click.BadParameter(
            f'"{text}" is not HOST:PORT, such as 127.0.0.1:15010 or [::1]:15010'
        )
    return found
