"""What each attribute of a policy's rule says to a proxy, a line a row of Istio's documentation."""

from typing import Any

import pytest

from controlplane.base.names import PortNumber
from controlplane.model.authorization import (
    PRESENT,
    AddressIn,
    AllOf,
    ClaimIs,
    ClientAddressIn,
    ElementIs,
    HeaderIs,
    HostIs,
    MetadataIs,
    MethodIs,
    NoneOf,
    OneOf,
    PathIs,
    PathLike,
    PeerAddressIn,
    PeerIs,
    PortIs,
    ServerNameIs,
    TokenIs,
    Transport,
)
from controlplane.model.text import FILLED, Exact, Pattern, Prefix, Suffix
from tests.unit.policies.given import policy, rule_of, rules_of

WEB = "cluster.local/ns/prod/sa/web"
SOURCES = [
    ("principals", WEB, PeerIs(Exact(f"spiffe://{WEB}"))),
    ("principals", "a/ns/*", PeerIs(Prefix("spiffe://a/ns/"))),
    ("principals", "*/sa/a.b", PeerIs(Pattern(r"spiffe://.*/sa/a\.b"))),
    ("principals", "*", PeerIs(FILLED)),
    ("principals", "a/*/b", PeerIs(Exact("spiffe://a/*/b"))),
    ("namespaces", "prod", PeerIs(Pattern(".*/ns/prod/.*"))),
    ("namespaces", "a*.b*", PeerIs(Pattern(r".*/ns/a.*\.b.*/.*"))),
    (
        "serviceAccounts",
        "web",
        PeerIs(Pattern("spiffe://.+/ns/default/(.+/|)sa/web(/.+)?")),
    ),
    (
        "serviceAccounts",
        "prod/a.b",
        PeerIs(Pattern(r"spiffe://.+/ns/prod/(.+/|)sa/a\.b(/.+)?")),
    ),
    ("trustDomains", "td.one", PeerIs(Prefix("spiffe://td.one/"))),
    ("trustDomains", "*", PeerIs(Prefix("spiffe://"))),
    ("trustDomains", "td.*", PeerIs(Pattern(r"spiffe://td\.[^/]*/.*"))),
    ("trustDomains", "*.one", PeerIs(Pattern(r"spiffe://[^/]*\.one/.*"))),
    ("ipBlocks", "10.1.2.3", PeerAddressIn("10.1.2.3/32")),
    ("ipBlocks", "10.1.2.3/8", PeerAddressIn("10.0.0.0/8")),
    ("remoteIpBlocks", "fd00::/8", ClientAddressIn("fd00::/8")),
    ("remoteIpBlocks", "fe80::1%eth0", ClientAddressIn("fe80::1/128")),
    ("requestPrincipals", "*", TokenIs(FILLED, FILLED)),
    ("requestPrincipals", "iss/sub", TokenIs(Exact("iss"), Exact("sub"))),
    (
        "requestPrincipals",
        "https://id/a/sub",
        TokenIs(Exact("https://id/a"), Exact("sub")),
    ),
    ("requestPrincipals", "*/sub", TokenIs(FILLED, Exact("sub"))),
    ("requestPrincipals", "*x/sub", TokenIs(Suffix("x"), Exact("sub"))),
    ("requestPrincipals", "*/sub*", TokenIs(FILLED, Exact("sub*"))),
    ("requestPrincipals", "iss/*", TokenIs(Exact("iss"), FILLED)),
    ("requestPrincipals", "iss/pre*", TokenIs(Exact("iss"), Prefix("pre"))),
    ("requestPrincipals", "https://id*", TokenIs(Exact("https:/"), Prefix("id"))),
    ("requestPrincipals", "*x", TokenIs(FILLED, Suffix("x"))),
    ("requestPrincipals", "x*", TokenIs(Prefix("x"), FILLED)),
    ("requestPrincipals", "x", TokenIs(Exact("x"), Exact(""))),
]
OPERATIONS = [
    ("hosts", "Shop.example:8080", HostIs(Exact("Shop.example:8080"))),
    ("hosts", "shop.example:*", HostIs(Prefix("shop.example:"))),
    ("hosts", "*.example", HostIs(Suffix(".example"))),
    ("hosts", "*", HostIs(PRESENT)),
    ("methods", "GET", MethodIs(Exact("GET"))),
    ("methods", "P*", MethodIs(Prefix("P"))),
    ("methods", "*", MethodIs(PRESENT)),
    ("paths", "/a", PathIs(Exact("/a"))),
    ("paths", "/a/*", PathIs(Prefix("/a/"))),
    ("paths", "*/a", PathIs(Suffix("/a"))),
    ("paths", "*", PathIs(FILLED)),
    ("paths", "/a/*/b", PathIs(Exact("/a/*/b"))),
    ("paths", "/a/{*}/b/{**}", PathLike("/a/*/b/**")),
    ("paths", "/{*}/", PathLike("/*/")),
    ("ports", "8080", PortIs(PortNumber(8080))),
    ("ports", "0080", PortIs(PortNumber(80))),
]
CONDITIONS_ON_CALLERS = [
    ("source.ip", "10.0.0.0/8", PeerAddressIn("10.0.0.0/8")),
    ("remote.ip", "10.0.0.1", ClientAddressIn("10.0.0.1/32")),
    ("source.namespace", "prod", PeerIs(Pattern(".*/ns/prod/.*"))),
    (
        "source.serviceAccount",
        "web",
        PeerIs(Pattern("spiffe://.+/ns/default/(.+/|)sa/web(/.+)?")),
    ),
    ("source.principal", WEB, PeerIs(Exact(f"spiffe://{WEB}"))),
    ("source.trustDomain", "td", PeerIs(Prefix("spiffe://td/"))),
    ("request.auth.principal", "iss/sub", TokenIs(Exact("iss"), Exact("sub"))),
    ("request.auth.audiences", "a", ClaimIs(("aud",), (Exact("a"),))),
    ("request.auth.presenter", "a*", ClaimIs(("azp",), (Prefix("a"),))),
    ("request.auth.claims[groups]", "*", ClaimIs(("groups",), (FILLED,))),
    ("request.auth.claims[a][b.c]", "d", ClaimIs(("a", "b.c"), (Exact("d"),))),
    ("request.auth.claims[a[b]]", "d", ClaimIs(("a[b]",), (Exact("d"),))),
    ("request.headers[X-A]", "a", HeaderIs("X-A", Exact("a"))),
    ("request.headers[:path]", "/a*", HeaderIs(":path", Prefix("/a"))),
    ("request.headers[x-a]", "*", HeaderIs("x-a", PRESENT)),
]
CONDITIONS_ON_CALLS = [
    ("destination.ip", "10.0.0.1", AddressIn("10.0.0.1/32")),
    ("destination.port", "80", PortIs(PortNumber(80))),
    ("connection.sni", "*.example", ServerNameIs(Suffix(".example"))),
    (
        "experimental.envoy.filters.http.a[b]",
        "c*",
        MetadataIs("envoy.filters.http.a", "b", (Prefix("c"),)),
    ),
    (
        "experimental.envoy.filters.http.a[b]",
        "[c]",
        MetadataIs("envoy.filters.http.a", "b", (ElementIs(Exact("c")),)),
    ),
]


