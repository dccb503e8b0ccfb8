"""A proxy's own certificate and the mesh's trust bundle become the Envoy secrets ``default`` and
``ROOTCA``.

Istio's agent serves these beside each proxy; without an agent they come by SDS on the xDS stream,
to the stream whose token names the identity and to no other.
Source: Istio ``pkg/security`` (the secrets' names).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

import structlog

from controlplane.base.errors import KeyUnusable
from controlplane.envoy.resource import Resource
from controlplane.envoy.secrets import secret
from controlplane.identity.authority import Authority
from controlplane.identity.certificates import WORKLOAD_LIFE, Credential, workload_credential
from controlplane.identity.identity import Identity
from controlplane.model.tls import KeyPair, SecretName, Trust

WORKLOAD_CERTIFICATE: Final = SecretName("default")
TRUST_BUNDLE: Final = SecretName("ROOTCA")
SIGNED_AT_ONCE: Final = 100  # certificates of a turn of the loop; 0.2 ms each, with a new key

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySecrets:
    """The secrets of one identity, by name, while ``credential`` is valid."""

    resources: Mapping[str, Resource]
    credential: Credential
    signer: Authority


class WorkloadSecrets:
    """The secrets of all identities that connect, made when first asked for and kept until their
    renewal.

    A proxy that reconnects before the renewal finds what it has, so nothing is sent to it.
    """

    def __init__(
        self,
        authority: Authority,
        *,
        life: timedelta = WORKLOAD_LIFE,
        on_issued: Callable[[], None] = lambda: None,
    ) -> None:
        self.life = life
        self._on_issued = on_issued
        self._authority = authority
        self._trust = trust_secret(authority)
        self._kept: dict[Identity, IdentitySecrets] = {}
        self._failing: set[str] = set()

    def __repr__(self) -> str:
        return f"WorkloadSecrets({len(self._kept)} identities)"

    def secrets(self, identity: Identity, now: datetime) -> IdentitySecrets:
        """``default`` and ``ROOTCA`` for ``identity``, made when there are none that are valid.
        ``KeyUnusable`` when nothing can be signed.
        """
        kept = self._kept.get(identity)
        if kept is None or not kept.credential.is_valid(now):
            return self._sign(identity, now)
        return kept

    def renew(self, in_use: Iterable[Identity], now: datetime, most: int = SIGNED_AT_ONCE) -> bool:
        """Renew what is due of ``in_use``, at most so many; whether there is more to do.

        One that cannot be renewed stays as it is, and is reported once.
        """
        for identity in in_use:
            kept = self._kept.get(identity)
            if kept is None or (kept.credential.is_current(now) and self._is_newest(kept)):
                continue
            if not most:
                return True
            most -= 1
            try:
                self._sign(identity, now)
            except KeyUnusable as fault:
                self._not_renewed(fault, kept.credential)
                return False
        self._failing.clear()
        return False

    def forget_expired(self, now: datetime, in_use: Iterable[Identity] = ()) -> None:
        """Drop what is not in use and due for renewal."""
        used = set(in_use)
        self._kept = {
            who: kept
            for who, kept in self._kept.items()
            if who in used or kept.credential.is_current(now)
        }

    def sign_with(self, authority: Authority, roots: Authority | None = None) -> None:
        """Another authority signs from now on, and what ``roots`` trusts is trusted, if that is not
        what the authority does. Certificates are renewed by ``renew``; the roots change at once.
        """
        trust = trust_secret(roots or authority)
        self._authority = authority
        if trust != self._trust:
            self._trust = trust
            self._kept = {
                who: IdentitySecrets(
                    resources=self._with_trust(kept.resources[WORKLOAD_CERTIFICATE]),
                    credential=kept.credential,
                    signer=kept.signer,
                )
                for who, kept in self._kept.items()
            }

    def lacking(self, in_use: Iterable[Identity]) -> frozenset[Identity]:
        """The identities whose certificate is not of the authority that signs now."""
        kept = ((identity, self._kept.get(identity)) for identity in in_use)
        return frozenset(who for who, found in kept if found and not self._is_newest(found))

    @property
    def trusted(self) -> Mapping[str, Resource]:
        """``ROOTCA`` alone."""
        return MappingProxyType({TRUST_BUNDLE: self._trust})

    def _is_newest(self, kept: IdentitySecrets) -> bool:
        signer, now = kept.signer, self._authority
        return signer is now or (signer.certificate, signer.chain) == (now.certificate, now.chain)

    def _sign(self, identity: Identity, now: datetime) -> IdentitySecrets:
        credential = workload_credential(self._authority, identity, now, self.life)
        made = IdentitySecrets(
            resources=self._with_trust(certificate_secret(credential)),
            credential=credential,
            signer=self._authority,
        )
        self._kept[identity] = made
        self._on_issued()
        return made

    def _with_trust(self, certificate: Resource) -> Mapping[str, Resource]:
        return MappingProxyType({WORKLOAD_CERTIFICATE: certificate, TRUST_BUNDLE: self._trust})

    def _not_renewed(self, fault: KeyUnusable, credential: Credential) -> None:
        if fault.message not in self._failing:
            self._failing.add(fault.message)
            effect = f"proxies keep theirs, until {credential.not_after:%Y-%m-%d %H:%M} UTC"
            log.error("certificates_not_renewed", reason=fault.message, effect=effect)


def certificate_secret(credential: Credential) -> Resource:
    """The secret ``default``: the certificate chain and its key."""
    return secret(WORKLOAD_CERTIFICATE, KeyPair(chain=credential.chain, key=credential.key))


def trust_secret(authority: Authority) -> Resource:
    """The secret ``ROOTCA``: who may have signed a peer's certificate."""
    return secret(
        TRUST_BUNDLE, Trust(authorities=authority.trust_bundle, revoked=authority.revoked)
    )
