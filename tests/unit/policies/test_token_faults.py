"""RequestAuthentications that protect less than they seem to, and routes by claims of nobody."""

import pytest

from tests.support.checked import checked
from tests.unit.policies.test_policy_faults import GATEWAY, web

ID = "https://id.example.com"
RULE = f"[{{issuer: {ID}}}]"
FORWARDED = "forwardOriginalToken: true"


def tokens(rules: str, namespace: str = "shop", selector: str = "", name: str = "r") -> str:
    selects = f"selector: {{matchLabels: {{{selector}}}}}, " if selector else ""
    return (
        "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\n"
        f"spec: {{{selects}jwtRules: {rules}}}\n---\n"
    )


def policy(
    rule: str,
    namespace: str = "shop",
    selector: str = "",
    action: str = "ALLOW",
    annotations: str = "",
) -> str:
    selects = f"selector: {{matchLabels: {{{selector}}}}}, " if selector else ""
    return (
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
        f"metadata: {{name: p, namespace: {namespace}, annotations: {{{annotations}}}}}\n"
        f"spec: {{{selects}action: {action}, rules: [{rule}]}}\n---\n"
    )


def found(text: str) -> list[str]:
    return [line for line in checked(text) if "CP052" in line or "CP0324" in line]


ANY_TOKEN = '{from: [{source: {requestPrincipals: ["*"]}}]}'
A_CLAIM = '{when: [{key: "request.auth.claims[group]", values: [admin]}]}'
GET = "{to: [{operation: {methods: [GET]}}]}"


def test_tokens_that_nothing_demands() -> None:
    assert found(tokens(RULE) + policy(GET)) == [
        "4:8 warning CP0520: bad tokens are refused here, but requests without a token pass: no "
        "AuthorizationPolicy of these workloads asks for one -> add an AuthorizationPolicy of "
        'action ALLOW whose rules have from.source.requestPrincipals: ["*"]'
    ]


@pytest.mark.parametrize(
    "demand",
    [
        policy(ANY_TOKEN),
        policy(A_CLAIM),
        policy('{from: [{source: {notRequestPrincipals: ["*"]}}]}', action="DENY"),
        policy(ANY_TOKEN, namespace="istio-system"),
        policy(ANY_TOKEN, selector="app: web"),
    ],
)
def test_a_policy_of_the_same_workloads_demands_tokens(demand: str) -> None:
    assert found(web() + tokens(RULE) + demand) == []


@pytest.mark.parametrize(
    "other",
    [
        policy(ANY_TOKEN, namespace="elsewhere"),
        policy(ANY_TOKEN, selector="app: other"),
        policy(ANY_TOKEN, annotations='istio.io/dry-run: "true"'),
    ],
)
def test_other_policies_demand_no_tokens_here(other: str) -> None:
    (line,) = [
        line
        for line in found(web() + tokens(RULE, selector="app: web") + other)
        if "CP0520" in line
    ]

    assert "requests without a token pass" in line


def test_tokens_of_the_whole_mesh_are_demanded_by_a_policy_of_any_namespace() -> None:
    assert found(tokens(RULE, "istio-system") + policy(ANY_TOKEN)) == []


@pytest.mark.parametrize(
    "passed_on",
    [FORWARDED, "outputPayloadToHeader: x", "outputClaimToHeaders: [{header: x, claim: sub}]"],
)
def test_a_workload_that_sees_tokens_may_demand_them_itself(passed_on: str) -> None:
    assert found(tokens(f"[{{issuer: {ID}, {passed_on}}}]")) == []


def test_tokens_of_workloads_that_nobody_declares() -> None:
    (line,) = found(web() + tokens(f"[{{issuer: {ID}, {FORWARDED}}}]", selector="app: wbe"))

    assert "warning CP0324: no workload of shop is declared that has app: wbe" in line
    assert line.endswith("-> write app: web")


def two(first: str, second: str) -> str:
    """A rule of the root namespace and one of a namespace, for one issuer."""
    rules = (f"[{{issuer: {ID}, {FORWARDED}, {rule}}}]" for rule in (first, second))
    mesh, own = rules
    return tokens(mesh, "istio-system", name="mesh") + tokens(own)


def test_audiences_that_another_rule_does_not_ask_for() -> None:
    assert found(two("", "audiences: [shop]")) == [
        "9:80 warning CP0522: RequestAuthentication istio-system/mesh accepts tokens of this "
        "issuer for any audience, and one rule that accepts a token is enough, so these audiences "
        "restrict nothing -> restrict the audiences of the other rule as well"
    ]


def test_audiences_that_another_rule_has_among_others() -> None:
    (line,) = found(two("audiences: [bank, shop]", "audiences: [shop]"))

    assert "for more audiences, and" in line


