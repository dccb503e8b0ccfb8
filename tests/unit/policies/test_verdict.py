"""What becomes of a call by the rules that are encoded, and why."""

from dataclasses import replace
from typing import Any

import pytest

from controlplane.base.names import Namespace, ObjectKey
from controlplane.kinds.istio.authorization_policy import AUTHORIZATION_POLICY
from controlplane.model.authorization import (
    EVERY_CALL,
    EVERY_CALLER,
    Authorization,
    Rule,
    Rules,
    Transport,
    Verdict,
)
from controlplane.model.authorization_verdict import (
    Call,
    Reason,
    decision,
    is_like,
    matches,
)
from controlplane.model.authorization_words import failed
from controlplane.model.external_authorization import CustomRules, Unusable, Why
from controlplane.model.text import FILLED, Exact, Pattern, Prefix, Suffix, Text, is_meant
from tests.unit.policies.given import rule_of, rules_of

CALL = Call(
    names=("spiffe://cluster.local/ns/shop/sa/web",),
    peer_address="10.0.0.1",
    client_address="203.0.113.7",
    method="GET",
    host="Shop.example:8080",
    path="/api/items?q=1",
    headers=(("X-A", "one"), ("x-a", "two")),
    claims={"iss": "https://i", "sub": "me", "aud": ["a", "b"], "deep": {"x": "y"}, "n": 1},
    port=8080,
    address="10.0.0.9",
)


def source(**fields: list[str]) -> dict[str, Any]:
    return {"from": [{"source": fields}]}


def operation(**fields: list[str]) -> dict[str, Any]:
    return {"to": [{"operation": fields}]}


def when(key: str, *values: str) -> dict[str, Any]:
    return {"when": [{"key": key, "values": list(values)}]}


@pytest.mark.parametrize(
    ("text", "value", "is_one"),
    [
        (Exact("a"), "a", True),
        (Exact("a"), "A", False),
        (Exact(""), "", True),
        (Prefix("a"), "ab", True),
        (Prefix("a"), "ba", False),
        (Suffix("a"), "ba", True),
        (Suffix("a"), "ab", False),
        (FILLED, "a", True),
        (FILLED, "", False),
        (FILLED, "a\nb", False),
        (Pattern("a.*c"), "abc", True),
        (Pattern("a.*c"), "abcd", False),
    ],
)
def test_what_a_text_means(text: Text, value: str, is_one: bool) -> None:
    assert is_meant(text, value) is is_one


@pytest.mark.parametrize(
    ("rule", "is_matched"),
    [
        ({}, True),
        (source(principals=["cluster.local/ns/shop/sa/web"]), True),
        (source(principals=["*/sa/web"]), True),
        (source(notPrincipals=["*"]), False),
        (source(namespaces=["sh*"]), True),
        (source(namespaces=["sho"]), False),
        (source(serviceAccounts=["shop/web"]), True),
        (source(ipBlocks=["10.0.0.0/8"]), True),
        (source(ipBlocks=["203.0.113.7"]), False),
        (source(remoteIpBlocks=["203.0.113.7"]), True),
        (source(requestPrincipals=["https://i/me"]), True),
        (source(requestPrincipals=["https://i/you"]), False),
        (operation(hosts=["shop.EXAMPLE:*"]), True),
        (operation(hosts=["shop.example"]), False),
        (operation(methods=["GET"]), True),
        (operation(methods=["get"]), False),
        (operation(paths=["/api/items"]), True),
        (operation(paths=["/api/{*}"]), True),
        (operation(notPaths=["/api/*"]), False),
        (operation(ports=["8080"]), True),
        (operation(ports=["80"]), False),
        (when("request.headers[x-A]", "two"), True),
        (when("request.headers[x-a]", "one,two"), False),
        (when("request.headers[x-b]", "*"), False),
        (when("request.headers[host]", "Shop.example:8080"), True),
        (when("request.auth.audiences", "b"), True),
        (when("request.auth.claims[deep][x]", "y"), True),
        (when("request.auth.claims[n]", "1"), False),
        (when("destination.ip", "10.0.0.9"), True),
        (when("connection.sni", "*"), False),
        ({**operation(methods=["GET"]), **source(namespaces=["other"])}, False),
    ],
)
def test_which_rules_match_a_call(rule: dict[str, Any], is_matched: bool) -> None:
    assert matches(rule_of(rule), CALL) is is_matched


def test_a_policy_without_rules_never_matches() -> None:
    (rule,) = rules_of({})

    assert not matches(rule, CALL)


def test_no_condition_is_true_of_what_is_not_known() -> None:
    asked = (
        source(principals=["*"]),
        source(ipBlocks=["0.0.0.0/0"]),
        source(remoteIpBlocks=["0.0.0.0/0"]),
        source(requestPrincipals=["*"]),
        operation(hosts=["*"]),
        operation(methods=["*"]),
        operation(paths=["*"]),
        operation(ports=["8080"]),
        when("request.headers[x]", "*"),
        when("experimental.envoy.filters.a[b]", "*"),
    )

    assert not any(matches(rule_of(rule), Call()) for rule in asked)


