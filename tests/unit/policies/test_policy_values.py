"""Values of policies that are written otherwise than what they are compared with."""

import pytest

from controlplane.kinds.istio.mesh_config import MeshConfig
from tests.support.checked import checked
from tests.unit.policies.test_policy_faults import GATEWAY, mode, operation, policy, source, web

CODES = ("CP055", "CP0223")


TOKENS = """\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: NAMESPACE}
spec:
  jwtRules:
  - {issuer: a, jwksUri: "https://id.example/keys"}
  - {issuer: "https://id.example", jwksUri: "https://id.example/keys"}
  - {issuer: "https://slash.example/", jwksUri: "https://id.example/keys"}
---
"""


def found(rules: str, *, action: str = "ALLOW", mesh: MeshConfig | None = None) -> list[str]:
    text = web() + mode("STRICT") + TOKENS.replace("NAMESPACE", "shop") + policy(action, rules)
    lines = [line for line in checked(text, mesh=mesh) if any(code in line for code in CODES)]
    return [line.partition(" ")[2].removeprefix("warning ") for line in lines]


def when(key: str, value: str) -> str:
    return f"[{{when: [{{key: '{key}', values: ['{value}']}}]}}]"


NEVER = [
    (source("principals: ['spiffe://cluster.local/ns/a/sa/b']"), "write cluster.local/ns/a/sa/b"),
    (when("source.principal", "spiffe://cluster.local/*"), "write cluster.local/*"),
    (source("principals: [a/b]"), "write cluster.local/ns/a/sa/b"),
    (source("principals: [cart]"), "write TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT"),
    (source("notPrincipals: [cluster.local/a/b]"), "write TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT"),
    (
        source("principals: [other/ns/a/sa/b]"),
        "write cluster.local/ns/a/sa/b, or add the trust domain to trustDomainAliases of "
        "MeshConfig",
    ),
    (
        source("requestPrincipals: ['https://id.example']"),
        'write "https://id.example/*" for every subject of an issuer',
    ),
    (operation("hosts: ['https://shop.example:*']"), "write shop.example:*"),
    (operation("notHosts: [shop.example/api]"), "write shop.example"),
    (operation("paths: [api]"), "write /api"),
    (operation("paths: ['http://shop.example/api']"), "write /api"),
    (operation("notPaths: ['/api?page=1']"), "write /api"),
    (operation("methods: [get]"), "write GET"),
    (operation("methods: [GE*, Po*]"), "write PO*"),
    (operation("notMethods: ['get, POST']"), "write [GET, POST]"),
]


@pytest.mark.parametrize(("rules", "hint"), NEVER)
@pytest.mark.parametrize("action", ["ALLOW", "DENY"])
def test_a_value_that_never_matches_says_what_to_write(rules: str, hint: str, action: str) -> None:
    (line,) = found(rules, action=action)

    assert line.startswith("CP0550: ")
    assert line.partition(" -> ")[2] == hint


def test_a_value_that_never_matches_says_why() -> None:
    assert found(operation("methods: [get]")) == [
        'CP0550: "get" never matches: methods are compared as they are sent, in capitals -> '
        "write GET"
    ]
    assert found(source("principals: [cart]")) == [
        'CP0550: "cart" never matches: the trust domain of callers is cluster.local -> '
        "write TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT"
    ]


@pytest.mark.parametrize(
    "rules",
    [
        source("principals: ['*', '*/sa/cart', 'cluster.local/ns/shop/*']"),
        source("principals: [cluster.local/ns/shop/sa/cart]"),
        source("requestPrincipals: ['*', 'https://id.example/*', '*/joe', 'a/jo*', '*@b']"),
        source("namespaces: ['a*b'], notIpBlocks: [10.0.0.0/8, 10.0.0.7, '2001:db8::/32']"),
        operation("hosts: ['*', '*.example', 'shop.example:*', 'shop.example:8080', '[::1]']"),
        operation("paths: ['*', '*/x', '/x*', '/x', '/a/{*}/b', '/a/{**}']"),
        operation("methods: ['*', GET, 'P*', '*T', M-SEARCH], ports: ['8080']"),
        when("request.headers[x-user]", "a/b?c=d"),
        when("connection.sni", "*.example"),
    ],
)
def test_values_in_the_form_of_what_they_are_compared_with(rules: str) -> None:
    assert found(rules) == []


