"""Tokens: what a proxy authenticates with, a JWT that only this control plane can sign.

The token is in the proxy's bootstrap and comes as ``authorization: Bearer …`` with each xDS
stream.
Source: RFC 7519 (claims), RFC 7518 (ES256).
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from controlplane.base.errors import TokenRefused
from controlplane.base.names import Namespace
from controlplane.identity.identity import DEFAULT_TRUST_DOMAIN, TOKEN_LIFE, Identity
from controlplane.model.proxy import Role

XDS_AUDIENCE: Final = "xds"
SKEW: Final = timedelta(minutes=2)  # what clocks may differ by, as for certificates
_ALGORITHM: Final = "ES256"
_LONGEST: Final = 8 * 1024  # characters; ours have about 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Who a token was issued to, and until when."""

    identity: Identity
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Signs and verifies with one key.

    A token that names no trust domain is good for ``trust_domain``: who prints a bootstrap need not
    know what the mesh configuration says.
    """

    key: EllipticCurvePrivateKey = field(repr=False)
    trust_domain: str = DEFAULT_TRUST_DOMAIN

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
    ) -> str:
        """A token for this service account until ``now + life``."""
        claims: dict[str, str | int] = {
            "aud": audience,
            "iat": int(now.timestamp()),
            "exp": int((now + life).timestamp()),
            "namespace": namespace,
            "service_account": service_account,
            "role": role.value,
        }
        if trust_domain is not None:
            claims["trust_domain"] = trust_domain
        return jwt.encode(claims, self.key, algorithm=_ALGORITHM)

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
        return Verified(identity=identity, expires=_moment(claims, "exp"))

    def _signed(self, token: str) -> dict[str, object]:
        if not token:
            raise _refused("there is no token")
        if len(token) > _LONGEST:
            raise _refused(f"the token is longer than {_LONGEST} characters")
        try:
            # the signature is PyJWT's to check; claims are checked by our clock and in our words
            claims: dict[str, object] = jwt.decode(
                token,
                self.key.public_key(),
                algorithms=[_ALGORITHM],
                options={
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_aud": False,
                },
            )
        except jwt.InvalidSignatureError:
            raise _refused("the token is signed by another control plane's key") from None
        except jwt.InvalidAlgorithmError:
            raise _refused(f"the token is not signed with {_ALGORITHM}") from None
        except jwt.InvalidTokenError:
            raise _refused("the token is not a JWT") from None
        return claims


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
        raise _refused("the token's role is neither gateway nor sidecar") from None


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
