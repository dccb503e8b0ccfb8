"""Rules that no request reaches: a row has each rule's match, and the rules reported."""

import pytest

from tests.unit.kinds.given import decoded, reported

VIRTUAL_SERVICE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: reviews, namespace: default}}
spec:
  hosts: [reviews.example.com]
  gateways: [gw]
  http: [{rules}]
"""


def unreached(*rules: str) -> list[str]:
    _, diagnostics = decoded(VIRTUAL_SERVICE.format(rules=", ".join(rules)))
    return reported(diagnostics, ("spec",))


def answering(match: str) -> str:
    return f"{{match: [{match}], directResponse: {{status: 200}}}}"


@pytest.mark.parametrize(
    ("matches", "last_is_told"),
    [
        pytest.param(
            ["{headers: {x: {}}}", "{withoutHeaders: {x: {}}}", "{uri: {prefix: /a}}"],
            True,
            id="with the header and without it is everything",
        ),
        pytest.param(
            [
                "{uri: {prefix: /a}, headers: {x: {exact: '1'}}}",
                "{uri: {prefix: /}, withoutHeaders: {x: {exact: '1'}}}",
                "{uri: {exact: /ab}}",
            ],
            True,
            id="what one leaves out the other takes",
        ),
        pytest.param(
            ["{headers: {x: {exact: '1'}}}", "{headers: {x: {exact: '2'}}}", "{headers: {x: {}}}"],
            False,
            id="two values are not all",
        ),
        pytest.param(
            ["{withoutHeaders: {x: {exact: '1'}}}", "{headers: {x: {exact: '2'}}}"],
            False,
            id="a header may be sent with both values",
        ),
        pytest.param(
            ["{withoutHeaders: {x: {exact: '1'}}}", "{withoutHeaders: {x: {}}}"],
            True,
            id="a missing header is none of any value",
        ),
        pytest.param(
            ["{uri: {prefix: /a}, ignoreUriCase: true}", "{uri: {exact: /AB}}"],
            True,
            id="a path in any case takes it in one",
        ),
        pytest.param(
            ["{uri: {exact: /a}}", "{uri: {exact: /A}}", "{uri: {exact: /a}, ignoreUriCase: true}"],
            True,
            id="each case apart is any case",
        ),
        pytest.param(
            ["{uri: {prefix: /api}}", '{uri: {regex: "/api/v[0-9]+/.*"}}'],
            True,
            id="a regular expression that begins with a prefix before it",
        ),
        pytest.param(
            ["{uri: {prefix: /api}}", '{uri: {regex: "/api?/x|/y"}}'],
            False,
            id="a regular expression with a way around the prefix",
        ),
        pytest.param(
            ['{uri: {regex: "/item/[0-9]+"}}', "{uri: {exact: /item/12}}"],
            True,
            id="a path that a regular expression takes",
        ),
        pytest.param(
            ['{method: {regex: "GET|PUT"}}', "{method: {exact: PUT}}"],
            True,
            id="a method that a regular expression takes",
        ),
        pytest.param(
            ['{uri: {regex: "/[a-z]+"}}', "{uri: {prefix: /ab}}"],
            False,
            id="a prefix is more than a regular expression",
        ),
        pytest.param(
            ["{queryParams: {q: {exact: ''}}}", "{queryParams: {q: {}}}"],
            False,
            id="a parameter with a value",
        ),
        pytest.param(
            ["{port: 80}", "{port: 443}", "{}"],
            False,
            id="there may be more ports",
        ),
        pytest.param(
            ["{gateways: [gw, other]}", "{gateways: [gw], uri: {prefix: /a}}"],
            True,
            id="a rule for one gateway after one for two",
        ),
    ],
)
def test_the_last_rule(matches: list[str], last_is_told: bool) -> None:
    assert unreached(*map(answering, matches)) == (
        [f"CP0216 http[{len(matches) - 1}]"] if last_is_told else []
    )


def test_a_delegate_may_leave_requests_to_the_rules_behind() -> None:
    delegating = "{match: [{uri: {prefix: /a}}], delegate: {name: leaf}}"

    assert unreached(delegating, answering("{uri: {prefix: /ab}}")) == []
    assert unreached(answering("{uri: {prefix: /}}"), delegating) == ["CP0216 http[1]"]


def test_a_rule_of_a_delegate_may_contradict_who_delegates_and_hides_only_its_like() -> None:
    below, exact = answering("{uri: {prefix: /a}}"), answering("{uri: {exact: /a/b}}")
    roots = "  hosts: [reviews.example.com]\n  gateways: [gw]\n"
    delegate = VIRTUAL_SERVICE.replace(roots, "")

    def unreached_in_delegate(*rules: str) -> list[str]:
        return reported(decoded(delegate.format(rules=", ".join(rules)))[1], ("spec",))

    assert unreached_in_delegate(below, exact) == []
    assert unreached_in_delegate(below, below) == ["CP0216 http[1]"]
    assert unreached_in_delegate("{directResponse: {status: 200}}", exact) == ["CP0216 http[1]"]


def test_the_rules_that_take_the_requests_are_named() -> None:
    rules = map(
        answering, ("{uri: {exact: /}}", "{headers: {x: {}}}", "{withoutHeaders: {x: {}}}", "{}")
    )
    _, (diagnostic,) = decoded(VIRTUAL_SERVICE.format(rules=", ".join(rules)))

    assert diagnostic.message == (
        "this rule is unreachable: earlier rules match every request it would"
    )
    assert [str(related.place.path) for related in diagnostic.related] == [
        "('spec', 'http', 2, 'match', 0)",
        "('spec', 'http', 1, 'match', 0)",
    ]
