"""Requests that say exactly what they send: the address apart from the host, TLS with any SNI."""

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back. ``status`` 0: no answer, and ``error`` says why."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    certificate: bytes | None = None
    """The certificate that the server showed, DER."""
    error: str | None = None
    """``refused``, ``closed``, ``timeout`` or ``tls``."""

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")

    @cached_property
    def seen(self) -> dict[str, object]:
        """What the upstream says it saw; empty where Envoy answered itself."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def upstream(self) -> object:
        return self.seen.get("name")


def _trusting(trust: str | None, client: tuple[str, str] | None) -> ssl.SSLContext:
    """A client's TLS: ``trust`` is a PEM of roots, ``client`` the files of certificate and key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trust:
        context.load_verify_locations(cadata=trust)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if client:
        context.load_cert_chain(*client)
    return context


def _error(fault: OSError | http.client.HTTPException) -> str:
    match fault:
        case ConnectionRefusedError():
            return "refused"
        case TimeoutError():
            return "timeout"
        case ssl.SSLEOFError() | http.client.HTTPException() | ConnectionError():
            return "closed"
        case ssl.SSLError():
            return "tls"
        case _:
            raise fault


def send(
    url: str,
    *,
    address: str,
    port: int | None = None,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    sni: str | None = None,
    trust: str | None = None,
    client: tuple[str, str] | None = None,
    patience: float = 10.0,
) -> Answer:
    """Send one request for ``url`` to ``address``, by HTTP/1.1 on a connection of its own.

    The URL's host becomes the Host header (with the port unless it is the scheme's) and, unless
    ``sni`` is given, the SNI. ``port`` is the port to connect to, where it is not the URL's.
    """
    parts = urlsplit(url)
    host, port_of_url = parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]
    try:
        connection = socket.create_connection((address, port or port_of_url), timeout=patience)
    except OSError as fault:
        return Answer(status=0, error=_error(fault))
    exchange = http.client.HTTPConnection(host, port_of_url)
    try:
        if parts.scheme == "https":
            context = _trusting(trust, client)
            connection = context.wrap_socket(connection, server_hostname=sni or host)
        exchange.sock = connection
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        exchange.request(method, target, body=body or None, headers=dict(headers or {}))
        response = exchange.getresponse()
        return Answer(
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            body=response.read(),
            certificate=(
                connection.getpeercert(binary_form=True)
                if isinstance(connection, ssl.SSLSocket)
                else None
            ),
        )
    except (OSError, http.client.HTTPException) as fault:
        return Answer(status=0, error=_error(fault))
    finally:
        connection.close()
