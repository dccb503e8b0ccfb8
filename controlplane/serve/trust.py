"""Who is trusted, and by whom: tokens of proxies, their certificates, the xDS server's own."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import grpc
import structlog
from cryptography import x509

from controlplane.base.errors import KeyUnusable, TokenRefused
from controlplane.base.names import Namespace, ObjectKey
from controlplane.engine.engine import Engine
from controlplane.envoy.resource import Resource
from controlplane.identity.authority import (
    Authority,
    kept_authority,
    make_lost_anew,
)
from controlplane.identity.certificates import Credential, xds_credential
from controlplane.identity.identity import Identity
from controlplane.identity.plugged_ca import plugged_in
from controlplane.identity.revoked_tokens import RevokedTokens
from controlplane.identity.token_keys import TokenKeys, kept_token_keys
from controlplane.identity.tokens import Tokens
from controlplane.identity.workload import WorkloadSecrets
from controlplane.kinds.core.configuration import SECRET
from controlplane.model.proxy import Proxy
from controlplane.serve.settings import Settings
from controlplane.translate.kubernetes.secret_replacement import secret_files
from controlplane.xds.node import Bearer

CA_SECRET: Final = "cacerts"  # Istio's name of the Secret that plugs a CA in

log = structlog.stdlib.get_logger("serve")


class XdsCertificate:
    """The xDS server's own certificate, renewed while it runs. Source: grpc,
    ``dynamic_ssl_server_credentials``: the fetcher is asked at every handshake, on gRPC's threads.
    """

    def __init__(
        self,
        authority: Authority,
        host: str,
        clock: Callable[[], datetime],
        life: timedelta,
    ) -> None:
        self._authority = authority
        self._host = host
        self._clock = clock
        self._life = life
        self._credential = self._new()

    def credentials(self) -> grpc.ServerCredentials:
        first = _configuration(self._credential)
        return grpc.dynamic_ssl_server_credentials(first, self._renewed)  # type: ignore[arg-type] # the stubs forget None

    def _new(self) -> Credential:
        return xds_credential(self._authority, (self._host,), self._clock(), self._life)

    def _renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """A new certificate where one is due; ``None`` leaves gRPC with the one that it has."""
        if self._credential.is_current(self._clock()):
            return None
        try:
            self._credential = self._new()
        except KeyUnusable as fault:  # the authority has expired
            log.error("xds_certificate_not_renewed", reason=fault.message)
            return None
        return _configuration(self._credential)


def _configuration(credential: Credential) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(credential.key, credential.chain)])


class Trust:
    """The mesh's authority and what it vouches for. Raises ``KeyUnusable`` when it cannot."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock
        make_lost_anew(settings.state.authority, clock())
        self._authority = kept_authority(settings.state.authority, clock())
        self._secrets = WorkloadSecrets(self._authority)
        self._tokens = self._signed_with(kept_token_keys(settings.state.authority))
        self.revoked = RevokedTokens(settings.state.authority)

    def _signed_with(self, keys: TokenKeys) -> Tokens:
        return Tokens.of(keys, self._settings.mesh.trust_domain)

    @property
    def own_roots(self) -> tuple[x509.Certificate, ...]:
        """The root certificates of the authority in the state directory."""
        return self._authority.roots

    @property
    def root_expires(self) -> datetime:
        return self._authority.certificate.not_valid_after_utc

    def xds_certificate(self) -> XdsCertificate:
        host = self._settings.xds.host
        return XdsCertificate(self._authority, host, self._clock, self._settings.xds_life)

    def authenticate(self, metadata: Mapping[str, str]) -> Bearer | None:
        """Whose token ``metadata`` bears; ``None`` where none is asked for. ``TokenRefused``."""
        if self._settings.is_insecure:
            return None
        scheme, _, token = metadata.get("authorization", "").partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" else ""
        verified = self._tokens.verify(bearer, self._clock())
        if verified.token_id in self.revoked:
            raise TokenRefused(f"the token {verified.token_id} is revoked")
        return Bearer(
            identity=verified.identity,
            expires=verified.expires,
            token_id=verified.token_id,
            group=verified.group,
            network=verified.network,
            revoked=self.revoked,
        )

    def verify_with(self, keys: TokenKeys) -> None:
        """The keys of tokens were rotated."""
        self._tokens = self._signed_with(keys)

    def own_secrets(self, proxy: Proxy) -> Mapping[str, Resource]:
        """A proxy's own certificate and the roots that it trusts."""
        identity = Identity(
            trust_domain=self._settings.mesh.trust_domain,
            namespace=proxy.namespace,
            service_account=proxy.service_account,
            role=proxy.role,
        )
        return self._secrets.secrets(identity, self._clock()).resources

    def forget_expired(self) -> None:
        self._secrets.forget_expired(self._clock())

    def plug_in(self, engine: Engine) -> datetime | None:
        """Sign workload certificates with the CA of the Secret ``cacerts``, where there is a valid
        one, else with the local one; gives when the root expires, ``None`` where nothing changes.
        """
        root = Namespace(self._settings.mesh.root_namespace)
        secret = engine.object(ObjectKey(SECRET, root, CA_SECRET))
        authority = self._authority
        if secret is not None:
            try:
                authority = plugged_in(secret_files(secret.spec), self._clock())
            except KeyUnusable as fault:
                log.error("ca_not_plugged_in", secret=f"{root}/{CA_SECRET}", reason=fault.message)
                return None
            log.info("ca_plugged_in", secret=f"{root}/{CA_SECRET}")
        self._secrets.sign_with(authority)
        return authority.roots[0].not_valid_after_utc
