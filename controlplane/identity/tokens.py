"""Tokens: what a proxy authenticates with, a JWT that only this control plane can sign.

The token is in the proxy's bootstrap, or in a file beside it, and comes as ``authorization: Bearer
…`` with each xDS stream.
Source: RFC 7519 (claims), RFC 7515 (``kid``), RFC 7518 (ES256).
"""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from controlplane.base.errors import TokenRefused
from controlplane.base.names import Namespace
from controlplane.identity.identity import DEFAULT_TRUST_DOMAIN, TOKEN_LIFE, Identity
from controlplane.identity.token_keys import TokenKeys
from controlplane.model.proxy import Role

XDS_AUDIENCE: Final = "xds"
SKEW: Final = timedelta(minutes=2)  # what clocks may differ by, as for certificates
_ALGORITHM: Final = "ES256"
_LONGEST: Final = 8 * 1024  # characters; those issued here have about 500
_ID_BYTES: Final = 8
_NO_TOKEN: Final = "the token is not a JWT"

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Who a token was issued to, and until when."""

    identity: Identity
    expires: datetime
    token_id: str
    """What ``controlplane token --revoke`` takes."""
    group: str | None = None
    """The WorkloadGroup, in the identity's namespace, whose workloads bear the token."""
    network: Network | None = None
    """Where its bearer must connect from; ``None``: from anywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Signs with ``key``, verifies with it and ``earlier`` ones.

    A token that names no trust domain is good for ``trust_domain``: who prints a bootstrap need not
    know what the mesh configuration says.
    """

    key: EllipticCurvePrivateKey = field(repr=False)
    earlier: TokenKeys = field(default=(), repr=False)
    trust_domain: str = DEFAULT_TRUST_DOMAIN

    @classmethod
    def of(cls, keys: TokenKeys, trust_domain: str = DEFAULT_TRUST_DOMAIN) -> "Tokens":
        """Signs with the first of ``keys``."""
        return cls(key=keys[0], earlier=keys[1:], trust_domain=trust_domain)

    def issue(
        self,
        namespace: Namespace,
        service_account: str,
        role: Role,
        *,
        now: datetime,
        life: timedelta = TOKEN_LIFE,
        audience: str = XDS_AUDIENCE,
        trust_domain: str | None = None,
        group: str | None = None,
        network: Network | None = None,
    ) -> str:
        """A token for this service account until ``now + life``, good for connections from
        ``network``. ``group`` is the WorkloadGroup that its bearer registers with.
        """
        claims: dict[str, str | int] = {
            "aud": audience,
            "iat": int(now.timestamp()),
            "exp": int((now + life).timestamp()),
            "jti": secrets.token_hex(_ID_BYTES),
            "namespace": namespace,
            "service_account": service_account,
            "role": role.value,
        }
        if trust_domain is not None:
            claims["trust_domain"] = trust_domain
        if group is not None:
            claims["group"] = group
        if network is not None:
            claims["net"] = str(network)
        return jwt.encode(claims, self.key, _ALGORITHM, {"kid": key_id(self.key)})

    def verify(self, token: str, now: datetime, *, audience: str = XDS_AUDIENCE) -> Verified:
        """Who the token was issued to, and until when. ``TokenRefused`` says what is wrong, never
        what the token holds.
        """
        claims = self._signed(token)
        _check_audience(claims, audience)
        _check_time(claims, now)
        trust_domain = (
            _text(claims, "trust_domain") if "trust_domain" in claims else self.trust_domain
        )
        if trust_domain != self.trust_domain:
            raise _refused(
                f'the token is for trust domain "{trust_domain}", the mesh is "{self.trust_domain}"'
            )
        identity = Identity(
            trust_domain=trust_domain,
            namespace=Namespace(_text(claims, "namespace")),
            service_account=_text(claims, "service_account"),
            role=_role(claims),
        )
        return Verified(
            identity=identity,
            expires=_moment(claims, "exp"),
            token_id=_text(claims, "jti") if "jti" in claims else _derived_id(token),
            group=_text(claims, "group") if "group" in claims else None,
            network=_network(claims),
        )

    def _signed(self, token: str) -> dict[str, object]:
        if not token:
            raise _refused("there is no token")
        if len(token) > _LONGEST:
            raise _refused(f"the token is longer than {_LONGEST} characters")
        for key in self._keys_of(token):
            try:
                return _claims(token, key)
            except jwt.InvalidSignatureError:
                continue
            except jwt.InvalidAlgorithmError:
                raise _refused(f"the token is not signed with {_ALGORITHM}") from None
            except jwt.InvalidTokenError:
                raise _refused(_NO_TOKEN) from None
        raise _refused("the token is signed by another control plane's key")

    def _keys_of(self, token: str) -> TokenKeys:
        """The keys that may have signed ``token``: the one that it names, or any."""
        try:
            named = jwt.get_unverified_header(token).get("kid")
        except jwt.InvalidTokenError:
            raise _refused(_NO_TOKEN) from None
        return tuple(key for key in (self.key, *self.earlier) if named in (None, key_id(key)))


def _claims(token: str, key: EllipticCurvePrivateKey) -> dict[str, object]:
    """The claims of a token that ``key`` signed. The signature is PyJWT's to check; the claims are
    checked by our clock and in our words.
    """
    claims: dict[str, object] = jwt.decode(
        token,
        key.public_key(),
        algorithms=[_ALGORITHM],
        options={
            "verify_exp": False,
            "verify_nbf": False,
            "verify_iat": False,
            "verify_aud": False,
            "verify_jti": False,
        },
    )
    return claims


def key_id(key: EllipticCurvePrivateKey) -> str:
    """What the header of a token calls the key that signed it."""
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(public).hexdigest()[:16]


def _derived_id(token: str) -> str:
    """The id of a token that names none, as those of earlier versions."""
    return sha256(token.encode()).hexdigest()[: 2 * _ID_BYTES]


def _check_audience(claims: dict[str, object], audience: str) -> None:
    if _text(claims, "aud") != audience:
        raise _refused(f'the token is for audience "{_text(claims, "aud")}", not for "{audience}"')


def _check_time(claims: dict[str, object], now: datetime) -> None:
    issued, expires = _moment(claims, "iat"), _moment(claims, "exp")
    if now >= expires:
        raise _refused(f"the token expired at {expires:%Y-%m-%d %H:%M} UTC")
    if now < issued - SKEW:
        raise _refused(
            f"the token is not valid before {issued:%Y-%m-%d %H:%M} UTC; a clock is wrong"
        )


def _role(claims: dict[str, object]) -> Role:
    try:
        return Role(_text(claims, "role"))
    except ValueError:
        raise _refused("the token's role is none of gateway, sidecar and runner") from None


def _network(claims: dict[str, object]) -> Network | None:
    if "net" not in claims:
        return None
    try:
        return ip_network(_text(claims, "net"))
    except ValueError:
        raise _refused('the token\'s "net" is not a network') from None


def _text(claims: dict[str, object], name: str) -> str:
    match claims.get(name):
        case str() as value if value:
            return value
    raise _refused(f'the token has no "{name}"')


def _moment(claims: dict[str, object], name: str) -> datetime:
    match claims.get(name):
        case int() as seconds if 0 <= seconds < 1 << 36:
            return datetime.fromtimestamp(seconds, UTC)
    raise _refused(f'the token has no "{name}"')


def _refused(message: str) -> TokenRefused:
    return TokenRefused(message, hint="give the proxy a new bootstrap: controlplane bootstrap …")
