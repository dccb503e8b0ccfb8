"""Which JSON Web Tokens of requests are good: a filter of a proxy, from its RequestAuthentications.

Source: envoy/extensions/filters/http/jwt_authn/v3/config.proto.
"""

from dataclasses import dataclass, field
from typing import Final

from controlplane.base.hashing import hashed_once

PAYLOAD: Final = "payload"
"""Where the claims of a good token are, in the metadata of the filter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenHeader:
    """A header with a token after ``prefix``."""

    name: str
    prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimHeader:
    """The header that the upstream gets a claim in; dots in ``claim`` lead into objects."""

    header: str
    claim: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtProvider:
    """Tokens of ``issuer`` (empty: of any), signed by a key of ``key_set``, for one of
    ``audiences`` (none: for any).

    ``headers``, ``parameters`` and ``cookies`` are where a token is looked for; without any of them
    that is ``Authorization: Bearer`` and the parameter ``access_token``. ``key_set`` is JSON.
    """

    issuer: str
    key_set: str
    audiences: tuple[str, ...] = ()
    headers: tuple[TokenHeader, ...] = ()
    parameters: tuple[str, ...] = ()
    cookies: tuple[str, ...] = ()
    payload_header: str = ""
    claim_headers: tuple[ClaimHeader, ...] = ()
    is_forwarded: bool = False
    space_delimited: tuple[str, ...] = ()


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class JwtAuthentication:
    """A request without a token passes; one with a token needs it to be good for a provider.

    ``clears_route_cache``: the route is chosen anew when the claims are known.
    """

    providers: tuple[JwtProvider, ...]
    clears_route_cache: bool = False
    _hash: int = field(default=0, init=False, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class KeySource:
    """An address with a key set, or, for ``is_discovery``, with a document that names one."""

    uri: str
    is_discovery: bool = False


DISCOVERY_PATH: Final = "/.well-known/openid-configuration"
"""OpenID Connect Discovery 1.0 §4."""

NOBODYS_KEYS: Final = (
    '{"keys":[{"kty":"RSA","e":"AQAB","n":"'
    "qTaTzhDdhOIfLm_OODbW3d5fNG-Ryi_af2FNdGhzQO2wJ73hdBXZrl9GUUFQRZr1J8Izjo5BI3UITAEW_pvOLAiXTISg"
    "w2IJelH9RzVFoBMg2SZzM7Z6qYLfQ0tEThYA7tEJDGDRbkFU2kpmCprhCeQo7J0KtAMv3mGCY9jD3HjIFgrPhmrMfV30"
    "mbi4GqeI2CDIIDnbrbDGf1Cck3h6-p3Bemi1lioBZ4VVjRwkStCQRwv6QjRGRo3y35qvoPYjalQlMGjCvF8xmbrLGL1B"
    "dtiJjD0qo246RPT2ONuljWPhO6GORPlRVscHSuegx2mh6oxNv-9QxIi0TAW888R7GQ"
    '"}]}'
)
"""Keys for an issuer whose own are not known: the private key was thrown away, so no token of the
issuer is good, and requests without a token pass.
"""
