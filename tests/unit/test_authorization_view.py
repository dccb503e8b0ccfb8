"""What is shown of who may call a workload, from what is declared."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controlplane.admin.authorization import AskedCall, Decided, WorkloadAuthorization
from controlplane.cli.authz_view import lines
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.serve.authorization_view import AuthorizationView
from tests.support.signed_tokens import KEYS, ONE, token

MESH = """\
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web-1, namespace: shop}
spec: {address: 10.0.0.7, labels: {app: web}, serviceAccount: web}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 9000}]
---
"""
POLICIES = """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  rules:
  - from: [{source: {namespaces: [shop, "test-*"], notPrincipals: ["*/sa/old"]}}]
    to: [{operation: {methods: [GET, HEAD], paths: ["/api/*"]}}]
  - to: [{operation: {ports: ["9000"]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-admin, namespace: istio-system}
spec:
  action: DENY
  rules:
  - when: [{key: "request.headers[x-admin]", values: ["*"], notValues: [off-duty]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: shop}
spec:
  action: CUSTOM
  provider: {name: opa}
  rules:
  - to: [{operation: {paths: [/asked], ports: ["8080"]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: tried, namespace: shop, annotations: {istio.io/dry-run: "true"}}
spec: {action: DENY, rules: [{}]}
"""
EMPTY = """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nothing, namespace: shop}
spec: {}
"""
STRICT = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: all, namespace: shop}
spec: {mtls: {mode: STRICT}}
"""


def shown(policies: str, call: AskedCall | None = None) -> WorkloadAuthorization:
    engine = Engine(MeshConfig(), now=datetime(2026, 6, 1, tzinfo=UTC))
    engine.apply([(Path("mesh.yaml"), MESH), (Path("policies.yaml"), policies)])
    view = AuthorizationView(engine, datetime(2026, 6, 1, tzinfo=UTC))
    proxy = view.declared("web-1.shop")
    assert proxy is not None
    return view.shown(proxy, call, is_connected=False)


def decided(policies: str, **call: Any) -> Decided:
    found = shown(policies, AskedCall(**call)).decided
    assert found is not None
    return found


def printed(found: WorkloadAuthorization) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines(found)]


def test_the_policies_of_a_declared_workload_in_the_order_of_evaluation() -> None:
    assert printed(shown(POLICIES)) == [
        "web-1.shop  declared, not connected",
        "  labels  app: web",
        "  ports   8080 HTTP, 9000 TCP",
        "CUSTOM",
        "  AuthorizationPolicy shop/ask  policies.yaml:19  asks opa; what it matches is refused, "
        "because its provider is not among the extensionProviders of MeshConfig",
        "    rule 0  to ports 8080, paths /asked  policies.yaml:26",
        "            on TCP ports what only requests have is ignored, so it matches more",
        "DENY",
        "  AuthorizationPolicy istio-system/no-admin  policies.yaml:11",
        "    rule 0  when request.headers[x-admin] * not off-duty  policies.yaml:17",
        "            on TCP ports what only requests have is ignored, so it matches more",
        "  AuthorizationPolicy shop/tried  policies.yaml:28  dry run: decides nothing",
        "    rule 0  every call  policies.yaml:31",
        "ALLOW",
        "  AuthorizationPolicy shop/readers  policies.yaml:1",
        "    rule 0  from notPrincipals */sa/old, namespaces shop or test-*; "
        "to methods GET or HEAD, paths /api/*  policies.yaml:7",
        "            on TCP ports it allows nothing, for it asks for what only requests have",
        "    rule 1  to ports 9000  policies.yaml:9",
        "otherwise  refused  a call that no ALLOW rule matches",
    ]


def test_what_happens_without_policies_and_with_an_empty_one() -> None:
    assert printed(shown(STRICT))[-1] == "otherwise  allowed  no policy is attached"
    assert printed(shown(EMPTY))[3:] == [
        "ALLOW",
        "  AuthorizationPolicy shop/nothing  policies.yaml:1  no rules: allows nothing",
        "otherwise  refused  a call that no ALLOW rule matches",
    ]


WEB = {"principal": "shop/web", "method": "GET", "path": "/api/1", "port": 8080}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            WEB | {"headers": (("x-admin", "off-duty"),)},
            [
                "allowed: an ALLOW rule matches",
                "  AuthorizationPolicy shop/readers  policies.yaml:1",
                "    rule 0  from notPrincipals */sa/old, namespaces shop or test-*; "
                "to methods GET or HEAD, paths /api/*  policies.yaml:7",
            ],
        ),
        (
            WEB | {"headers": (("x-admin", ""),)},
            [
                "refused: a DENY rule matches",
                "  AuthorizationPolicy istio-system/no-admin  policies.yaml:11",
                "    rule 0  when request.headers[x-admin] * not off-duty  policies.yaml:17",
            ],
        ),
        (
            WEB | {"path": "/asked?q"},
            [
                "refused: nobody can be asked about what a CUSTOM rule matches",
                "  AuthorizationPolicy shop/ask  policies.yaml:19",
                "    rule 0  to ports 8080, paths /asked  policies.yaml:26",
            ],
        ),
        (
            WEB | {"method": "PUT", "principal": "cluster.local/ns/shop/sa/old"},
            [
                "refused: no ALLOW rule matches",
                "  nearest is AuthorizationPolicy shop/readers  policies.yaml:1",
                "    rule 1  to ports 9000  policies.yaml:9",
                "      port is 8080, wanted is 9000",
                "  note: rules ask for more than is given, which counts as absent: "
                "--header x-admin=VALUE",
            ],
        ),
    ],
)
def test_what_becomes_of_a_call_and_why(call: dict[str, Any], said: list[str]) -> None:
    assert printed(shown(POLICIES, AskedCall(**call))) == said