@pytest.mark.parametrize(("field", "value", "condition"), SOURCES)
def test_a_source(field: str, value: str, condition: Any) -> None:
    excluded = f"not{field[0].upper()}{field[1:]}"

    one = rule_of({"from": [{"source": {field: [value]}}]})
    none = rule_of({"from": [{"source": {excluded: [value]}}]})

    assert one.who == (AllOf((OneOf((condition,)),)),)
    assert none.who == (AllOf((NoneOf((condition,)),)),)
    assert one.what == (AllOf(()),)


@pytest.mark.parametrize(("field", "value", "condition"), OPERATIONS)
def test_an_operation(field: str, value: str, condition: Any) -> None:
    excluded = f"not{field[0].upper()}{field[1:]}"

    one = rule_of({"to": [{"operation": {field: [value]}}]})
    none = rule_of({"to": [{"operation": {excluded: [value]}}]})

    assert one.what == (AllOf((OneOf((condition,)),)),)
    assert none.what == (AllOf((NoneOf((condition,)),)),)
    assert one.who == (AllOf(()),)


@pytest.mark.parametrize(("key", "value", "condition"), CONDITIONS_ON_CALLERS)
def test_a_condition_on_the_caller(key: str, value: str, condition: Any) -> None:
    found = rule_of({"when": [{"key": key, "values": [value], "notValues": [value]}]})

    assert found.who == (AllOf((OneOf((condition,)), NoneOf((condition,)))),)
    assert found.what == (AllOf(()),)


