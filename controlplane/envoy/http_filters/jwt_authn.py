"""``envoy.filters.http.jwt_authn``: which tokens are good.

Source: envoy/extensions/filters/http/jwt_authn/v3/config.proto; Istio
``pilot/pkg/security/authn/policy_applier.go`` (convertToEnvoyJwtConfig) for the requirements.
"""

from typing import Final

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.route.v3.route_components_pb2 import RouteMatch
from envoy.extensions.filters.http.jwt_authn.v3.config_pb2 import (
    JwtAuthentication as JwtAuthenticationMessage,
    JwtClaimToHeader,
    JwtHeader,
    JwtProvider as JwtProviderMessage,
    JwtRequirement,
    JwtRequirementAndList,
    JwtRequirementOrList,
    RequirementRule,
)
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.empty_pb2 import Empty

from controlplane.model.tokens import NOBODYS_KEYS, PAYLOAD, JwtAuthentication, JwtProvider

NAME: Final = "envoy.filters.http.jwt_authn"
_REFUSING: Final = "refusing"


def jwt_authn_filter(config: bytes) -> hcm.HttpFilter:
    """The filter with the configuration that ``jwt_authn`` gives, encoded."""
    type_url = f"type.googleapis.com/{JwtAuthenticationMessage.DESCRIPTOR.full_name}"
    return hcm.HttpFilter(name=NAME, typed_config=Packed(type_url=type_url, value=config))


def jwt_authn(authentication: JwtAuthentication) -> JwtAuthenticationMessage:
    """Providers are named by their place, as EnvoyFilters and logs know them."""
    named = {f"origins-{i}": provider for i, provider in enumerate(authentication.providers)}
    return JwtAuthenticationMessage(
        providers={
            name: _provider(provider, authentication.clears_route_cache)
            for name, provider in named.items()
        },
        rules=[_everywhere(_requirement(tuple(named)))],
        bypass_cors_preflight=True,
    )


def refusing_jwt_authn() -> JwtAuthenticationMessage:
    """A filter that refuses every request: it demands a token that nobody can sign."""
    provider = JwtProviderMessage(
        issuer=_REFUSING, local_jwks=DataSource(inline_string=NOBODYS_KEYS)
    )
    return JwtAuthenticationMessage(
        providers={_REFUSING: provider},
        rules=[_everywhere(JwtRequirement(provider_name=_REFUSING))],
    )


def _everywhere(requirement: JwtRequirement) -> RequirementRule:
    return RequirementRule(match=RouteMatch(prefix="/"), requires=requirement)


def _requirement(names: tuple[str, ...]) -> JwtRequirement:
    """A good token of any provider, or none at all.

    With several providers each of them would refuse the others' tokens where they look at the same
    place, so one good token is enough, and only without any must each of them miss one.
    """
    or_missing = [_any((_good(name), JwtRequirement(allow_missing=Empty()))) for name in names]
    if len(or_missing) == 1:
        return or_missing[0]
    every = JwtRequirement(requires_all=JwtRequirementAndList(requirements=or_missing))
    return _any((*map(_good, names), every))


def _good(name: str) -> JwtRequirement:
    return JwtRequirement(provider_name=name)


def _any(requirements: tuple[JwtRequirement, ...]) -> JwtRequirement:
    return JwtRequirement(requires_any=JwtRequirementOrList(requirements=requirements))


def _provider(provider: JwtProvider, clears_route_cache: bool) -> JwtProviderMessage:
    return JwtProviderMessage(
        issuer=provider.issuer,
        audiences=provider.audiences,
        local_jwks=DataSource(inline_string=provider.key_set),
        forward=provider.is_forwarded,
        from_headers=[
            JwtHeader(name=header.name, value_prefix=header.prefix) for header in provider.headers
        ],
        from_params=provider.parameters,
        from_cookies=provider.cookies,
        forward_payload_header=provider.payload_header,
        payload_in_metadata=PAYLOAD,
        normalize_payload_in_metadata=JwtProviderMessage.NormalizePayload(
            space_delimited_claims=provider.space_delimited
        ),
        claim_to_headers=[
            JwtClaimToHeader(header_name=each.header, claim_name=each.claim)
            for each in provider.claim_headers
        ],
        clear_route_cache=clears_route_cache,
    )
