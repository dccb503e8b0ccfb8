"""How a connection to an endpoint is encrypted, and what the endpoint must prove.

Source: https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

WORKLOAD_CERTIFICATE: Final = "default"
TRUST_BUNDLE: Final = "ROOTCA"


@dataclass(frozen=True, slots=True)
class Plaintext:
    """The user switched TLS off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshMutual:
    """Mutual TLS with the certificates of the mesh.

    ``names`` are what the endpoint must prove, the identities that are known of it where there are
    none. ``sni`` of ``None`` is the mesh's own name for the destination.
    """

    sni: str | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SecretNamed:
    """A certificate or a trust bundle that is asked for by name (SDS)."""

    name: str


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Paths that Envoy opens itself."""

    chain: str
    key: str


@dataclass(frozen=True, slots=True)
class TrustFile:
    """Paths that Envoy opens itself; ``revocations`` of ``""`` is none."""

    path: str
    revocations: str = ""


@dataclass(frozen=True, slots=True)
class SystemTrust:
    """The certificate authorities of the system that Envoy runs on."""

    revocations: str = ""


@dataclass(frozen=True, slots=True)
class TrustAnything:
    """Nothing is verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Originate:
    """TLS of the user's own; ``certificate`` is the client's.

    Without ``sni`` the host of the request is sent; ``proves_host`` demands that it is proven too.
    """

    trust: SecretNamed | TrustFile | SystemTrust | TrustAnything
    certificate: SecretNamed | CertificateFiles | None = None
    names: tuple[str, ...] = ()
    sni: str | None = None
    proves_host: bool = False


ClientTls = Plaintext | MeshMutual | Originate


class SecretUse(Enum):
    """What a cluster wants a secret of the user's for."""

    CERTIFICATE = "certificate"
    TRUST = "trust"


@dataclass(frozen=True, slots=True)
class OnEveryEndpoint:
    """Every endpoint is spoken to in this way."""

    tls: MeshMutual | Originate


@dataclass(frozen=True, slots=True)
class OnCapableEndpoints:
    """Endpoints that take the mesh's mutual TLS are spoken to in it, the others in plaintext."""

    tls: MeshMutual


UpstreamTls = OnEveryEndpoint | OnCapableEndpoints


def secrets_named(tls: ClientTls | None) -> tuple[tuple[SecretUse, str], ...]:
    """The secrets of the user's that connections need."""
    if not isinstance(tls, Originate):
        return ()
    named = ((SecretUse.CERTIFICATE, tls.certificate), (SecretUse.TRUST, tls.trust))
    return tuple((use, found.name) for use, found in named if isinstance(found, SecretNamed))