def test_a_port_that_is_not_read_as_http_is_decided_by_its_own_rules() -> None:
    found = decided(POLICIES, port=9000)

    assert not found.admitted
    assert found.policy is not None
    assert found.policy.object == "AuthorizationPolicy/istio-system/no-admin"
    assert any("not read as HTTP" in note for note in found.notes)


def test_without_an_identity_mutual_tls_is_not_passed() -> None:
    assert decided(STRICT).reason.startswith("the workload takes mutual TLS alone")
    assert decided(STRICT, principal="shop/web").admitted


TOKENS = """\
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: shop}
spec:
  jwtRules:
  - {issuer: i, audiences: [web, app], jwks: '{"keys": []}'}
"""
SCOPED = EMPTY.replace(
    "{}\n", "{rules: [{when: [{key: 'request.auth.claims[scope]', values: [write]}]}]}\n"
)
CLAIMS = {"iss": "i", "sub": "s", "aud": ["app"], "scope": "read write"}


def test_claims_are_taken_as_verified_and_scopes_are_lists() -> None:
    found = decided(SCOPED + TOKENS, claims=CLAIMS)

    assert found.admitted
    assert any("not verified" in note for note in found.notes)
    assert not decided(SCOPED + TOKENS, claims=CLAIMS | {"scope": "read"}).admitted
    assert not decided(SCOPED + TOKENS).admitted


@pytest.mark.parametrize("wrong", [{"iss": "j"}, {"aud": "other"}, {"aud": 1}])
def test_a_token_of_another_issuer_or_audience_is_refused(wrong: dict[str, object]) -> None:
    found = decided(SCOPED + TOKENS, claims=CLAIMS | wrong)

    assert not found.admitted
    assert found.reason.startswith("401")


def test_without_request_authentication_claims_are_not_known() -> None:
    found = decided(SCOPED, claims=CLAIMS)

    assert not found.admitted
    assert any("no RequestAuthentication" in note for note in found.notes)