def test_trust_domains_that_the_mesh_has() -> None:
    mesh = MeshConfig(trust_domain="new", trust_domain_aliases=("old",))
    rules = source("principals: [new/ns/a/sa/b, old/ns/a/sa/b, cluster.local/ns/a/sa/b]")

    assert found(rules, mesh=mesh) == []
    assert found(source("principals: [other/ns/a/sa/b]"), mesh=mesh)


def test_whom_a_gateway_lets_in_by_its_own_authorities_may_have_any_identity() -> None:
    rules = source("principals: [partner.example/client]")

    assert checked(GATEWAY + policy("ALLOW", rules, "istio: ingressgateway")) == []


LITERAL = [
    (operation("paths: ['/api/*/x']"), 'write "/api/{*}/x", where {*} is one segment'),
    (operation("paths: ['/api/**']"), 'write "/api/*"'),
    (operation("paths: ['*/a*']"), "write one asterisk, at the start or at the end"),
    (operation("hosts: ['shop.*.example']"), "write one asterisk, at the start or at the end"),
    (source("principals: ['*/ns/shop/*']"), "write one asterisk, at the start or at the end"),
    (source("requestPrincipals: ['a*b/c']"), "write one asterisk, at the start or at the end"),
    (when("request.headers[x]", "a*b"), "write one asterisk, at the start or at the end"),
    (when("request.auth.claims[a][b]", "*a*"), "write one asterisk, at the start or at the end"),
]


@pytest.mark.parametrize(("rules", "hint"), LITERAL)
def test_an_asterisk_that_matches_itself_alone(rules: str, hint: str) -> None:
    (line,) = found(rules)

    assert line.startswith("CP0551: only one asterisk, at the start or at the end, matches any te")
    assert line.partition(" -> ")[2] == hint


def test_a_block_that_is_wider_than_it_looks() -> None:
    wide = "CP0552: 10.0.0.7/8 is every address of 10.0.0.0/8 -> "
    wide += "write 10.0.0.0/8, or 10.0.0.7 for that address alone"

    assert found(source("ipBlocks: [10.0.0.7/8]")) == [wide]
    assert found(source("notRemoteIpBlocks: [10.0.0.7/8]")) == [wide]
    assert found(when("destination.ip", "10.0.0.7/8")) == [wide]


def test_an_empty_list_counts_as_absent() -> None:
    empty = 'CP0553: "{}" is empty, which counts as absent, so any value matches -> '
    empty += "give it a value, or remove it"

    assert found("[{from: [], to: [{operation: {paths: [/a]}}]}]") == [empty.format("from")]
    assert found(operation("methods: [GET], paths: []")) == [empty.format("paths")]
    assert found("[{when: [{key: source.ip, values: [], notValues: [10.0.0.7]}]}]") == [
        empty.format("values")
    ]


@pytest.mark.parametrize(
    "rules",
    [
        source("namespaces: [shopp]"),
        source("notNamespaces: [shopp]"),
        source("principals: [cluster.local/ns/shopp/sa/cart]"),
        source("serviceAccounts: [shopp/cart]"),
        when("source.namespace", "shopp"),
        when("source.serviceAccount", "shopp/cart"),
    ],
)
def test_a_namespace_that_is_misspelled(rules: str) -> None:
    assert found(rules) == ['CP0554: nothing is declared in the namespace "shopp" -> write "shop"']


def test_a_namespace_of_which_nothing_is_known_may_be_that_of_clients() -> None:
    assert found(source("namespaces: [batch, istio-system, 'sho*']")) == []


