"""What a rule does with a request, in Envoy's words."""

from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from controlplane.kinds.istio.mesh_config import (
    Enabling,
    HeaderSwitch,
    MeshConfig,
    ProxyConfig,
    ProxyHeaders,
)
from controlplane.kinds.istio.virtual_service import HttpRetry
from controlplane.translate.istio.http_retry import retry_on
from tests.support.declared import Declared
from tests.support.routes import GATEWAY, SERVICES, route, routes, table, virtual_service

TO_SHOP = "route: [{destination: {host: shop}}]"
SHOP = "outbound|80||shop.default.svc.cluster.local"
REVIEWS = "outbound|9080||reviews.default.svc.cluster.local"
DEFAULT_CONDITIONS = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"


def action(rule: str) -> dict[str, Any]:
    found: dict[str, Any] = route(f"{{{rule}, {TO_SHOP}}}")["route"]
    return found


def test_a_rule_without_anything_waits_as_long_as_it_takes_and_tries_three_times() -> None:
    found = route(f"{{{TO_SHOP}}}")

    assert found["route"] == {
        "cluster": SHOP,
        "timeout": "0s",
        "max_grpc_timeout": "0s",
        "retry_policy": {
            "retry_on": DEFAULT_CONDITIONS,
            "num_retries": 2,
            "host_selection_retry_max_attempts": "5",
            "retry_host_predicate": [
                {
                    "name": "envoy.retry_host_predicates.previous_hosts",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.retry.host"
                        ".previous_hosts.v3.PreviousHostsPredicate"
                    },
                }
            ],
        },
    }
    assert found["decorator"] == {"operation": "shop.default.svc.cluster.local:80/*"}
    assert found["metadata"]["filter_metadata"]["istio"]["config"] == (
        "/apis/networking.istio.io/v1/namespaces/default/virtual-service/shop"
    )


def test_a_timeout_bounds_what_grpc_clients_ask_for_too() -> None:
    found = action("timeout: 1500ms")

    assert (found["timeout"], found["max_grpc_timeout"]) == ("1.500s", "1.500s")


def test_no_attempts_are_no_retries() -> None:
    assert "retry_policy" not in action("retries: {attempts: 0}")


def test_what_retries_leave_out_is_the_default() -> None:
    found = action("retries: {attempts: 5, perTryTimeout: 2s, backoff: 50ms}")["retry_policy"]

    assert found["num_retries"] == 5
    assert found["retry_on"] == DEFAULT_CONDITIONS
    assert found["per_try_timeout"] == "2s"
    assert found["retry_back_off"] == {"base_interval": "0.050s"}


def test_retries_may_stay_on_the_endpoint_and_may_leave_the_locality() -> None:
    found = action(
        "retries: {attempts: 1, retryIgnorePreviousHosts: false, retryRemoteLocalities: true}"
    )["retry_policy"]

    assert "retry_host_predicate" not in found
    assert found["retry_priority"]["name"] == "envoy.retry_priorities.previous_priorities"


@pytest.mark.parametrize(
    ("text", "conditions", "statuses"),
    [
        ("5xx", ("5xx",), ()),
        ("5xx,503", ("5xx", "retriable-status-codes"), (503,)),
        ("503, 504", ("retriable-status-codes",), (503, 504)),
        ("retriable-status-codes,503", ("retriable-status-codes",), (503,)),
        ("299", ("299",), ()),
        ("+503", ("retriable-status-codes",), (503,)),
    ],
)
def test_statuses_among_the_conditions(
    text: str, conditions: tuple[str, ...], statuses: tuple[int, ...]
) -> None:
    assert retry_on(text) == (conditions, statuses)


def test_the_mesh_has_a_say_in_rules_without_retries_only() -> None:
    mesh = MeshConfig(default_http_retry_policy=HttpRetry(attempts=7, retry_on="5xx"))
    own = f"{{match: [{{uri: {{prefix: /own}}}}], retries: {{attempts: 1}}, {TO_SHOP}}}"
    rules = f"[{own}, {{{TO_SHOP}}}]"
    first, other = routes(Declared(GATEWAY + SERVICES + virtual_service(rules), mesh=mesh))

    assert first["route"]["retry_policy"]["retry_on"] == DEFAULT_CONDITIONS
    assert other["route"]["retry_policy"]["num_retries"] == 7


