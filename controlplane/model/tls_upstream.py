"""How a connection to an endpoint is encrypted, and what the endpoint must prove.

Source: https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from controlplane.model.tls import SecretName

LONGEST_SNI: Final = 255  # bytes; envoy/extensions/transport_sockets/tls/v3/tls.proto


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
class TrustAnything:
    """Nothing is verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Originate:
    """TLS of the user's own; ``certificate`` is the client's.

    Without ``sni`` the host of the request is sent; ``proves_host`` demands that it is proven too.
    """

    trust: SecretName | TrustAnything
    certificate: SecretName | None = None
    names: tuple[str, ...] = ()
    sni: str | None = None
    proves_host: bool = False


ClientTls = Plaintext | MeshMutual | Originate


class SecretUse(Enum):
    """What a proxy wants a secret of the user's for."""

    CERTIFICATE = "certificate"
    TRUST = "trust"


@dataclass(frozen=True, slots=True)
class OnEveryEndpoint:
    """Every endpoint is connected to in this way."""

    tls: MeshMutual | Originate


@dataclass(frozen=True, slots=True)
class OnCapableEndpoints:
    """Endpoints that accept the mesh's mutual TLS get it, the others plaintext."""

    tls: MeshMutual


UpstreamTls = OnEveryEndpoint | OnCapableEndpoints


def secrets_named(tls: ClientTls | None) -> tuple[tuple[SecretUse, SecretName], ...]:
    """The secrets of the user's that connections need."""
    if not isinstance(tls, Originate):
        return ()
    trust = () if isinstance(tls.trust, TrustAnything) else ((SecretUse.TRUST, tls.trust),)
    if tls.certificate is None:
        return trust
    return ((SecretUse.CERTIFICATE, tls.certificate), *trust)
