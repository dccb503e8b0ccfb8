"""Matches and rules of VirtualServices in the words of HTTPRoutes."""

from typing import Any

import pytest
import yaml

from tests.support.migrated import GATEWAY, Migrated, migration, virtual_service

TO_SHOP = "route: [{destination: {host: shop}}]"


def of_rules(http: str, *, by_segment: bool = False) -> Migrated:
    return migration(f"{GATEWAY}---{virtual_service(http)}", by_segment=by_segment)


def of_match(match: str) -> Migrated:
    return of_rules(f"[{{match: [{match}], {TO_SHOP}}}]")


@pytest.mark.parametrize(
    ("match", "migrated"),
    [
        ("{uri: {exact: /a}}", "{path: {type: Exact, value: /a}}"),
        ("{uri: {prefix: /}}", "{path: {type: PathPrefix, value: /}}"),
        ("{uri: {prefix: /a}}", "{path: {type: RegularExpression, value: /a.*}}"),
        ("{uri: {prefix: /a/}}", "{path: {type: RegularExpression, value: /a/.*}}"),
        ('{uri: {prefix: "/a.b"}}', "{path: {type: RegularExpression, value: '/a\\.b.*'}}"),
        ('{uri: {regex: "/v[0-9]+"}}', '{path: {type: RegularExpression, value: "/v[0-9]+"}}'),
        ("{method: {exact: PUT}}", "{path: {type: PathPrefix, value: /}, method: PUT}"),
        (
            "{headers: {x-a: {exact: b}}}",
            "{path: {type: PathPrefix, value: /}, headers: [{name: x-a, type: Exact, value: b}]}",
        ),
        (
            "{headers: {x-a: {prefix: b+}}}",
            "{path: {type: PathPrefix, value: /},"
            " headers: [{name: x-a, type: RegularExpression, value: 'b\\+.*'}]}",
        ),
        (
            "{headers: {x-a: {}}}",
            "{path: {type: PathPrefix, value: /},"
            ' headers: [{name: x-a, type: RegularExpression, value: ".*"}]}',
        ),
        (
            "{queryParams: {q: {exact: '1'}}}",
            "{path: {type: PathPrefix, value: /},"
            " queryParams: [{name: q, type: Exact, value: '1'}]}",
        ),
    ],
)
def test_a_match_says_the_same(match: str, migrated: str) -> None:
    found = of_match(match)

    assert found.reasons == []
    assert found.rules()[0]["matches"] == [yaml.safe_load(migrated)]


def test_a_rule_without_a_match_takes_every_path() -> None:
    assert of_rules(f"[{{{TO_SHOP}}}]").rules() == [
        {
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "backendRefs": [{"name": "shop", "port": 80}],
        }
    ]


def test_a_prefix_with_its_path_itself_is_one_of_segments() -> None:
    found = of_rules(f"[{{match: [{{uri: {{exact: /a}}}}, {{uri: {{prefix: /a/}}}}], {TO_SHOP}}}]")

    assert [m["path"] for m in found.rules()[0]["matches"]] == [
        {"type": "Exact", "value": "/a"},
        {"type": "PathPrefix", "value": "/a"},
    ]


def test_prefixes_are_segments_where_the_user_says_so() -> None:
    found = of_rules(f"[{{match: [{{uri: {{prefix: /a}}}}], {TO_SHOP}}}]", by_segment=True)

    assert found.rules()[0]["matches"] == [{"path": {"type": "PathPrefix", "value": "/a"}}]


def test_a_rule_for_all_goes_behind_prefixes_of_text() -> None:
    """A regular expression comes behind ``PathPrefix /``, so this one is a shorter expression."""
    found = of_rules(
        f"[{{match: [{{uri: {{prefix: /a}}}}], {TO_SHOP}}},"
        " {route: [{destination: {host: cart}}]}]"
    )

    paths = [rule["matches"][0]["path"]["value"] for rule in found.rules()]
    assert paths == ["/a.*", "/.*"]


