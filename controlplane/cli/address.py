"""``HOST:PORT`` as commands accept it."""

import ipaddress
from pathlib import Path
from typing import Final

import click

from controlplane.base.addresses import Address
from controlplane.envoy.bootstrap import AdminSocket

_LONGEST_SOCKET: Final = 107  # bytes; unix(7), sun_path


def address(text: str) -> Address | None:
    """``text`` as an address; ``None`` when it is not one."""
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


def address_or_off(text: str) -> Address | None:
    """The ``type`` of an option that takes ``HOST:PORT``, or ``off`` for nowhere."""
    return None if text == "off" else address_parameter(text)


def admin_parameter(text: str) -> Address | AdminSocket:
    """The ``type`` of an option that takes ``HOST:PORT`` or ``unix:PATH``."""
    scheme, _, path = text.partition("unix:")
    if scheme or not path:
        return address_parameter(text)
    if len(path.encode()) > _LONGEST_SOCKET:
        raise click.BadParameter(f'"{path}" is longer than {_LONGEST_SOCKET} bytes, as sockets are')
    return AdminSocket(path=Path(path))


def ip_parameter(text: str) -> str:
    """The ``type`` of an option that takes an IP address."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise click.BadParameter(f'"{text}" is not an IP address') from None


def network_parameter(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """The ``type`` of an option that takes a network, such as ``127.0.1.0/24``."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise click.BadParameter(
            f'"{text}" is not a network, such as 127.0.1.0/24 (address and prefix length, no host '
            "bits)"
        ) from None
