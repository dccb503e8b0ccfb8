"""The protocol of a port, from the names of either API.

Source: https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
"""

from collections.abc import Mapping
from typing import Final

from controlplane.model.service import Protocol

_WORDS: Final[Mapping[str, Protocol]] = {
    "http": Protocol.HTTP,
    "http2": Protocol.HTTP2,
    "https": Protocol.HTTPS,
    "grpc": Protocol.GRPC,
    "grpc-web": Protocol.GRPC_WEB,
    "tls": Protocol.TLS,
    "tcp": Protocol.TCP,
    "udp": Protocol.UDP,
    "mongo": Protocol.MONGO,
    "redis": Protocol.REDIS,
    "mysql": Protocol.MYSQL,
    "http_proxy": Protocol.HTTP_PROXY,
}
_APPLICATION_PROTOCOLS: Final[Mapping[str, Protocol]] = {
    "kubernetes.io/h2c": Protocol.HTTP2,
    "kubernetes.io/ws": Protocol.HTTP,
    "kubernetes.io/wss": Protocol.HTTPS,
}
_SPOKEN_BY_SERVERS_FIRST: Final = frozenset({25, 53, 3306, 27017})
"""On these ports the server speaks first or no HTTP is known, so nothing is sniffed (Istio)."""


def protocol_of_word(word: str) -> Protocol:
    """The protocol of an Istio object's ``protocol``; an unknown word, or none, is ``AUTO``."""
    return _WORDS.get(word.lower(), Protocol.AUTO)


def protocol_of_port(number: int, name: str, application: str | None, transport: str) -> Protocol:
    """The protocol of a Kubernetes port: ``appProtocol`` decides alone, else the name up to its
    first dash.
    """
    if transport == "UDP":
        return Protocol.UDP
    if application is not None and application in _APPLICATION_PROTOCOLS:
        return _APPLICATION_PROTOCOLS[application]
    word = (name if application is None else application).lower()
    if word.startswith("grpc-web"):
        return Protocol.GRPC_WEB
    found = _WORDS.get(word.partition("-")[0], Protocol.AUTO)
    if found is Protocol.AUTO and number in _SPOKEN_BY_SERVERS_FIRST:
        return Protocol.TCP
    return found