@pytest.mark.parametrize(
    ("match", "reason"),
    [
        ("{scheme: {exact: https}}", "CP0780: Gateway API has no condition on the scheme"),
        (
            "{authority: {exact: a.com}}",
            "CP0780: Gateway API has no condition on the authority beside the hostnames",
        ),
        (
            "{withoutHeaders: {x-a: {}}}",
            "CP0780: Gateway API has no condition that a header is missing or otherwise",
        ),
        (
            "{uri: {exact: /a}, ignoreUriCase: true}",
            "CP0780: Gateway API has no path whose case does not matter",
        ),
        (
            "{sourceLabels: {istio: ingressgateway}}",
            "CP0780: Gateway API has no condition on the labels of the caller",
        ),
        (
            "{sourceNamespace: istio-system}",
            "CP0780: Gateway API has no condition on the namespace of the caller",
        ),
        (
            "{method: {regex: 'GET|PUT'}}",
            "CP0780: Gateway API matches one method by its exact name, and knows the nine of HTTP",
        ),
        (
            "{headers: {'@request.auth.claims.sub': {exact: me}}}",
            "CP0780: Gateway API has no condition on the claims of a token",
        ),
        ("{uri: {exact: /a//b}}", "CP0780: an HTTPRoute does not take this path"),
    ],
)
def test_a_match_without_a_counterpart_keeps_its_virtual_service(match: str, reason: str) -> None:
    found = of_match(match)

    assert "HTTPRoute default/shop" not in found.kinds()
    assert found.reasons[0].partition(" ")[2] == reason


@pytest.mark.parametrize(
    ("rule", "migrated"),
    [
        (
            "headers: {request: {set: {b: '2', a: '1'}, add: {c: '3'}, remove: [d]}}",
            [
                {
                    "type": "RequestHeaderModifier",
                    "requestHeaderModifier": {
                        "set": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}],
                        "add": [{"name": "c", "value": "3"}],
                        "remove": ["d"],
                    },
                }
            ],
        ),
        (
            "mirror: {host: cart}, mirrorPercentage: {value: 20}",
            [
                {
                    "type": "RequestMirror",
                    "requestMirror": {"backendRef": {"name": "cart", "port": 80}, "percent": 20},
                }
            ],
        ),
        (
            "mirrors: [{destination: {host: cart}, percentage: {value: 0.5}}]",
            [
                {
                    "type": "RequestMirror",
                    "requestMirror": {
                        "backendRef": {"name": "cart", "port": 80},
                        "fraction": {"numerator": 1, "denominator": 200},
                    },
                }
            ],
        ),
        (
            "rewrite: {authority: other.example.com}",
            [{"type": "URLRewrite", "urlRewrite": {"hostname": "other.example.com"}}],
        ),
        (
            "corsPolicy: {allowOrigins: [{exact: 'https://a.com'}], allowMethods: [GET],"
            " maxAge: 1m, unmatchedPreflights: IGNORE}",
            [
                {
                    "type": "CORS",
                    "cors": {
                        "allowOrigins": ["https://a.com"],
                        "allowMethods": ["GET"],
                        "maxAge": 60,
                    },
                }
            ],
        ),
    ],
)
def test_what_a_rule_does_is_a_filter(rule: str, migrated: list[Any]) -> None:
    found = of_rules(f"[{{{rule}, {TO_SHOP}}}]")

    assert found.reasons == []
    assert found.rules()[0]["filters"] == migrated


def test_times_are_written_as_gateway_api_has_them() -> None:
    found = of_rules(
        "[{timeout: 90.5s, retries: {attempts: 3, perTryTimeout: 250ms, "
        "retryOn: 'connect-failure,refused-stream,unavailable,cancelled,503', backoff: 1s}, "
        f"{TO_SHOP}}}]"
    )

    assert found.reasons == []
    assert found.rules()[0]["timeouts"] == {"request": "1m30s500ms", "backendRequest": "250ms"}
    assert found.rules()[0]["retry"] == {"attempts": 3, "codes": [503], "backoff": "1s"}


