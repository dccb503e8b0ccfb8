"""``jwtRules`` of RequestAuthentications become providers of tokens.

The rules of all policies of a proxy add up, in the order of their issuers; none overrides another.
Source: Istio ``pilot/pkg/security/authn/policy_applier.go`` (convertToEnvoyJwtConfig)
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import msgspec

from controlplane.kinds.istio.request_authentication import JwtHeader, JwtRule
from controlplane.kinds.validation.key_set import public_part
from controlplane.model.json_web_keys import usable_keys
from controlplane.model.tokens import (
    DISCOVERY_PATH,
    NOBODYS_KEYS,
    ClaimHeader,
    JwtAuthentication,
    JwtProvider,
    KeySource,
    TokenHeader,
)

SPACE_DELIMITED: Final = frozenset({"permission", "scope"})
"""Claims that always are lists of words."""
NO_HEADER: Final = "no header has spaces"
"""In place of a name that no header can have, so that there is no token either."""
FETCH_TIMEOUT: Final = timedelta(seconds=5)
_FIELD_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, token
_DEFAULT_PLACES: Final = {("header", "authorization", "Bearer "), ("parameter", "access_token", "")}
"""Source: envoy/extensions/filters/http/jwt_authn/v3/config.proto, ``from_headers``."""
_UNSENDABLE: Final = frozenset("\0\r\n")


def key_source(rule: JwtRule) -> KeySource | None:
    """Where the keys of a rule are fetched; ``None`` where they are written in it."""
    if rule.jwks:
        return None
    if rule.jwks_uri:
        return KeySource(uri=rule.jwks_uri)
    return KeySource(uri=(rule.issuer or "").removesuffix("/") + DISCOVERY_PATH, is_discovery=True)


def fetch_timeout(rule: JwtRule) -> timedelta:
    return rule.timeout.length if rule.timeout is not None else FETCH_TIMEOUT


def in_order(rules: Iterable[JwtRule]) -> tuple[JwtRule, ...]:
    """The rules of all policies as providers have them: by issuer, then as they come."""
    return tuple(sorted(rules, key=lambda rule: rule.issuer or ""))


def jwt_provider(rule: JwtRule, fetched: str | None) -> JwtProvider:
    """What a rule says of tokens. ``fetched`` is the key set at its source, as far as known."""
    payload = rule.output_payload_to_header
    key_set = public_keys(rule.jwks) if rule.jwks else fetched or NOBODYS_KEYS
    return JwtProvider(
        issuer=rule.issuer or "",
        key_set=key_set if any(usable_keys(key_set)) else NOBODYS_KEYS,
        audiences=rule.audiences,
        headers=tuple(map(_token_header, rule.from_headers)),
        parameters=rule.from_params,
        cookies=rule.from_cookies,
        payload_header=payload if _FIELD_NAME.fullmatch(payload) else "",
        claim_headers=tuple(
            ClaimHeader(header=each.header, claim=each.claim)
            for each in rule.output_claim_to_headers
        ),
        is_forwarded=rule.forward_original_token,
        space_delimited=tuple(sorted(SPACE_DELIMITED | set(rule.space_delimited_claims))),
    )


def jwt_authentication(
    providers: tuple[JwtProvider, ...], *, at_gateway: bool
) -> JwtAuthentication | None:
    """At gateways routes may depend on claims, so they are chosen once these are known."""
    if not providers:
        return None
    return JwtAuthentication(providers=providers, clears_route_cache=at_gateway)


def accepts_all_of(rule: JwtRule, other: JwtRule) -> bool:
    """Whether each token that is good by ``other`` is good by ``rule`` as well."""
    is_for_all = not rule.audiences or (
        bool(other.audiences) and set(other.audiences) <= set(rule.audiences)
    )
    return (
        is_for_all
        and (rule.issuer or "") in ("", other.issuer or "")
        and _keys(rule) == _keys(other)
        and _places(other) <= _places(rule)
    )


def _keys(rule: JwtRule) -> KeySource | str | None:
    return rule.jwks if rule.jwks else key_source(rule)


def _places(rule: JwtRule) -> set[tuple[str, str, str]]:
    """Where a token is looked for."""
    found = {("header", each.name.lower(), each.prefix) for each in rule.from_headers}
    found |= {("parameter", name, "") for name in rule.from_params}
    found |= {("cookie", name, "") for name in rule.from_cookies}
    return found or _DEFAULT_PLACES


def public_keys(text: str) -> str:
    """A key set as it was written, without the private parts of its keys: proxies verify only."""
    try:
        found = msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, RecursionError):
        return NOBODYS_KEYS
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list):
        return text
    public = [public_part(key) if isinstance(key, dict) else key for key in keys]
    return text if public == keys else msgspec.json.encode({**found, "keys": public}).decode()


def _token_header(header: JwtHeader) -> TokenHeader:
    can_be = _FIELD_NAME.fullmatch(header.name) and _UNSENDABLE.isdisjoint(header.prefix)
    if not can_be:
        return TokenHeader(name=NO_HEADER)
    return TokenHeader(name=header.name, prefix=header.prefix)
