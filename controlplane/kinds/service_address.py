"""Where a server outside of the mesh is, as ProxyConfig says it: ``host:port``."""

from typing import Final

from controlplane.base.addresses import Address
from controlplane.base.hosts import is_ip
from controlplane.kinds.validation.names import is_label

_LAST_PORT: Final = 65535


def service_address(text: str) -> Address | None:
    """``None`` where ``text`` is no host or IP address with a port."""
    host, colon, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not port.isdecimal() or not 1 <= int(port) <= _LAST_PORT:
        return None
    is_name = all(map(is_label, host.split(".")))
    return Address(host, int(port)) if is_name or is_ip(host) else None
