"""Rules of AuthorizationPolicies that never match, as ``check`` reports them."""

import pytest

from tests.support.checked import checked


def policy(rules: str, action: str = "ALLOW", spec: str = "", namespace: str = "shop") -> str:
    return f"""\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: p, namespace: {namespace}}}
spec: {{{spec}action: {action}, rules: [{rules}]}}
---
"""


def tokens(spec: str, namespace: str = "shop") -> str:
    return f"""\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: t, namespace: {namespace}}}
spec: {{{spec}jwtRules: [{{issuer: i, jwks: '{{"keys": []}}'}}]}}
---
"""


def of(label: str) -> str:
    return f"selector: {{matchLabels: {{{label}}}}}, "


def source(fields: str) -> str:
    return f"{{from: [{{source: {{{fields}}}}}]}}"


def operation(fields: str) -> str:
    return f"{{to: [{{operation: {{{fields}}}}}]}}"


def when(key: str, fields: str) -> str:
    return f"{{when: [{{key: '{key}', {fields}}}]}}"


def found(text: str, code: str) -> list[str]:
    lines = [line.partition(" warning ")[2] for line in checked(text)]
    return [line for line in lines if line.startswith(code)]


@pytest.mark.parametrize(
    ("rule", "is_reported"),
    [
        (operation("methods: [GET], notMethods: [GET]"), True),
        (operation("methods: [PUT, POST], notMethods: ['P*']"), True),
        (operation("methods: [PUT, GET], notMethods: ['P*']"), False),
        (operation("paths: ['/a*'], notPaths: ['/a/b*']"), False),
        (operation("paths: ['/a/{*}'], notPaths: ['/a*']"), False),
        (operation("notPaths: ['*']"), True),
        (source("requestPrincipals: ['*/me'], notRequestPrincipals: ['*']"), True),
        (operation("notMethods: [GET]"), False),
        (source("ipBlocks: [10.1.0.0/16], notIpBlocks: [10.0.0.0/8]"), True),
        (source("ipBlocks: [10.0.0.0/8], notIpBlocks: [10.1.0.0/16, '::/0']"), False),
        (source("notRequestPrincipals: ['*']"), False),
        (source("notPrincipals: ['*']"), False),
        (when("request.headers[x]", "values: [a], notValues: ['*']"), True),
    ],
)
def test_what_a_rule_excludes_itself(rule: str, is_reported: bool) -> None:
    assert bool(found(policy(rule) + tokens(""), "CP0508")) is is_reported


CLAIM = when("request.auth.claims[group]", "values: [a]")
ANYBODY = source("requestPrincipals: ['*']")


@pytest.mark.parametrize(
    ("action", "rule", "consequence"),
    [
        ("ALLOW", ANYBODY, "allows nothing"),
        ("DENY", ANYBODY, "refuses nothing"),
        ("ALLOW", CLAIM, "allows nothing"),
        ("DENY", source("notRequestPrincipals: ['*']"), "matches whatever token a request has"),
    ],
)
def test_tokens_that_nobody_verifies(action: str, rule: str, consequence: str) -> None:
    (line,) = found(policy(rule, action, of("app: web")), "CP0507")

    assert line == (
        "CP0507: no RequestAuthentication is attached to these workloads, so no request has a "
        f"verified token, and the rule {consequence} -> verify tokens with a RequestAuthentication "
        "for the same workloads"
    )


@pytest.mark.parametrize(
    ("verified", "is_reported"),
    [
        (tokens(""), False),
        (tokens("", "istio-system"), False),
        (tokens("", "other"), True),
        (tokens(of("app: web")), False),
        (tokens(of("app: other")), True),
        (tokens(of("app: web"), "istio-system"), False),
    ],
)
def test_tokens_are_verified_by_what_is_attached(verified: str, is_reported: bool) -> None:
    text = policy(ANYBODY, spec=of("app: web")) + verified

    assert bool(found(text, "CP0507")) is is_reported


def test_workloads_of_the_root_namespace_s_policy_may_have_their_own_tokens() -> None:
    assert found(policy(ANYBODY, namespace="istio-system"), "CP0507") == []


GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: front, namespace: shop}
spec: {selector: {istio: ingressgateway}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
"""


@pytest.mark.parametrize(
    ("mesh", "rule", "is_reported"),
    [
        (GATEWAY, operation("ports: ['80']"), False),
        (GATEWAY, operation("ports: ['8080']"), True),
        (GATEWAY + SERVICE, operation("ports: ['80']"), True),
        (GATEWAY + SERVICE, operation("ports: ['8080']"), False),
        (GATEWAY + SERVICE, when("destination.port", "values: ['80']"), True),
        (SERVICE, operation("ports: ['80']"), False),
    ],
)
def test_a_port_at_which_no_gateway_listens(mesh: str, rule: str, is_reported: bool) -> None:
    text = mesh + policy(rule, spec=of("istio: ingressgateway"))

    assert bool(found(text, "CP0509")) is is_reported
