"""Of equal matches of routes one gets every request; the others are reported."""

import pytest

from tests.support.declared import Declared
from tests.support.http_routes import TO_SHOP, at_edge, request_route, routed

X = f"{{matches: [{{path: {{value: /x}}}}], {TO_SHOP}}}"
EVERY = f"{{{TO_SHOP}}}"
OLD = "2020-01-01T00:00:00Z"
IN_MESH = '[{group: "", kind: Service, name: shop}]'


def said(declared: Declared, code: str = "CP0736") -> list[tuple[str, str]]:
    """The route and rule of each finding, and what it is about."""
    return [
        (f"{each.place.object.name} {each.place.path[2]}", each.message.partition(": ")[2])
        for each in declared.diagnostics()
        if each.code.id == code
    ]


def test_of_one_age_the_first_by_name_wins_and_the_other_is_reported() -> None:
    declared = at_edge(request_route(X, name="b"), request_route(X, name="a"))

    where = "requests for shop.example.com at listener http of Gateway default/edge go to it"
    assert said(declared) == [("b 0", where)]
    assert [each["name"] for each in routed(declared)] == ["default.a.0", "default.b.0"]


def test_the_older_one_wins_whatever_it_is_called() -> None:
    declared = at_edge(request_route(X, name="b", created=OLD), request_route(X, name="a"))

    assert [place for place, _ in said(declared)] == ["a 0"]
    assert [each["name"] for each in routed(declared)] == ["default.b.0", "default.a.0"]


@pytest.mark.parametrize(
    "match",
    [
        "{path: {value: /x/}}",
        "{path: {value: /x, type: PathPrefix}, headers: []}",
    ],
)
def test_another_spelling_of_a_match_is_equal(match: str) -> None:
    other = f"{{matches: [{match}], {TO_SHOP}}}"

    assert len(said(at_edge(request_route(X, name="a"), request_route(other, name="b")))) == 1


def test_the_order_of_conditions_and_the_case_of_headers_do_not_matter() -> None:
    one, other = (
        f"{{matches: [{{headers: [{headers}]}}], {TO_SHOP}}}"
        for headers in (
            "{name: a, value: b}, {name: X-C, value: d}",
            "{name: x-c, value: d}, {name: a, value: b}",
        )
    )

    assert len(said(at_edge(request_route(one, name="a"), request_route(other, name="b")))) == 1


@pytest.mark.parametrize(
    "match",
    [
        "{path: {value: /x, type: Exact}}",
        "{path: {value: /x}, method: GET}",
        "{path: {value: /X}}",
        "{path: {value: /x}, headers: [{name: a, value: b}]}",
    ],
)
def test_a_match_that_asks_for_something_else_loses_nothing(match: str) -> None:
    other = f"{{matches: [{match}], {TO_SHOP}}}"
    declared = at_edge(request_route(X, name="a"), request_route(other, name="b"))

    assert said(declared) == []


def test_routes_of_other_hosts_or_that_attach_to_nothing_lose_nothing() -> None:
    declared = at_edge(
        request_route(X, name="a"),
        request_route(X, name="b", hosts="[pay.example.com]"),
        request_route(X, name="c", parents="[{name: edge, namespace: default, port: 9999}]"),
    )

    assert said(declared) == []


def test_a_route_of_which_no_rule_is_served_takes_nothing() -> None:
    faulty = (
        "{matches: [{path: {value: /x}}], filters:"
        " [{type: ExtensionRef, extensionRef: {group: a.example, kind: A, name: a}}]}"
    )
    declared = at_edge(request_route(faulty, name="a"), request_route(X, name="b"))

    assert said(declared) == []


def test_each_match_of_a_rule_is_reported_by_itself() -> None:
    both = f"{{matches: [{{path: {{value: /y}}}}, {{path: {{value: /x}}}}], {TO_SHOP}}}"
    declared = at_edge(request_route(X, name="a"), request_route(both, name="b"))

    (found,) = (each for each in declared.diagnostics() if each.code.id == "CP0736")
    assert found.place.path == ("spec", "rules", 0, "matches", 1)
    assert [related.place.path for related in found.related] == [("spec", "rules", 0, "matches", 0)]


def test_an_equal_rule_of_the_same_route_is_one_that_no_request_gets_to() -> None:
    declared = at_edge(request_route(X, EVERY, X))

    assert [place for place, _ in said(declared, "CP0216")] == ["shop 2"]
    assert said(declared) == []


def test_routes_for_calls_of_a_service_are_ranked_together_too() -> None:
    declared = at_edge(
        request_route(X, name="a", hosts="[]", parents=IN_MESH),
        request_route(X, name="b", hosts="[]", parents=IN_MESH),
    )

    assert said(declared) == [("b 0", "calls of shop.default go to it")]
