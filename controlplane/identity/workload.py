"""A proxy's own certificate and the mesh's trust bundle become the Envoy secrets ``default`` and
``ROOTCA``.

Istio's agent serves these beside each proxy; without an agent they come by SDS on the xDS stream,
to the stream whose token names the identity and to no other.
Source: Istio ``pkg/security`` (the secrets' names);
envoy/extensions/transport_sockets/tls/v3/secret.proto.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
    CertificateValidationContext,
    TlsCertificate,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

from controlplane.envoy.resource import Resource, TypeUrl, resource
from controlplane.identity.authority import Authority
from controlplane.identity.certificates import WORKLOAD_LIFE, Credential, workload_credential
from controlplane.identity.identity import Identity

WORKLOAD_CERTIFICATE: Final = "default"
TRUST_BUNDLE: Final = "ROOTCA"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySecrets:
    """The secrets of one identity, by name, while ``credential`` is current."""

    resources: Mapping[str, Resource]
    credential: Credential


class WorkloadSecrets:
    """The secrets of all identities that connect, made when first asked for and kept until their
    renewal.

    A proxy that reconnects before the renewal finds what it has, so nothing is sent to it.
    """

    def __init__(self, authority: Authority, *, life: timedelta = WORKLOAD_LIFE) -> None:
        self._authority = authority
        self._life = life
        self._kept: dict[Identity, IdentitySecrets] = {}

    def __repr__(self) -> str:
        return f"WorkloadSecrets({len(self._kept)} identities)"

    def secrets(self, identity: Identity, now: datetime) -> IdentitySecrets:
        """``default`` and ``ROOTCA`` for ``identity``, renewed when it is time."""
        kept = self._kept.get(identity)
        if kept is None or not kept.credential.is_current(now):
            kept = identity_secrets(self._authority, identity, now, self._life)
            self._kept[identity] = kept
        return kept

    def forget_expired(self, now: datetime) -> None:
        """Drop what has not been asked for since its renewal was due."""
        self._kept = {
            who: kept for who, kept in self._kept.items() if kept.credential.is_current(now)
        }

    def sign_with(self, authority: Authority) -> None:
        """Another authority signs from now on; every identity gets a new certificate when next
        asked for.
        """
        if authority != self._authority:
            self._authority = authority
            self._kept.clear()


def identity_secrets(
    authority: Authority, identity: Identity, now: datetime, life: timedelta = WORKLOAD_LIFE
) -> IdentitySecrets:
    """New secrets for ``identity``."""
    credential = workload_credential(authority, identity, now, life)
    resources = (certificate_secret(credential), trust_secret(authority))
    return IdentitySecrets(
        resources=MappingProxyType({r.name: r for r in resources}), credential=credential
    )


def certificate_secret(credential: Credential) -> Resource:
    """The secret ``default``: the certificate chain and its key."""
    return resource(
        TypeUrl.SECRET,
        WORKLOAD_CERTIFICATE,
        Secret(
            name=WORKLOAD_CERTIFICATE,
            tls_certificate=TlsCertificate(
                certificate_chain=DataSource(inline_bytes=credential.chain),
                private_key=DataSource(inline_bytes=credential.key),
            ),
        ),
    )


def trust_secret(authority: Authority) -> Resource:
    """The secret ``ROOTCA``: who may have signed a peer's certificate."""
    return resource(
        TypeUrl.SECRET,
        TRUST_BUNDLE,
        Secret(
            name=TRUST_BUNDLE,
            validation_context=CertificateValidationContext(
                trusted_ca=DataSource(inline_bytes=authority.trust_bundle)
            ),
        ),
    )
