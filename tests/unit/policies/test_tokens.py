"""RequestAuthentications as Envoy gets them: one filter that verifies tokens."""

import json
from typing import Any

import pytest

from controlplane.envoy.policy_configs import policy_filter_config, refusing_config
from controlplane.kinds.istio.request_authentication import ClaimToHeader, JwtHeader, JwtRule
from controlplane.model.tokens import (
    NOBODYS_KEYS,
    ClaimHeader,
    JwtAuthentication,
    JwtProvider,
    KeySource,
    TokenHeader,
)
from controlplane.queries.inputs.key_sets import KEY_SET, FetchedKeys
from controlplane.translate.istio.request_authentication import (
    NO_HEADER,
    in_order,
    jwt_provider,
    key_source,
    public_keys,
)
from tests.support.decided_calls import chains_of
from tests.support.declared import Declared
from tests.unit.policies.test_filters import GATEWAY

KEYS = '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'


def request_authentication(name: str, rules: str, namespace: str = "istio-system") -> str:
    return f"""---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{jwtRules: {rules}}}
"""


def filters(declared: Declared, chain: str = "0.0.0.0_8080 ") -> list[dict[str, Any]]:
    found = dict(chains_of(declared.listeners()))
    return [dict(each) for each in found[chain]]


def verification(declared: Declared) -> dict[str, Any]:
    """The configuration of the one filter for tokens."""
    (found,) = [each for each in filters(declared) if ".jwt_authn" in each["name"]]
    return dict(found["typed_config"])


def test_one_issuer_s_tokens_are_good_or_missing() -> None:
    rule = f"[{{issuer: a, jwks: '{KEYS}'}}]"

    config = verification(Declared(GATEWAY + request_authentication("one", rule)))

    assert config["providers"]["origins-0"] == {
        "issuer": "a",
        "local_jwks": {"inline_string": KEYS},
        "payload_in_metadata": "payload",
        "normalize_payload_in_metadata": {"space_delimited_claims": ["permission", "scope"]},
        "clear_route_cache": True,
    }
    assert config["rules"] == [
        {
            "match": {"prefix": "/"},
            "requires": {
                "requires_any": {
                    "requirements": [{"provider_name": "origins-0"}, {"allow_missing": {}}]
                }
            },
        }
    ]
    assert config["bypass_cors_preflight"] is True


def test_policies_add_up_and_one_good_token_of_several_issuers_is_enough() -> None:
    text = request_authentication("one", "[{issuer: b}, {issuer: c}]")
    text += request_authentication("two", "[{issuer: a}]")

    config = verification(Declared(GATEWAY + text))

    issuers = {name: each["issuer"] for name, each in config["providers"].items()}
    assert issuers == {"origins-0": "a", "origins-1": "b", "origins-2": "c"}
    (rule,) = config["rules"]
    *good, every = rule["requires"]["requires_any"]["requirements"]
    assert good == [{"provider_name": f"origins-{i}"} for i in range(3)]
    assert every["requires_all"]["requirements"] == [
        {
            "requires_any": {
                "requirements": [{"provider_name": f"origins-{i}"}, {"allow_missing": {}}]
            }
        }
        for i in range(3)
    ]


def test_tokens_are_verified_before_policies_decide_and_only_for_requests() -> None:
    allow = """---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: a, namespace: istio-system}
spec: {rules: [{}]}
"""
    declared = Declared(GATEWAY + allow + request_authentication("one", "[{issuer: a}]"))

    names = [each["name"] for each in filters(declared)]
    of_tcp = [each["name"] for each in filters(declared, "0.0.0.0_9000 ")]

    assert names[:2] == ["envoy.filters.http.jwt_authn", "envoy.filters.http.rbac"]
    assert not any("jwt" in name for name in of_tcp)


@pytest.mark.parametrize("rules", ["[]", "null"])
def test_a_policy_without_rules_verifies_nothing(rules: str) -> None:
    declared = Declared(GATEWAY + request_authentication("one", rules))

    assert not any("jwt" in each["name"] for each in filters(declared))


def test_keys_that_were_fetched_are_sent_and_until_then_nobody_s() -> None:
    declared = Declared(GATEWAY + request_authentication("one", '[{jwksUri: "http://a/k"}]'))
    before = verification(declared)["providers"]["origins-0"]["local_jwks"]

    declared.graph.edit()
    declared.graph.set(KEY_SET, KeySource(uri="http://a/k"), FetchedKeys(key_set=KEYS))

    assert before == {"inline_string": NOBODYS_KEYS}
    assert verification(declared)["providers"]["origins-0"]["local_jwks"] == {"inline_string": KEYS}