@pytest.mark.parametrize(
    ("template", "path", "fits"),
    [
        ("/a/*/b", "/a/x/b", True),
        ("/a/*/b", "/a//b", False),
        ("/a/*/b", "/a/x/y/b", False),
        ("/a/**", "/a/", True),
        ("/a/**", "/a/x/y", True),
        ("/a/**", "/a", False),
        ("/a.b/*", "/axb/c", False),
    ],
)
def test_templates(template: str, path: str, fits: bool) -> None:
    assert is_like(template, path) is fits


KEY = ObjectKey(AUTHORIZATION_POLICY, Namespace("shop"), "p")
EVERY = Rule(policy=KEY, index=0, who=EVERY_CALLER, what=EVERY_CALL)
NEVER = Rule(policy=KEY, index=1, who=(), what=())


def of(verdict: Verdict, enforced: Rules | None, tried: Rules | None = None) -> Authorization:
    return Authorization(verdict=verdict, transport=Transport.HTTP, enforced=enforced, tried=tried)


def custom(rules: Rules, refused: Unusable | None = None) -> CustomRules:
    return CustomRules(provider="opa", transport=Transport.HTTP, rules=rules, refused=refused)


@pytest.mark.parametrize(
    ("filters", "reason"),
    [
        ((), Reason.UNRESTRICTED),
        ((of(Verdict.ALLOW, ()),), Reason.NOT_ALLOWED),
        ((of(Verdict.ALLOW, (NEVER,)),), Reason.NOT_ALLOWED),
        ((of(Verdict.ALLOW, (NEVER, EVERY)),), Reason.ALLOWED),
        ((of(Verdict.ALLOW, None, (NEVER,)),), Reason.UNRESTRICTED),
        ((of(Verdict.DENY, None, (EVERY,)),), Reason.UNRESTRICTED),
        ((of(Verdict.DENY, (NEVER,)),), Reason.UNRESTRICTED),
        ((of(Verdict.ALLOW, (EVERY,)), of(Verdict.DENY, (EVERY,))), Reason.DENIED),
        ((of(Verdict.AUDIT, (EVERY,)),), Reason.UNRESTRICTED),
        ((custom((EVERY,)),), Reason.UNRESTRICTED),
        ((custom((EVERY,), Unusable(Why.NOT_DECLARED)),), Reason.UNASKABLE),
        ((custom((NEVER,), Unusable(Why.NOT_DECLARED)),), Reason.UNRESTRICTED),
    ],
)
def test_what_decides(filters: tuple[object, ...], reason: Reason) -> None:
    assert decision(filters, CALL).reason is reason


def test_who_is_asked_before_a_call_is_admitted() -> None:
    found = decision((custom((EVERY,)), of(Verdict.ALLOW, (EVERY,))), CALL)

    assert found.is_admitted
    assert found.asked == (("opa", EVERY),)


def test_the_nearest_rule_and_how_it_fails() -> None:
    rules = rules_of(
        {
            "rules": [
                {**operation(methods=["PUT"], hosts=["other"]), **source(namespaces=["a"])},
                operation(methods=["PUT", "POST"], paths=["/api/*"]),
                operation(paths=["/x"], methods=["PUT"]),
            ]
        }
    )

    nearest = decision((of(Verdict.ALLOW, rules),), CALL).nearest

    assert nearest is not None
    assert nearest.rule.index == 1
    assert [failed(clause, CALL) for clause in nearest.failed] == [
        "method is GET, wanted is PUT or POST"
    ]


@pytest.mark.parametrize(
    ("rule", "call", "said"),
    [
        (
            source(namespaces=["a*"]),
            CALL,
            "the caller's identity is spiffe://cluster.local/ns/shop/sa/web, "
            "wanted is one of namespace a*",
        ),
        (
            source(serviceAccounts=["a/b-c.d"]),
            replace(CALL, names=()),
            "the caller's identity is unknown or missing, wanted is service account a/b-c.d",
        ),
        (operation(notMethods=["GET"]), CALL, "method is GET, wanted is none of GET"),
        (
            operation(paths=["/a", "/b*", "*c", "/{*}/{**}", "/e", "/f"]),
            replace(CALL, path="/"),
            "path is /, wanted is /a, /b*, *c, /{*}/{**} or 2 more",
        ),
        (when("request.headers[x-a]", "q"), CALL, "header x-a is one, two, wanted is q"),
        (when("request.auth.claims[sub]", "q"), CALL, "claim sub is me, wanted is q"),
        (
            source(ipBlocks=["1.2.3.4"]),
            CALL,
            "the address of the connection is 10.0.0.1, wanted is 1.2.3.4",
        ),
    ],
)
def test_how_a_rule_fails_is_said_in_a_line(rule: dict[str, Any], call: Call, said: str) -> None:
    found = decision((of(Verdict.ALLOW, (rule_of(rule),)),), call)

    assert found.nearest is not None
    assert [failed(clause, call) for clause in found.nearest.failed] == [said]