def test_a_token_is_verified() -> None:
    policies = EMPTY.replace(
        "{}\n", "{rules: [{from: [{source: {requestPrincipals: [one/alice]}}]}]}\n"
    ) + TOKENS.replace(
        "issuer: i, audiences: [web, app], jwks: '{\"keys\": []}'", f"issuer: one, jwks: '{KEYS}'"
    )
    good, forged = token(ONE), token(ONE)[:-8] + "AAAAAAAA"

    assert decided(policies, token=good).admitted
    assert decided(policies, token=good).notes == ()
    assert decided(policies, token=forged).reason == "401, Jwt verification fails"
    assert decided(EMPTY, token=good).notes == (
        "no RequestAuthentication reads tokens here, so claims are not known",
    )


def test_the_tokens_that_are_taken_are_listed_before_the_rules() -> None:
    assert printed(shown(EMPTY + TOKENS))[3:7] == [
        "TOKENS",
        "  RequestAuthentication shop/tokens  policies.yaml:6",
        "    rule 0  tokens of issuer i, audiences web or app; another token is refused with 401"
        "  policies.yaml:11",
        "ALLOW",
    ]


AUDITED = """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: seen, namespace: shop}
spec: {action: AUDIT, rules: [{to: [{operation: {methods: [GET]}}]}]}
"""


def test_what_is_audited_is_said_of_a_call() -> None:
    assert printed(shown(AUDITED, AskedCall(method="GET")))[:2] == [
        "allowed: no DENY rule matches, and there is no ALLOW policy",
        "  audited by AuthorizationPolicy shop/seen  policies.yaml:1",
    ]
    assert decided(AUDITED, method="PUT").audited == ()


SPLIT = """\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: shop}
spec:
  jwtRules:
  - issuer: https://a
    jwks: '{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AQAB"}]}'
    spaceDelimitedClaims: [roles]
  - {issuer: https://b, jwks: '{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AQAB"}]}'}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: editors, namespace: shop}
spec: {rules: [{when: [{key: "request.auth.claims[roles]", values: [editor]}]}]}
---
"""
ASKED_FIRST = """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: shop}
spec: {action: CUSTOM, provider: {name: opa}, rules: [{}]}
"""


def test_claims_are_parted_at_spaces_as_their_provider_does() -> None:
    def is_admitted(issuer: str) -> bool:
        return decided(SPLIT, claims={"iss": issuer, "roles": "reader editor"}).admitted

    assert is_admitted("https://a")
    assert not is_admitted("https://b")


def test_a_provider_that_cannot_be_asked_refuses_before_tokens_are_looked_at() -> None:
    found = decided(SPLIT + ASKED_FIRST, claims={"iss": "https://other"})

    assert found.reason == "nobody can be asked about what a CUSTOM rule matches"
    assert decided(SPLIT, claims={"iss": "https://other"}).reason.startswith("401")


def test_policies_that_an_error_hides_are_not_said_to_match_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def decode(*_: object) -> None:
        raise RuntimeError("injected")

    engine = Engine(MeshConfig(), now=datetime(2026, 6, 1, tzinfo=UTC))
    engine.apply([(Path("mesh.yaml"), MESH)])
    monkeypatch.setattr("controlplane.engine.file_reader.decode", decode)
    engine.apply([(Path("policies.yaml"), AUDITED)])
    view = AuthorizationView(engine, datetime(2026, 6, 1, tzinfo=UTC))
    proxy = view.declared("web-1.shop")
    assert proxy is not None

    found = view.shown(proxy, AskedCall(method="GET"), is_connected=False)

    assert found.decided is not None
    assert not found.decided.admitted
    assert found.decided.reason == "an internal error keeps the policies from being known"
    assert printed(msgspec.structs.replace(found, decided=None))[-1].rstrip() == (
        "otherwise  refused: an internal error keeps the policies from being known"
    )


@pytest.mark.parametrize("audience", [[["web"]], [{}], {}, 5, None, []])
def test_a_token_with_an_odd_audience_is_for_nobody(audience: object) -> None:
    found = decided(TOKENS, claims={"iss": "i", "aud": audience})

    assert found.reason.startswith("401")
