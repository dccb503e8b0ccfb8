"""TLS that ends at a proxy: which certificate it presents, which clients it admits, in which
versions and ciphers.

Keys and certificates are never here, only the names under which a proxy asks for them (Envoy:
SDS).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, NewType

SecretName = NewType("SecretName", str)
"""What a proxy asks for: ``kubernetes://shop-cert``, ``kubernetes://shop-cert-cacert``,
``default``.
"""

WORKLOAD_CERTIFICATE: Final = SecretName("default")
TRUST_BUNDLE: Final = SecretName("ROOTCA")
CA_SUFFIX: Final = "-cacert"

SYSTEM_TRUST_PATH: Final = "/etc/ssl/certs/ca-certificates.crt"
"""Where Envoy's images (and Debian, Ubuntu, Alpine, Arch) keep the system's authorities."""

HTTP_PROTOCOLS: Final = ("h2", "http/1.1")
MESH_STREAM_PROTOCOLS: Final = ("istio-peer-exchange", "h2", "http/1.1")


def secret_name(credential: str) -> SecretName:
    """What a proxy asks for under a credential's name: its scheme is ``kubernetes`` unless it has
    one.
    """
    return SecretName(credential if "://" in credential else f"kubernetes://{credential}")


def is_trust_name(name: str) -> bool:
    """Whether authorities are read from what ``name`` means, and no certificate with its key."""
    return name.endswith(CA_SUFFIX) or name.startswith("configmap://")


def never_served(name: str) -> SecretName:
    """A name that no secret has, so it is never served. For names of another use: authorities that
    are a certificate's secret would be no authorities at all, and Envoy would then accept every
    client.
    """
    return SecretName(f"invalid://{name}")


class TlsVersion(Enum):
    TLSV1_0 = "1.0"
    TLSV1_1 = "1.1"
    TLSV1_2 = "1.2"
    TLSV1_3 = "1.3"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsParameters:
    """Versions, ciphers and curves; what is unset is Envoy's default (TLS 1.2 to 1.3)."""

    minimum: TlsVersion | None = None
    maximum: TlsVersion | None = None
    cipher_suites: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()


USUAL_PARAMETERS: Final = TlsParameters()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientValidation:
    """Which client certificates are admitted: signed by ``trust``, and with one of each list that
    is not empty.

    ``subject_names`` are compared exactly with DNS names, URIs, addresses and e-mail addresses; an
    identity (SPIFFE) of one of ``trust_domains`` does as well.
    ``public_keys`` are base64 SHA-256 of the key, ``certificates`` hex SHA-256 of the certificate;
    matching one of either is enough.
    """

    trust: SecretName
    required: bool
    subject_names: tuple[str, ...] = ()
    trust_domains: tuple[str, ...] = ()
    public_keys: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    accepts_any_authority: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls:
    """How a server ends TLS. ``certificates`` holds one name, or two of different key types.

    ``granted`` are those secrets of it that are in other namespaces than the proxy, and that their
    owners let it have.
    """

    certificates: tuple[SecretName, ...]
    protocols: tuple[str, ...] = HTTP_PROTOCOLS
    parameters: TlsParameters = TlsParameters()
    clients: ClientValidation | None = None
    granted: tuple[SecretName, ...] = ()

    @property
    def secrets(self) -> tuple[SecretName, ...]:
        return (*self.certificates, *((self.clients.trust,) if self.clients else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A certificate chain (PEM, leaf first) and its key. Never shown: the key is the proxy's
    identity.
    """

    chain: bytes
    key: bytes
    ocsp_staple: bytes = b""

    def __repr__(self) -> str:
        return "KeyPair(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Certificates of authorities (PEM) and what they have revoked (PEM, may be empty)."""

    authorities: bytes
    revoked: bytes = b""

    def __repr__(self) -> str:
        return "Trust(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPairFiles:
    """Paths on the proxy's machine."""

    certificate: str
    private_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustFile:
    """Paths on the proxy's machine; ``revoked`` may be empty."""

    authorities: str
    revoked: str = ""


Credential = KeyPair | Trust | KeyPairFiles | TrustFile

_KEY_PAIR_FILES: Final = "file-cert:"
_TRUST_FILE: Final = "file-root:"


def key_pair_files_name(certificate: str, private_key: str) -> SecretName:
    """The name Istio's agent serves files under; we send the paths and Envoy opens (and watches)
    them.
    """
    return SecretName(f"{_KEY_PAIR_FILES}{_escaped(certificate)}~{_escaped(private_key)}")


def trust_file_name(authorities: str, revoked: str = "") -> SecretName:
    return SecretName(
        f"{_TRUST_FILE}{_escaped(authorities)}{'~' + _escaped(revoked) if revoked else ''}"
    )


def files_of(name: str) -> KeyPairFiles | TrustFile | None:
    """The files that a secret's name spells out; ``None`` for a name of another sort."""
    if name.startswith(_KEY_PAIR_FILES):
        certificate, _, key = name.removeprefix(_KEY_PAIR_FILES).partition("~")
        return KeyPairFiles(certificate=_path(certificate), private_key=_path(key))
    if name.startswith(_TRUST_FILE):
        authorities, _, revoked = name.removeprefix(_TRUST_FILE).partition("~")
        return TrustFile(authorities=_path(authorities), revoked=_path(revoked))
    return None


def _escaped(path: str) -> str:
    """The path without the character that stands between two."""
    return path.replace("%", "%25").replace("~", "%7E")


def _path(escaped: str) -> str:
    """The path as Envoy opens it: it wants to know the folder, even that which it runs in."""
    path = escaped.replace("%7E", "~").replace("%25", "%")
    return f"./{path}" if path and "/" not in path else path