@pytest.mark.parametrize(
    ("destinations", "target"),
    [
        pytest.param(
            "[{destination: {host: shop}, weight: 0}]",
            {"cluster": SHOP},
            id="one destination gets everything, whatever its weight",
        ),
        pytest.param(
            "[{destination: {host: shop}, weight: 3}, {destination: {host: reviews}, weight: 1}]",
            {
                "weighted_clusters": {
                    "clusters": [{"name": SHOP, "weight": 3}, {"name": REVIEWS, "weight": 1}]
                }
            },
            id="weights need not be percentages",
        ),
        pytest.param(
            "[{destination: {host: shop}, weight: 1}, {destination: {host: reviews}, weight: 0}]",
            {"weighted_clusters": {"clusters": [{"name": SHOP, "weight": 1}]}},
            id="of several, one without weight gets nothing",
        ),
        pytest.param(
            "[{destination: {host: reviews, port: {number: 7000}, subset: v1}}]",
            {"cluster": "outbound|7000|v1|reviews.default.svc.cluster.local"},
            id="port and subset are taken as they are written",
        ),
        pytest.param(
            "[{destination: {host: nobody}}]",
            {"cluster": "outbound|8080||nobody.default.svc.cluster.local"},
            id="an unknown host is asked for at the server's own port",
        ),
    ],
)
def test_destinations(destinations: str, target: dict[str, Any]) -> None:
    found = route(f"{{route: {destinations}}}")["route"]

    assert {key: found[key] for key in target} == target


def test_weights_that_add_up_to_more_than_envoy_counts_keep_their_ratio() -> None:
    share = "{destination: {host: shop}, weight: 2000000000}"
    found = route(f"{{route: [{share}, {share}, {share}]}}")["route"]["weighted_clusters"]

    assert [cluster["weight"] for cluster in found["clusters"]] == [1431655765] * 3


@pytest.mark.parametrize(
    ("rewrite", "expected"),
    [
        ("{uri: /new}", {"prefix_rewrite": "/new"}),
        ("{authority: a.internal}", {"host_rewrite_literal": "a.internal"}),
        (
            "{uriRegexRewrite: {match: '/a/(.*)', rewrite: '/b/\\1'}}",
            {"regex_rewrite": {"pattern": {"regex": "/a/(.*)"}, "substitution": "/b/\\1"}},
        ),
    ],
)
def test_rewrites(rewrite: str, expected: dict[str, Any]) -> None:
    found = action(f"rewrite: {rewrite}")

    assert {key: found[key] for key in expected} == expected


def test_the_host_header_is_the_authority() -> None:
    found = route(f"{{headers: {{request: {{set: {{Host: a, x: b}}}}}}, {TO_SHOP}}}")

    assert found["route"]["host_rewrite_literal"] == "a"
    assert [put["header"]["key"] for put in found["request_headers_to_add"]] == ["x"]


def test_headers_are_removed_then_set_then_added_the_destinations_last() -> None:
    rule = (
        "{headers: {request: {set: {b: '1', a: '1'}, add: {c: '1'}, remove: [d]}},"
        " route: [{destination: {host: shop}, headers: {request: {set: {c: '2'}, remove: [e]}}}]}"
    )
    found = route(rule)

    put = [(p["header"]["key"], p.get("append_action")) for p in found["request_headers_to_add"]]
    overwrite = "OVERWRITE_IF_EXISTS_OR_ADD"
    assert put == [("a", overwrite), ("b", overwrite), ("c", None), ("c", overwrite)]
    assert found["request_headers_to_remove"] == ["d", "e"]


@pytest.mark.parametrize(
    ("mirror", "parts"),
    [
        ("mirror: {host: reviews}", [1_000_000]),
        ("mirror: {host: reviews}, mirrorPercentage: {value: 12.5}", [125_000]),
        ("mirror: {host: reviews}, mirrorPercentage: {value: 0}", []),
        ("mirror: {host: reviews}, mirrorPercent: 50", [500_000]),
        ("mirror: {host: reviews}, mirrorPercentage: {value: 0.0001}", [1]),
        (
            "mirrors: [{destination: {host: reviews}}, {destination: {host: shop},"
            " percentage: {value: 1}}]",
            [1_000_000, 10_000],
        ),
    ],
)
def test_mirrors(mirror: str, parts: list[int]) -> None:
    policies = action(mirror).get("request_mirror_policies", [])

    shares = [policy["runtime_fraction"]["default_value"]["numerator"] for policy in policies]
    assert shares == parts
    assert all(policy["disable_shadow_host_suffix_append"] for policy in policies)