def test_the_same_rule_twice() -> None:
    rule = f"{{issuer: {ID}, {FORWARDED}}}"

    assert found(tokens(f"[{rule}, {rule}]")) == [
        "4:81 warning CP0522: another rule accepts the same tokens and is tried first, so this "
        "rule does nothing -> keep one of them"
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("audiences: [bank]", "audiences: [shop]"),
        ("jwksUri: http://a/k", "jwksUri: http://b/k"),
        ("fromCookies: [a]", "fromCookies: [b]"),
        ("fromHeaders: [{name: x}]", "audiences: [shop]"),
    ],
)
def test_two_rules_of_an_issuer_that_accept_different_tokens(first: str, second: str) -> None:
    assert found(two(first, second)) == []


def test_a_rule_that_is_tried_first_may_pass_on_more_of_fewer_tokens() -> None:
    narrow = f"{{issuer: {ID}, {FORWARDED}, audiences: [a], outputPayloadToHeader: x}}"
    wide = f"{{issuer: {ID}, {FORWARDED}}}"

    assert found(tokens(f"[{narrow}, {wide}]")) == []
    assert [line[:19] for line in found(tokens(f"[{wide}, {narrow}]"))] == ["4:142 warning CP052"]


@pytest.mark.parametrize("selector", ["app: other", "app: web"])
def test_a_rule_of_other_workloads_accepts_nothing_here(selector: str) -> None:
    one = tokens(f"[{{issuer: {ID}, {FORWARDED}}}]", selector=selector, name="one")
    other = tokens(f"[{{issuer: {ID}, {FORWARDED}, audiences: [shop]}}]", name="other")

    assert [line for line in found(web() + one + other) if "CP0522" in line] == []


def test_an_issuer_whose_keys_cannot_be_discovered() -> None:
    (line,) = [x for x in checked(tokens(f"[{{issuer: me@id, {FORWARDED}}}]")) if "CP0217" in x]

    assert 'the issuer "me@id" is no address' in line
    assert line.endswith("-> write jwksUri or jwks")


ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web.example.com]
  gateways: [GATEWAYS]
  http:
  - match: [{FIELD: {"@request.auth.claims.group": {exact: admin}}}]
    route: [{destination: {host: web}}]
---
"""


def route(field: str = "headers", gateways: str = "front") -> str:
    return ROUTE.replace("FIELD", field).replace("GATEWAYS", gateways)


@pytest.mark.parametrize(("field", "holds"), [("headers", "never"), ("withoutHeaders", "always")])
def test_claims_that_no_gateway_verifies(field: str, holds: str) -> None:
    (line,) = found(web() + GATEWAY + route(field))

    assert (
        "warning CP0521: no RequestAuthentication verifies tokens at Gateway shop/front, so no "
        f"request has claims there and the match {holds} holds -> add a RequestAuthentication for "
        "its proxies, with the issuer of the tokens"
    ) in line


@pytest.mark.parametrize(
    "verified",
    [
        tokens(RULE, "istio-system", "istio: ingressgateway"),
        tokens(RULE, "istio-system"),
        tokens(RULE, "shop"),
        tokens(RULE, "shop", "istio: ingressgateway, app: front"),
    ],
)
def test_claims_of_tokens_that_the_gateway_verifies(verified: str) -> None:
    assert found(web() + GATEWAY + route() + verified) == []


@pytest.mark.parametrize(
    "elsewhere", [tokens(RULE, "bank"), tokens(RULE, "shop", "app: web"), tokens("[]", "shop")]
)
def test_claims_of_tokens_that_others_verify(elsewhere: str) -> None:
    lines = found(web() + GATEWAY + route() + elsewhere)

    assert [line for line in lines if "CP0521" in line]


DELEGATE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: rules, namespace: shop}
spec:
  http:
  - match: [{uri: {prefix: /a}}]
    route: [{destination: {host: web}}]
---
"""


def test_claims_of_a_rule_that_delegates_are_missed() -> None:
    rule = "route: [{destination: {host: web}}]"
    delegating = route().replace(rule, "delegate: {name: rules}")
    verified = tokens(RULE, "shop", "istio: ingressgateway")
    (line,) = found(web() + GATEWAY + DELEGATE + delegating)

    assert "CP0521: no RequestAuthentication verifies tokens at Gateway shop/front" in line
    assert found(web() + GATEWAY + DELEGATE + delegating + verified) == []


def test_a_delegate_asks_for_no_claims_itself() -> None:
    claims = '{headers: {"@request.auth.claims.group": {exact: admin}}}'
    asking = DELEGATE.replace("{uri: {prefix: /a}}", claims)

    assert [line.partition(" error ")[2] for line in checked(web() + asking)] == [
        'CP0222: "@request.auth.claims.group" matches at gateways only, which a delegate does not '
        "name -> write it into the match of the rule that delegates"
    ]


def test_claims_are_not_missed_where_only_sidecars_route() -> None:
    assert found(web() + route(gateways="mesh")) == []