@pytest.mark.parametrize(("key", "value", "condition"), CONDITIONS_ON_CALLS)
def test_a_condition_on_the_call(key: str, value: str, condition: Any) -> None:
    found = rule_of({"when": [{"key": key, "values": [value], "notValues": [value]}]})

    assert found.what == (AllOf((OneOf((condition,)), NoneOf((condition,)))),)
    assert found.who == (AllOf(()),)


def test_values_are_alternatives_and_fields_add_up() -> None:
    found = rule_of(
        {
            "from": [{"source": {"ipBlocks": ["10.0.0.1", "10.0.0.2"], "notIpBlocks": ["::1"]}}],
            "to": [{"operation": {"methods": ["GET"]}}, {"operation": {"ports": ["80"]}}],
            "when": [{"key": "connection.sni", "values": ["a"]}],
        }
    )

    named = OneOf((ServerNameIs(Exact("a")),))
    addresses = (PeerAddressIn("10.0.0.1/32"), PeerAddressIn("10.0.0.2/32"))
    assert found.who == (AllOf((OneOf(addresses), NoneOf((PeerAddressIn("::1/128"),)))),)
    assert found.what == (
        AllOf((OneOf((MethodIs(Exact("GET")),)), named)),
        AllOf((OneOf((PortIs(PortNumber(80)),)), named)),
    )


def test_an_empty_rule_matches_everything_and_a_policy_without_rules_nothing() -> None:
    (everything,) = rules_of({"rules": [{}]})
    (nothing,) = rules_of({})

    assert (everything.who, everything.what) == ((AllOf(()),), (AllOf(()),))
    assert (nothing.who, nothing.what) == ((), ())


def test_a_rule_is_named_as_in_istio() -> None:
    first, second = rules_of({"rules": [{}, {}]})

    assert first.name == "ns[default]-policy[reviews]-rule[0]"
    assert second.name == "ns[default]-policy[reviews]-rule[1]"


GET_OR_PORT = {
    "rules": [
        {"to": [{"operation": {"methods": ["GET"]}}]},
        {"to": [{"operation": {"ports": ["80"]}}]},
    ]
}


def test_a_rule_about_requests_allows_no_connection() -> None:
    (found,) = rules_of({"action": "ALLOW", **GET_OR_PORT}, Transport.TCP)

    assert found.index == 1


@pytest.mark.parametrize("action", ["DENY", "AUDIT"])
def test_what_a_rule_says_of_requests_is_left_out_for_connections(action: str) -> None:
    both = {"ports": ["80"], "notHosts": ["a"], "paths": ["/a"], "methods": ["GET"]}
    token = {"requestPrincipals": ["*"], "ipBlocks": ["10.0.0.1"]}
    when = [
        {"key": "request.headers[a]", "values": ["b"]},
        {"key": "request.auth.claims[a]", "values": ["b"]},
        {"key": "request.auth.audiences", "values": ["b"]},
        {"key": "request.auth.presenter", "values": ["b"]},
        {"key": "request.auth.principal", "values": ["b"]},
        {"key": "connection.sni", "values": ["a"]},
    ]
    rule = {"from": [{"source": token}], "to": [{"operation": both}], "when": when}

    (found,) = rules_of({"action": action, "rules": [rule]}, Transport.TCP)

    assert found.who == (AllOf((OneOf((PeerAddressIn("10.0.0.1/32"),)),)),)
    ports, name = OneOf((PortIs(PortNumber(80)),)), OneOf((ServerNameIs(Exact("a")),))
    assert found.what == (AllOf((ports, name)),)