@pytest.mark.parametrize(
    ("redirect", "expected"),
    [
        ("{uri: /new}", {"path_redirect": "/new"}),
        ("{authority: a.b, redirectCode: 302}", {"host_redirect": "a.b", "response_code": "FOUND"}),
        ("{scheme: https, port: 443}", {"scheme_redirect": "https"}),
        ("{scheme: https, port: 80}", {"scheme_redirect": "https", "port_redirect": 80}),
        ("{port: 80}", {}),
        ("{port: 9000}", {"port_redirect": 9000}),
        (
            "{uri: /a, derivePort: FROM_REQUEST_PORT}",
            {"path_redirect": "/a", "port_redirect": 8080},
        ),
        ("{uri: /a, derivePort: FROM_PROTOCOL_DEFAULT}", {"path_redirect": "/a"}),
        (
            "{prefixRewrite: /a, redirectCode: 308}",
            {"prefix_rewrite": "/a", "response_code": "PERMANENT_REDIRECT"},
        ),
    ],
)
def test_redirects(redirect: str, expected: dict[str, Any]) -> None:
    assert route(f"{{redirect: {redirect}}}")["redirect"] == expected


def test_a_redirect_that_envoy_cannot_send_answers_500_and_costs_nothing_else() -> None:
    found = route("{redirect: {uri: /new, redirectCode: 305}}")

    assert found["direct_response"] == {"status": 500}


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("{status: 404}", {"status": 404}),
        ("{status: 200, body: {string: hi}}", {"status": 200, "body": {"inline_bytes": "aGk="}}),
        ("{status: 200, body: {bytes: aGk=}}", {"status": 200, "body": {"inline_bytes": "aGk="}}),
        ("{status: 600}", {"status": 599}),
    ],
)
def test_direct_responses(response: str, expected: dict[str, Any]) -> None:
    assert route(f"{{directResponse: {response}}}")["direct_response"] == expected


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            "{delay: {fixedDelay: 2s, percent: -1}}",
            {
                "delay": {
                    "fixed_delay": "2s",
                    "percentage": {"numerator": 1000000, "denominator": "MILLION"},
                }
            },
        ),
        (
            "{delay: {fixedDelay: 2s, percentage: {value: 0.5}}}",
            {
                "delay": {
                    "fixed_delay": "2s",
                    "percentage": {"numerator": 5000, "denominator": "MILLION"},
                }
            },
        ),
        (
            "{abort: {httpStatus: 503}}",
            {"abort": {"http_status": 503, "percentage": {"denominator": "MILLION"}}},
        ),
        (
            "{abort: {grpcStatus: UNAVAILABLE, percentage: {value: 100}}}",
            {
                "abort": {
                    "grpc_status": 14,
                    "percentage": {"numerator": 1000000, "denominator": "MILLION"},
                }
            },
        ),
    ],
)
def test_faults(fault: str, expected: dict[str, Any]) -> None:
    found = route(f"{{fault: {fault}, {TO_SHOP}}}")["typed_per_filter_config"]
    found["envoy.filters.http.fault"].pop("@type")

    assert found == {"envoy.filters.http.fault": expected}


def test_cors_says_only_what_the_user_said() -> None:
    policy = (
        "{allowOrigins: [{exact: https://a}, {regex: '.*b'}], allowMethods: [GET, PUT],"
        " maxAge: 24h, allowCredentials: true, unmatchedPreflights: IGNORE}"
    )
    found = route(f"{{corsPolicy: {policy}, {TO_SHOP}}}")["typed_per_filter_config"]

    assert found["envoy.filters.http.cors"] == {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": "https://a"}, {"safe_regex": {"regex": ".*b"}}],
        "allow_methods": "GET,PUT",
        "max_age": "86400",
        "allow_credentials": True,
        "filter_enabled": {"default_value": {"numerator": 1000000, "denominator": "MILLION"}},
        "forward_not_matching_preflights": False,
    }


def test_cors_tells_every_list_that_the_user_gave() -> None:
    policy = (
        "{allowOrigins: [{prefix: https://a}], allowHeaders: [x-a, x-b],"
        " exposeHeaders: [x-c, x-d], allowMethods: ['*'], unmatchedPreflights: FORWARD}"
    )
    found = route(f"{{corsPolicy: {policy}, {TO_SHOP}}}")["typed_per_filter_config"]
    cors = found["envoy.filters.http.cors"]

    assert cors["allow_origin_string_match"] == [{"prefix": "https://a"}]
    assert cors["allow_headers"] == "x-a,x-b"
    assert cors["expose_headers"] == "x-c,x-d"
    assert cors["allow_methods"] == "*"
    assert cors["forward_not_matching_preflights"] is True


