"""A handshake with an endpoint, as a proxy would do it, to see what the endpoint presents. No
application data is ever sent. A first handshake trusts everything and records what is presented;
where authorities are expected, a second one lets OpenSSL verify against these alone, as Envoy's
BoringSSL does.
"""

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from cryptography import x509

from controlplane.admin.tls import Certificate
from controlplane.base.addresses import Address
from controlplane.tls.certificate import certificate
from controlplane.tls.expectation import Expectation, Pem, Shown, Trusted

PATIENCE: Final = 3.0  # seconds for each step of a handshake
ALERT_WITHIN: Final = 0.3  # seconds; under TLS 1.3 a server refuses a client after the handshake
_CLOSED: Final = "the server closes the connection after the handshake"
_EXPIRED: Final = 10  # X509_V_ERR_CERT_HAS_EXPIRED, of openssl/x509_vfy.h, as are these
_NOT_YET_VALID: Final = 9
_REVOKED: Final = 23
_UNTRUSTED: Final = frozenset({2, 18, 19, 20, 21, 27})


class Distrust(Enum):
    """Why a chain does not verify."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    REVOKED = "revoked"
    UNTRUSTED = "untrusted"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What an endpoint presented. ``distrust`` is ``None`` where its chain verifies or is not
    verified.

    ``refusal`` is how it refused the connection after all: an alert in OpenSSL's words.
    """

    chain: tuple[Certificate, ...]
    version: str
    protocol: str | None
    distrust: Distrust | None = None
    words: str = ""
    """What OpenSSL says of the distrust."""
    refusal: str | None = None


class Fault(Enum):
    """Why nothing was presented."""

    UNKNOWN_NAME = "unknown name"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    PLAINTEXT = "plaintext"
    CLOSED = "closed"
    REFUSED = "refused"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """No handshake; ``words`` are the system's or OpenSSL's."""

    fault: Fault
    words: str


class _FileUnreadable(Exception):
    """A certificate or key cannot be read or used here."""


def handshake(
    endpoint: Address, expected: Expectation, *, patience: float = PATIENCE
) -> Presented | Failed:
    """Shake hands with ``endpoint``; takes a few times ``patience`` seconds at most. Blocks."""
    try:
        presented = _look(endpoint, expected, patience)
        if expected.trusted is None or presented.refusal is not None:
            return presented
        return _verified(endpoint, expected, expected.trusted, presented, patience)
    except _FileUnreadable as error:
        return Failed(fault=Fault.UNREADABLE, words=str(error))
    except OSError as error:
        return _failed(error)
    except ValueError as error:  # Python's, of a server name that no DNS could have
        return Failed(fault=Fault.UNREADABLE, words=f'SNI "{expected.sni}": {error}')


def _look(endpoint: Address, expected: Expectation, patience: float) -> Presented:
    context = _context(expected)
    with _connected(endpoint, expected, context, patience) as connection:
        return Presented(
            chain=_chain(connection),
            version=connection.version() or "?",
            protocol=connection.selected_alpn_protocol(),
            refusal=_refusal(connection),
        )


def _verified(
    endpoint: Address,
    expected: Expectation,
    trusted: Trusted,
    presented: Presented,
    patience: float,
) -> Presented:
    context = _context(expected)
    _trust(context, trusted)
    try:
        with _connected(endpoint, expected, context, patience):
            return presented
    except ssl.SSLCertVerificationError as error:
        return Presented(
            chain=presented.chain,
            version=presented.version,
            protocol=presented.protocol,
            distrust=_distrust(error.verify_code),
            words=error.verify_message,
        )


@contextmanager
def _connected(
    endpoint: Address, expected: Expectation, context: ssl.SSLContext, patience: float
) -> Iterator[ssl.SSLSocket]:
    address = (endpoint.host, endpoint.port)
    with (
        socket.create_connection(address, timeout=patience) as raw,
        context.wrap_socket(raw, server_hostname=expected.sni or None) as connection,
    ):
        yield connection


