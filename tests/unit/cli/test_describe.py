"""Envoy's matches and actions in words."""

import pytest
from envoy.config.route.v3.route_components_pb2 import Route, RouteMatch

from controlplane.cli.envoy_json import message
from controlplane.cli.envoy_words import condition, destination, leads_to

REVIEWS = "outbound|9080|v1|reviews.default.svc.cluster.local"


@pytest.mark.parametrize(
    ("match", "said"),
    [
        ({"prefix": "/"}, "/*"),
        ({"path": "/about"}, "/about"),
        ({"path_separated_prefix": "/api"}, "/api[/*]"),
        ({"safe_regex": {"regex": "/v[12]"}}, "~/v[12]"),
        (
            {"prefix": "/", "headers": [{"name": "user", "string_match": {"exact": "jason"}}]},
            "/* user=jason",
        ),
        (
            {"prefix": "/", "headers": [{"name": "user", "present_match": True}]},
            "/* user",
        ),
        (
            {
                "prefix": "/",
                "headers": [
                    {"name": "user", "string_match": {"prefix": "j"}, "invert_match": True}
                ],
            },
            "/* user!=j*",
        ),
        (
            {
                "prefix": "/",
                "query_parameters": [{"name": "v", "string_match": {"exact": "2"}}],
            },
            "/* ?v=2",
        ),
    ],
)
def test_a_match_is_said_in_one_line(match: dict[str, object], said: str) -> None:
    assert condition(message(match, RouteMatch)) == said


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ({"route": {"cluster": REVIEWS}}, "reviews.default:9080 v1"),
        (
            {
                "route": {
                    "weighted_clusters": {
                        "clusters": [{"name": REVIEWS, "weight": 9}, {"name": "b", "weight": 1}]
                    }
                }
            },
            "reviews.default:9080 v1 90%, b 10%",
        ),
        (
            {
                "route": {"cluster": "b", "prefix_rewrite": "/"},
                "typed_per_filter_config": {"envoy.filters.http.fault": {}},
            },
            "b (path /, fault)",
        ),
        ({"direct_response": {"status": 418}}, "418 from Envoy"),
        (
            {"redirect": {"response_code": "FOUND", "host_redirect": "b", "https_redirect": True}},
            "302 to https://b",
        ),
    ],
)
def test_an_action_is_said_in_one_line(route: dict[str, object], said: str) -> None:
    assert leads_to(message(route, Route)) == said


def test_a_destination_is_named_as_a_person_names_it() -> None:
    assert destination("outbound|443||api.example.com") == "api.example.com:443"
    assert destination("BlackHoleCluster") == "BlackHoleCluster (503)"