@pytest.mark.parametrize(
    ("policy", "origins"),
    [
        ("{allowOrigin: [https://a, '*']}", [{"exact": "https://a"}, {"exact": "*"}]),
        (
            "{allowOrigin: [https://a], allowOrigins: [{exact: https://b}]}",
            [{"exact": "https://b"}],
        ),
    ],
    ids=["the deprecated list", "the list that took its place wins"],
)
def test_origins_in_two_spellings(policy: str, origins: list[dict[str, str]]) -> None:
    found = route(f"{{corsPolicy: {policy}, {TO_SHOP}}}")["typed_per_filter_config"]

    assert found["envoy.filters.http.cors"]["allow_origin_string_match"] == origins


def test_headers_and_the_host_of_one_of_several_destinations_are_its_own() -> None:
    first = (
        "{destination: {host: shop}, weight: 1, headers: {"
        "request: {set: {host: a.internal, x: '1'}, remove: [v]},"
        " response: {add: {z: '2'}, remove: [w]}}}"
    )
    found = route(f"{{route: [{first}, {{destination: {{host: reviews}}, weight: 1}}]}}")

    shop, reviews = found["route"]["weighted_clusters"]["clusters"]
    assert shop["host_rewrite_literal"] == "a.internal"
    assert [put["header"] for put in shop["request_headers_to_add"]] == [{"key": "x", "value": "1"}]
    assert shop["request_headers_to_remove"] == ["v"]
    assert [p["header"] for p in shop["response_headers_to_add"]] == [{"key": "z", "value": "2"}]
    assert shop["response_headers_to_remove"] == ["w"]
    assert reviews == {"name": REVIEWS, "weight": 1}
    assert "request_headers_to_add" not in found
    assert found["decorator"] == {"operation": "shop:8080/*"}


@pytest.mark.parametrize(
    ("rule", "host"),
    [
        ("rewrite: {authority: a}, route: [{destination: {host: shop}, %s}]", "a"),
        ("headers: {request: {add: {':authority': a}}}, route: [{destination: {host: shop}}]", "a"),
        ("route: [{destination: {host: shop}, %s}]", "own"),
    ],
    ids=["the rule's rewrite first", "a header that is added", "a single destination's own"],
)
def test_whose_host_is_sent(rule: str, host: str) -> None:
    own = "headers: {request: {set: {host: own}}}"
    found = route(f"{{{rule.replace('%s', own)}}}")

    assert found["route"]["host_rewrite_literal"] == host


def test_responses_are_changed_the_destinations_headers_last() -> None:
    found = route(
        "{headers: {response: {set: {a: '1'}, remove: [b]}},"
        " route: [{destination: {host: shop}, headers: {response: {add: {c: '2'}, remove: [d]}}}]}"
    )

    assert [put["header"]["key"] for put in found["response_headers_to_add"]] == ["a", "c"]
    assert found["response_headers_to_remove"] == ["b", "d"]


HASHED = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop, namespace: default}
spec:
  host: shop
  trafficPolicy:
    loadBalancer: {consistentHash: {httpHeaderName: top}}
    portLevelSettings:
    - {port: {number: 80}, loadBalancer: {consistentHash: {httpHeaderName: port}}}
  subsets:
  - {name: plain}
  - name: own
    trafficPolicy:
      loadBalancer: {consistentHash: {httpHeaderName: subset}}
      portLevelSettings:
      - {port: {number: 80}, loadBalancer: {consistentHash: {httpHeaderName: subset-port}}}