def test_a_namespace_beside_those_that_are_declared() -> None:
    declared = "apiVersion: v1\nkind: Namespace\nmetadata: {name: NAME}\n---\n"
    text = web() + mode("STRICT") + policy("ALLOW", source("namespaces: [batch]"))

    (line,) = checked(declared.replace("NAME", "front") + text)
    assert line.endswith('warning CP0554: nothing is declared in the namespace "batch"')
    assert checked(declared.replace("NAME", "batch") + text) == []


@pytest.mark.parametrize(
    ("principal", "hint"),
    [
        ("https://slash.example/*", ' -> write "https://slash.example//*"'),
        ("https://id.exmple/joe", ' -> write "https://id.example/joe"'),
        ("https://elsewhere.test/*", ""),
    ],
)
def test_an_issuer_of_which_no_token_is_accepted(principal: str, hint: str) -> None:
    line = f'CP0555: "{principal}" never matches: no RequestAuthentication of shop and istio-system'
    line += f' has the issuer "{principal.rpartition("/")[0]}"{hint}'

    assert found(source(f"requestPrincipals: ['{principal}']")) == [line]
    assert found(when("request.auth.principal", principal)) == [line]


@pytest.mark.parametrize("principal", ["https://slash.example//*", "a/b", "*/b", "http*/b", "*"])
def test_issuers_whose_tokens_are_accepted(principal: str) -> None:
    assert found(source(f"requestPrincipals: ['{principal}']")) == []


def test_an_issuer_is_accepted_by_the_root_namespace_but_not_by_another_one() -> None:
    text = policy("ALLOW", source("requestPrincipals: [a/b]"))

    assert any("CP0555" in line for line in checked(TOKENS.replace("NAMESPACE", "books") + text))
    assert not any(
        "CP0555" in line for line in checked(TOKENS.replace("NAMESPACE", "istio-system") + text)
    )


def test_rules_that_are_forgotten_refuse_every_call_and_an_empty_list_does_so_on_purpose() -> None:
    assert found("null") == [
        "CP0223: rules is null and is dropped, so every call is refused -> give rules a value"
    ]
    assert found("[]") == []


@pytest.mark.parametrize("kind", ["AuthorizationPolicy", "RequestAuthentication"])
def test_a_selector_that_is_forgotten_selects_everything(kind: str) -> None:
    text = f"apiVersion: security.istio.io/v1\nkind: {kind}\nmetadata: {{name: p}}\n"
    line = "CP0223: {} is null and is dropped, so everything is selected -> give {} a value"

    for field in ("selector", "matchLabels"):
        spec = "{selector: }" if field == "selector" else "{selector: {matchLabels: }}"
        (found,) = [one for one in checked(f"{text}spec: {spec}\n") if "CP0223" in one]
        assert found.partition(" warning ")[2] == line.format(field, field)


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        (
            "rules: [{from: [{principals: [a]}]}]",
            'CP0201: spec.rules[0].from[0] has no field "principals" -> it belongs under "source"',
        ),
        (
            "rules: [{when: [{key: 'request.header[x]', values: [a]}]}]",
            'CP0213: no condition has the key "request.header[x]" -> write "request.headers[x]"',
        ),
        (
            "action: CUSTOM, provider: {name: ask}, rules: [{}]",
            'CP0530: the provider "ask" is not among the extensionProviders of MeshConfig, so what '
            "the rules match is refused -> declare it there",
        ),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(spec: str, line: str) -> None:
    text = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p}\n"

    (only,) = checked(f"{text}spec: {{{spec}}}\n")

    assert line in only


def test_a_selector_in_the_metadata_belongs_to_the_spec() -> None:
    text = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
    text += "metadata: {name: p, selector: {matchLabels: {app: web}}}\nspec: {rules: [{}]}\n"

    assert checked(text) == [
        '3:21 error CP0201: metadata has no field "selector" -> move it to spec'
    ]


def test_a_key_set_that_is_a_mapping_is_to_be_text() -> None:
    text = "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: p}\n"
    text += "spec: {jwtRules: [{issuer: a, jwks: {keys: []}}]}\n"

    assert checked(text) == [
        "4:31 error CP0202: expected text, found a mapping -> write it as text: a | after the "
        "colon, and below it JSON, indented"
    ]
