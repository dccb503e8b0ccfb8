"""The protocols that a port may speak, by the names users give them.

Source: Istio ``pkg/config/protocol``, Parse: case does not matter.
"""

from collections.abc import Sequence
from typing import Final

from controlplane.base.nearest import nearest

SERVED: Final = (
    "HTTP",
    "HTTP2",
    "GRPC",
    "GRPC-WEB",
    "HTTPS",
    "TLS",
    "TCP",
    "MONGO",
    "REDIS",
    "MYSQL",
)
_HTTP: Final = frozenset({"HTTP", "HTTP2", "HTTP_PROXY", "GRPC", "GRPC-WEB"})
_TLS: Final = frozenset({"HTTPS", "TLS"})
_KNOWN: Final = _HTTP | _TLS | {"TCP", "UDP", "MONGO", "REDIS", "MYSQL"}


def is_known(protocol: str) -> bool:
    return protocol.upper() in _KNOWN


def known_instead(protocol: str, *, among: Sequence[str] = SERVED) -> str:
    """The hint for a protocol that is not known."""
    near = nearest(protocol, among)
    return f"write {near}" if near is not None else f"Istio knows {', '.join(SERVED)}"


def is_http(protocol: str) -> bool:
    return protocol.upper() in _HTTP


def is_tls(protocol: str) -> bool:
    return protocol.upper() in _TLS


def is_tcp(protocol: str) -> bool:
    """A byte stream: neither HTTP nor UDP."""
    return protocol.upper() in _KNOWN - _HTTP - {"UDP"}
