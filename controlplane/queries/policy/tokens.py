"""What RequestAuthentications come to at a proxy: one filter that verifies tokens.

Nothing here is guarded: a policy that cannot be read makes ``policy_filters`` refuse every call.
Source: Istio ``pilot/pkg/security/authn/policy_applier.go``
"""

from collections.abc import Iterator
from datetime import timedelta

from controlplane.base.names import ObjectKey, key_is_of
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.request_authentication import (
    REQUEST_AUTHENTICATION,
    JwtRule,
    RequestAuthentication,
)
from controlplane.kinds.object import Object
from controlplane.model.tokens import JwtAuthentication, JwtProvider, KeySource
from controlplane.queries.inputs.key_sets import fetched_keys
from controlplane.queries.inputs.objects import index, object_of
from controlplane.translate.istio.request_authentication import (
    fetch_timeout,
    in_order,
    jwt_authentication,
    jwt_provider,
    key_source,
)

EVERY_SOURCE = "every source"


@index(REQUEST_AUTHENTICATION)
def wanted_key_sets(
    policy: Object[RequestAuthentication],
) -> Iterator[tuple[str, tuple[KeySource, str, timedelta]]]:
    """Where keys must be fetched, for which issuer, and how long that may take, under
    ``EVERY_SOURCE``.
    """
    for rule in policy.spec.jwt_rules:
        if (source := key_source(rule)) is not None:
            yield EVERY_SOURCE, (source, rule.issuer or "", fetch_timeout(rule))


@derived
def token_verification(
    graph: Graph, keys: tuple[ObjectKey, ...], at_gateway: bool
) -> JwtAuthentication | None:
    """The filter of the policies ``keys``; ``None`` where they have no rules.

    Runs again when one of them changes, or the keys of an issuer.
    """
    rules = (rule for key in keys for rule in jwt_rules(graph, key))
    providers = tuple(provider(graph, rule) for rule in in_order(rules))
    return jwt_authentication(providers, at_gateway=at_gateway)


@derived
def provider(graph: Graph, rule: JwtRule) -> JwtProvider:
    """What a rule says of tokens, with the keys of its issuer; runs again when these change."""
    source = key_source(rule)
    fetched = None if source is None else fetched_keys(graph, source).key_set
    return jwt_provider(rule, fetched)


def jwt_rules(graph: Graph, key: ObjectKey) -> tuple[JwtRule, ...]:
    assert key_is_of(key, REQUEST_AUTHENTICATION), "these alone have rules for tokens"
    policy = object_of(graph, key)
    return () if policy is None else policy.spec.jwt_rules