@pytest.mark.parametrize(
    ("rule", "provider"),
    [
        (JwtRule(audiences=("a", "b")), {"audiences": ("a", "b")}),
        (
            JwtRule(from_headers=(JwtHeader(name="x", prefix="Token "),)),
            {"headers": (TokenHeader(name="x", prefix="Token "),)},
        ),
        (
            JwtRule(from_headers=(JwtHeader(name="x y"), JwtHeader(name="x", prefix="a\n"))),
            {"headers": (TokenHeader(name=NO_HEADER), TokenHeader(name=NO_HEADER))},
        ),
        (JwtRule(from_params=("token",)), {"parameters": ("token",)}),
        (JwtRule(from_cookies=("token",)), {"cookies": ("token",)}),
        (JwtRule(output_payload_to_header="x-payload"), {"payload_header": "x-payload"}),
        (JwtRule(output_payload_to_header="x payload"), {}),
        (
            JwtRule(output_claim_to_headers=(ClaimToHeader(header="x", claim="a.b"),)),
            {"claim_headers": (ClaimHeader(header="x", claim="a.b"),)},
        ),
        (JwtRule(forward_original_token=True), {"is_forwarded": True}),
        (
            JwtRule(space_delimited_claims=("roles", "scope")),
            {"space_delimited": ("permission", "roles", "scope")},
        ),
    ],
)
def test_a_rule_says_which_tokens_are_good(rule: JwtRule, provider: dict[str, Any]) -> None:
    common: dict[str, Any] = {"issuer": "", "key_set": KEYS}
    common["space_delimited"] = ("permission", "scope")

    assert jwt_provider(rule, KEYS) == JwtProvider(**(common | provider))


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (JwtRule(issuer="https://a/", jwks=KEYS), None),
        (JwtRule(issuer="https://a/", jwks_uri="http://b/k"), KeySource(uri="http://b/k")),
        (
            JwtRule(issuer="https://a/b/"),
            KeySource(uri="https://a/b/.well-known/openid-configuration", is_discovery=True),
        ),
        (
            JwtRule(issuer="https://a", jwks=""),
            KeySource(uri="https://a/.well-known/openid-configuration", is_discovery=True),
        ),
    ],
)
def test_where_keys_are_fetched(rule: JwtRule, source: KeySource | None) -> None:
    assert key_source(rule) == source


def test_rules_are_in_the_order_of_issuers_and_then_as_they_come() -> None:
    first, second = JwtRule(issuer="a", audiences=("z",)), JwtRule(issuer="a", audiences=("y",))

    found = in_order((JwtRule(issuer="b"), first, JwtRule(jwks_uri="http://a/"), second))

    assert found == (JwtRule(jwks_uri="http://a/"), first, second, JwtRule(issuer="b"))


@pytest.mark.parametrize(
    "useless",
    [
        '{"keys":[]}',
        '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AQAB"}]}',
        '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}',
        '{"keys":[{"kty":"RSA","e":"AQ","n":"AQAB"}]}',
    ],
)
def test_keys_with_which_envoy_would_refuse_the_listener_are_nobody_s(useless: str) -> None:
    assert jwt_provider(JwtRule(jwks=useless), None).key_set == NOBODYS_KEYS
    assert jwt_provider(JwtRule(jwks_uri="http://a"), useless).key_set == NOBODYS_KEYS


def test_private_parts_of_keys_stay_here() -> None:
    written = '{"keys": [{"kty": "EC", "x": "a", "y": "b", "d": "c"}, {"kty": "oct", "k": "d"}]}'

    assert json.loads(public_keys(written)) == {
        "keys": [{"kty": "EC", "x": "a", "y": "b"}, {"kty": "oct", "k": "d"}]
    }
    assert public_keys(KEYS) == KEYS


def test_a_filter_that_cannot_be_encoded_is_one_that_admits_no_request() -> None:
    found = JwtAuthentication(providers=(JwtProvider(issuer="a", key_set=KEYS),))

    refusing = refusing_config(found)

    assert refusing != policy_filter_config(found)
    assert b"origins-0" not in refusing
    assert NOBODYS_KEYS.encode() in refusing
