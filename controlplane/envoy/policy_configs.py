"""The filters of policies as they are encoded: once, for all chains that have them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final, assert_never

from controlplane.base.names import Host
from controlplane.envoy.http_filters.ext_authz import http_custom_rules, http_ext_authz
from controlplane.envoy.http_filters.jwt_authn import jwt_authn, refusing_jwt_authn
from controlplane.envoy.http_filters.rbac import http_rbac
from controlplane.envoy.network_filters.ext_authz import network_custom_rules, network_ext_authz
from controlplane.envoy.network_filters.rbac import network_rbac
from controlplane.envoy.resource import encoded
from controlplane.model.authorization import Authorization, Transport, Verdict
from controlplane.model.external_authorization import (
    CustomRules,
    ExternalCheck,
    GrpcCheck,
    Provider,
)
from controlplane.model.plan.listener import ChainPlan
from controlplane.model.plan.network_filters import HttpConnectionManager, PolicyHttpFilter
from controlplane.model.tokens import JwtAuthentication

PolicyConfigs = Mapping[PolicyHttpFilter, bytes]
NO_CONFIGS: Final[PolicyConfigs] = {}


def policies_of(chain: ChainPlan) -> Iterator[PolicyHttpFilter]:
    """The filters of policies anywhere in a chain."""
    for filter_ in chain.network_filters:
        inner = filter_.filters if isinstance(filter_, HttpConnectionManager) else (filter_,)
        yield from (each for each in inner if isinstance(each, PolicyHttpFilter))


def policy_filter_config(policy: PolicyHttpFilter) -> bytes:
    """The configuration of the filter for its transport; raises ``RuleBroken``."""
    if isinstance(policy, JwtAuthentication):
        return encoded(jwt_authn(policy))
    is_http = policy.transport is Transport.HTTP
    match policy:
        case Authorization():
            return encoded(http_rbac(policy) if is_http else network_rbac(policy))
        case CustomRules():
            return encoded(http_custom_rules(policy) if is_http else network_custom_rules(policy))
        case ExternalCheck(provider=provider):
            return encoded(http_ext_authz(provider) if is_http else network_ext_authz(provider))
    assert_never(policy)


def refusing_config(policy: PolicyHttpFilter) -> bytes:
    """The configuration in place of one that cannot be encoded: it refuses every call, unless the
    other decides none.
    """
    match policy:
        case JwtAuthentication():
            return encoded(refusing_jwt_authn())
        case Authorization():
            return policy_filter_config(_refusing(policy))
        case CustomRules(transport=transport):
            refusing = Authorization(verdict=Verdict.ALLOW, transport=transport, enforced=())
            return policy_filter_config(refusing)
        case ExternalCheck(provider=provider):
            # What it asks then is nobody's service, so it gets no answer.
            nobody = Provider(
                name=provider.name,
                host=Host("nobody.invalid"),
                port=provider.port,
                check=GrpcCheck(),
                timeout=timedelta(seconds=1),
            )
            return policy_filter_config(replace(policy, provider=nobody))
    assert_never(policy)


def _refusing(authorization: Authorization) -> Authorization:
    decides = authorization.verdict is not Verdict.AUDIT and authorization.enforced is not None
    return replace(
        authorization, verdict=Verdict.ALLOW, enforced=() if decides else None, tried=None
    )