UNSAID = [
    pytest.param({"to": [{"operation": {"paths": ["/b", "//a/{*}"]}}]}, id="an empty segment"),
    pytest.param(
        {"when": [{"key": "request.headers.x[a]", "values": ["b"]}]}, id="no name of a header"
    ),
    pytest.param(
        {"when": [{"key": "request.auth.claims[a][]", "values": ["b"]}]}, id="an empty claim"
    ),
    pytest.param(
        {"from": [{"source": {"namespaces": ["a" * 40_000]}}]}, id="a pattern that is too large"
    ),
]


@pytest.mark.parametrize("rule", UNSAID)
def test_what_a_proxy_does_not_take_lets_nobody_through(rule: dict[str, Any]) -> None:
    allowed = rules_of({"action": "ALLOW", "rules": [rule]})
    (denied,) = rules_of({"action": "DENY", "rules": [rule]})

    assert allowed == ()
    assert (denied.who, denied.what) == ((AllOf(()),), (AllOf(()),))


def test_a_template_without_a_slash_in_front_means_no_path() -> None:
    found = rule_of({"to": [{"operation": {"paths": ["a/{*}"]}}]})

    assert found.what == (AllOf((OneOf(()),)),)


@pytest.mark.parametrize(
    ("written", "identities"),
    [
        ("new/ns/a/sa/b", ["new/ns/a/sa/b", "old/ns/a/sa/b"]),
        ("old/ns/a/sa/b", ["new/ns/a/sa/b", "old/ns/a/sa/b"]),
        ("cluster.local/ns/a/sa/b", ["new/ns/a/sa/b", "old/ns/a/sa/b"]),
        ("cluster.local/ns/a/sa/*", ["new/ns/a/sa/*", "old/ns/a/sa/*"]),
        ("other/ns/a/sa/b", ["other/ns/a/sa/b"]),
        ("cluster.local/ns/a/*", ["cluster.local/ns/a/*"]),
        ("*/ns/a/sa/b", ["*/ns/a/sa/b"]),
        ("*ew/ns/a/sa/b", ["*ew/ns/a/sa/b", "old/ns/a/sa/b"]),
        ("n*/ns/a/sa/b", ["new/ns/a/sa/b", "old/ns/a/sa/b"]),
    ],
)
def test_an_identity_is_meant_under_every_name_of_the_trust_domain(
    written: str, identities: list[str]
) -> None:
    found = rule_of({"from": [{"source": {"principals": [written]}}]}, trust_domains=("new", "old"))
    as_if = rule_of({"from": [{"source": {"principals": identities}}]}, trust_domains=("x",))

    assert found.who == as_if.who


def test_a_trust_domain_is_meant_under_all_its_names() -> None:
    found = rule_of(
        {"from": [{"source": {"notTrustDomains": ["old", "other", "old*"]}}]},
        trust_domains=("new", "old"),
    )

    domains = ("new", "old", "other")
    prefixes = [PeerIs(Prefix(f"spiffe://{domain}/")) for domain in domains]
    like = PeerIs(Pattern("spiffe://old[^/]*/.*"))
    assert found.who == (AllOf((NoneOf((*prefixes, like)),)),)


def test_the_policy_of_an_object_is_its_key() -> None:
    declared = policy({"rules": [{}]})

    (found,) = rules_of({"rules": [{}]})

    assert found.policy == declared.key