def _context(expected: Expectation) -> ssl.SSLContext:
    """The versions and protocols that clusters offer; trusts everything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if expected.protocols:
        context.set_alpn_protocols(list(expected.protocols))
    if expected.shown is not None:
        _show(context, expected.shown)
    return context


def _show(context: ssl.SSLContext, shown: Shown) -> None:
    pem = b"\n".join((_read(shown.chain), _read(shown.key)))
    with _as_file(pem) as path:
        try:
            context.load_cert_chain(path)
        except (ssl.SSLError, OSError) as error:
            raise _FileUnreadable(f"{shown.name} cannot be used: {_words(error)}") from error


def _trust(context: ssl.SSLContext, trusted: Trusted) -> None:
    context.verify_mode = ssl.CERT_REQUIRED
    # Envoy accepts any listed certificate as a trust anchor, whether it is a root or not.
    context.verify_flags = ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    revoked = _read(trusted.revoked)
    if revoked:
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN
    with _as_file(b"\n".join((_read(trusted.authorities), revoked))) as path:
        try:
            context.load_verify_locations(path)
        except (ssl.SSLError, OSError) as error:
            raise _FileUnreadable(f"{trusted.name} cannot be used: {_words(error)}") from error


def _read(pem: Pem) -> bytes:
    if isinstance(pem, bytes):
        return pem
    try:
        return Path(pem.path).read_bytes()
    except OSError as error:
        raise _FileUnreadable(
            f"{pem.path} is a file of the proxy's machine and cannot be read here: {_words(error)}"
        ) from error


@contextmanager
def _as_file(pem: bytes) -> Iterator[str]:
    """A file for OpenSSL, which reads nothing else; in memory where the system can, since it may
    hold a key.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, pem)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        with NamedTemporaryFile() as file:
            file.write(pem)
            file.flush()
            yield file.name


def _chain(connection: ssl.SSLSocket) -> tuple[Certificate, ...]:
    """What was presented, leaf first."""
    found: list[Certificate] = []
    for der in _presented(connection):
        with suppress(ValueError):
            found.append(certificate(x509.load_der_x509_certificate(der)))
    return tuple(found)


def _presented(connection: ssl.SSLSocket) -> list[bytes]:
    """The chain as DER. Until Python 3.13 only a private method gives more than the leaf; pyOpenSSL
    would give it as well, at the price of a loop of its own for each timeout of a socket.
    """
    public = getattr(connection, "get_unverified_chain", None)
    if public is not None:
        return list(public())
    private = getattr(getattr(connection, "_sslobj", None), "get_unverified_chain", None)
    if private is not None:
        return [ssl.PEM_cert_to_DER_cert(found.public_bytes()) for found in private() or ()]
    leaf = connection.getpeercert(binary_form=True)
    return [leaf] if leaf else []


def _refusal(connection: ssl.SSLSocket) -> str | None:
    """What a server does when it does not accept the client certificate, or misses one: it sends an
    alert or closes, where others wait for a request.
    """
    connection.settimeout(ALERT_WITHIN)
    try:
        return None if connection.recv(1) else _CLOSED
    except TimeoutError:
        return None
    except ssl.SSLError as error:
        return _words(error)
    except OSError:
        return _CLOSED


def _distrust(code: int) -> Distrust:
    known = {
        _EXPIRED: Distrust.EXPIRED,
        _NOT_YET_VALID: Distrust.NOT_YET_VALID,
        _REVOKED: Distrust.REVOKED,
    }
    return known.get(code, Distrust.UNTRUSTED if code in _UNTRUSTED else Distrust.OTHER)


def _failed(error: OSError) -> Failed:
    words = _words(error)
    match error:
        case ssl.SSLError() if error.reason == "WRONG_VERSION_NUMBER":
            return Failed(fault=Fault.PLAINTEXT, words=words)
        case ssl.SSLEOFError() | ConnectionResetError() | BrokenPipeError():
            return Failed(fault=Fault.CLOSED, words=words)
        case ssl.SSLError():
            return Failed(fault=Fault.REFUSED, words=words)
        case socket.gaierror():
            return Failed(fault=Fault.UNKNOWN_NAME, words=words)
        case TimeoutError():
            return Failed(fault=Fault.SILENT, words=words)
    return Failed(fault=Fault.UNREACHABLE, words=words)


def _words(error: OSError) -> str:
    """``certificate required`` of OpenSSL's ``TLSV13_ALERT_CERTIFICATE_REQUIRED``."""
    if isinstance(error, ssl.SSLError) and error.reason:
        words = error.reason.lower().replace("_", " ")
        return words.removeprefix("tlsv13 ").removeprefix("tlsv1 ").removeprefix("sslv3 ")
    return error.strerror or str(error)
