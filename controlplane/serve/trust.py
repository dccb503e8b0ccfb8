"""Who may connect, and to whom: tokens of proxies, and the xDS server's own certificate."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import grpc
import structlog
from cryptography import x509

from controlplane.base.errors import KeyUnusable, TokenRefused
from controlplane.envoy.bootstrap import Node, Trust as ProxyTrust
from controlplane.identity.authority import Authority, kept_authority
from controlplane.identity.certificates import Credential, xds_credential
from controlplane.identity.identity import XDS_NAME
from controlplane.identity.kept_keys import make_lost_anew
from controlplane.identity.revoked_tokens import RevokedTokens
from controlplane.identity.token_keys import TokenKeys, kept_token_keys
from controlplane.identity.tokens import Tokens, key_id
from controlplane.serve.settings import Settings
from controlplane.xds.node import Bearer

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
    """Tokens, and the authority that bootstraps pin. Raises ``KeyUnusable`` when it cannot."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock
        area = settings.state.authority
        make_lost_anew(area, clock())
        self._authority = kept_authority(area, clock())
        self._tokens = self._signed_with(kept_token_keys(area))
        self.revoked = RevokedTokens(area)

    @property
    def own_roots(self) -> tuple[x509.Certificate, ...]:
        """The root certificates of the authority that signs for the xDS server and for people."""
        return self._authority.roots

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

    def issued(self, node: Node, life: timedelta) -> ProxyTrust:
        """A new token for ``node``, and the authority of the xDS server's certificate."""
        token = self._tokens.issue(
            node.namespace, node.service_account, node.role, now=self._clock(), life=life
        )
        root = self._authority.trust_bundle.decode()
        return ProxyTrust(token=token, root_certificate=root, server_name=XDS_NAME)

    @property
    def signer(self) -> str:
        """The key that tokens are signed with."""
        return key_id(self._tokens.key)

    def verify_with(self, keys: TokenKeys) -> None:
        """The keys of tokens were rotated."""
        self._tokens = self._signed_with(keys)

    def _signed_with(self, keys: TokenKeys) -> Tokens:
        return Tokens.of(keys, self._settings.mesh.trust_domain)