---
"""


@pytest.mark.parametrize(
    ("destination", "header"),
    [
        ("{host: shop}", "top"),
        ("{host: shop, port: {number: 80}}", "port"),
        ("{host: shop, subset: plain}", "top"),
        ("{host: shop, subset: plain, port: {number: 80}}", "port"),
        ("{host: shop, subset: own}", "subset"),
        ("{host: shop, subset: own, port: {number: 80}}", "subset-port"),
    ],
)
def test_the_most_specific_policy_says_what_pins_requests(destination: str, header: str) -> None:
    rules = virtual_service(f"[{{route: [{{destination: {destination}}}]}}]")
    (found,) = routes(Declared(GATEWAY + SERVICES + rules + HASHED))

    assert found["route"]["hash_policy"] == [{"header": {"header_name": header}}]


def test_pinned_requests_are_retried_at_their_endpoint_unless_they_are_divided() -> None:
    single = "{match: [{uri: {prefix: /a}}], route: [{destination: {host: shop}}]}"
    asked = (
        "{match: [{uri: {prefix: /b}}], retries: {attempts: 1, retryIgnorePreviousHosts: true},"
        " route: [{destination: {host: shop}}]}"
    )
    divided = (
        "{route: [{destination: {host: shop}, weight: 1},"
        " {destination: {host: shop, port: {number: 80}}, weight: 1}]}"
    )
    rules = virtual_service(f"[{single}, {asked}, {divided}]")

    found = routes(Declared(GATEWAY + SERVICES + rules + HASHED))

    moves = ["retry_host_predicate" in r["route"]["retry_policy"] for r in found]
    assert moves == [False, True, True]
    assert [p["header"]["header_name"] for p in found[2]["route"]["hash_policy"]] == ["top", "port"]


def test_the_mesh_may_switch_retries_off() -> None:
    mesh = MeshConfig(default_http_retry_policy=HttpRetry(attempts=0))

    (found,) = routes(Declared(GATEWAY + SERVICES + virtual_service(f"[{{{TO_SHOP}}}]"), mesh=mesh))

    assert "retry_policy" not in found["route"]


def test_the_mesh_says_whether_a_rewritten_host_and_the_try_are_reported() -> None:
    headers = ProxyHeaders(
        x_forwarded_host=Enabling(enabled=True), attempt_count=HeaderSwitch(disabled=True)
    )
    mesh = MeshConfig(default_config=ProxyConfig(proxy_headers=headers))
    rules = (
        f"[{{match: [{{uri: {{prefix: /a}}}}], rewrite: {{uri: /b}}, {TO_SHOP}}}, {{{TO_SHOP}}}]"
    )
    declared = Declared(GATEWAY + SERVICES + virtual_service(rules), mesh=mesh)

    appended = [r["route"].get("append_x_forwarded_host", False) for r in routes(declared)]
    assert appended == [True, False]
    assert not table(declared).virtual_hosts[0].include_request_attempt_count
    untold = Declared(GATEWAY + SERVICES + virtual_service(rules))
    assert table(untold).virtual_hosts[0].include_request_attempt_count


@pytest.mark.parametrize(
    ("mirror", "cluster"),
    [
        ("{host: reviews, subset: v2}", "outbound|9080|v2|reviews.default.svc.cluster.local"),
        ("{host: reviews, port: {number: 1}}", "outbound|1||reviews.default.svc.cluster.local"),
    ],
)
def test_a_mirror_is_a_destination_like_others(mirror: str, cluster: str) -> None:
    (policy,) = action(f"mirror: {mirror}")["request_mirror_policies"]

    assert policy["cluster"] == cluster
    assert policy["trace_sampled"] is False


@pytest.mark.parametrize(
    ("redirect", "expected"),
    [
        ("{port: 443}", {}),
        ("{port: 80}", {"port_redirect": 80}),
        ("{scheme: http, port: 80}", {"scheme_redirect": "http"}),
        ("{uri: /a, derivePort: FROM_REQUEST_PORT}", {"path_redirect": "/a"}),
    ],
)
def test_redirects_of_a_server_with_tls_take_its_scheme(
    redirect: str, expected: dict[str, Any]
) -> None:
    https = GATEWAY.replace(
        "{number: 8080, name: http, protocol: HTTP}",
        "{number: 443, name: https, protocol: HTTPS}\n    tls: {mode: SIMPLE, credentialName: c}",
    )
    declared = Declared(https + virtual_service(f"[{{redirect: {redirect}}}]"))

    (host,) = table(declared, "https.443.https.gw.istio-system").virtual_hosts
    found = MessageToDict(host.routes[0].redirect, preserving_proto_field_name=True)
    assert found == expected


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("CANCELLED", 1),
        ("UNKNOWN", 2),
        ("INVALID_ARGUMENT", 3),
        ("DEADLINE_EXCEEDED", 4),
        ("NOT_FOUND", 5),
        ("ALREADY_EXISTS", 6),
        ("PERMISSION_DENIED", 7),
        ("RESOURCE_EXHAUSTED", 8),
        ("FAILED_PRECONDITION", 9),
        ("ABORTED", 10),
        ("OUT_OF_RANGE", 11),
        ("UNIMPLEMENTED", 12),
        ("INTERNAL", 13),
        ("UNAVAILABLE", 14),
        ("DATA_LOSS", 15),
        ("UNAUTHENTICATED", 16),
    ],
)
def test_statuses_of_grpc_have_numbers(name: str, number: int) -> None:
    abort = f"{{abort: {{grpcStatus: {name}, percentage: {{value: 1}}}}}}"
    found = route(f"{{fault: {abort}, {TO_SHOP}}}")["typed_per_filter_config"]

    assert found["envoy.filters.http.fault"]["abort"]["grpc_status"] == number