@pytest.mark.parametrize(
    ("match", "rewrite", "modifier"),
    [
        ("{exact: /a}", "/b", {"type": "ReplaceFullPath", "replaceFullPath": "/b"}),
        ("{regex: '/v[0-9]'}", "/b", {"type": "ReplaceFullPath", "replaceFullPath": "/b"}),
    ],
)
def test_a_whole_path_is_replaced(match: str, rewrite: str, modifier: dict[str, str]) -> None:
    found = of_rules(f"[{{match: [{{uri: {match}}}], rewrite: {{uri: {rewrite}}}, {TO_SHOP}}}]")

    assert found.rules()[0]["filters"] == [{"type": "URLRewrite", "urlRewrite": {"path": modifier}}]


def test_a_prefix_of_segments_is_replaced() -> None:
    found = of_rules(
        f"[{{match: [{{uri: {{exact: /a}}}}], rewrite: {{uri: /b}}, {TO_SHOP}}}, "
        f"{{match: [{{uri: {{prefix: /a/}}}}], rewrite: {{uri: /b/}}, {TO_SHOP}}}]"
    )

    assert [rule["filters"][0]["urlRewrite"]["path"] for rule in found.rules()] == [
        {"type": "ReplaceFullPath", "replaceFullPath": "/b"},
        {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/b"},
    ]


@pytest.mark.parametrize(
    ("redirect", "migrated"),
    [
        ("{uri: /b}", {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/b"}}),
        ("{authority: b.com, redirectCode: 308}", {"hostname": "b.com", "statusCode": 308}),
        ("{scheme: https}", {"scheme": "https"}),
        ("{port: 8443}", {"port": 8443}),
        ("{scheme: https, derivePort: FROM_REQUEST_PORT}", {"scheme": "https", "port": 80}),
    ],
)
def test_a_redirect_leads_to_the_same_place(redirect: str, migrated: dict[str, Any]) -> None:
    found = of_rules(f"[{{redirect: {redirect}}}]")

    assert found.reasons == []
    assert found.rules()[0]["filters"] == [
        {"type": "RequestRedirect", "requestRedirect": {"statusCode": 301} | migrated}
    ]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("fault: {abort: {httpStatus: 503, percentage: {value: 1}}}", "does not inject faults"),
        ("rewrite: {uri: /b}", "Gateway API replaces prefixes of whole segments"),
        ("rewrite: {uriRegexRewrite: {match: a, rewrite: b}}", "rewrites no paths by a regular"),
        ("headers: {request: {set: {Host: a}}}", 'cannot change "Host"'),
        ("headers: {request: {set: {x: '%REQ(y)%'}}}", "no commands of Envoy in header values"),
        ("headers: {request: {set: {x: '1'}, add: {X: '2'}}}", "changes a header once"),
        ("retries: {attempts: 0}", "cannot switch retries off"),
        ("retries: {attempts: 2, retryOn: 5xx}", "a retry of an HTTPRoute is after"),
        ("corsPolicy: {allowOrigins: [{exact: 'https://a.com'}], maxAge: 1m}", "a preflight"),
    ],
)
def test_what_a_rule_does_without_a_counterpart_keeps_it(rule: str, reason: str) -> None:
    found = of_rules(f"[{{{rule}, {TO_SHOP}}}]")

    assert "HTTPRoute default/shop" not in found.kinds()
    assert any(reason in text and text.split()[0] == "18" for text in found.reasons), found.reasons


def test_a_direct_response_has_no_counterpart() -> None:
    found = of_rules("[{directResponse: {status: 200}}]")

    assert found.reasons[0] == "18 CP0780: Gateway API answers no request itself"
