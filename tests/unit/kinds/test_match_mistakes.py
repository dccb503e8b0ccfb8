"""Matches that are accepted and cannot hold as meant are reported, and what the hint says to write
is not.
"""

from collections.abc import Mapping

import pytest
import yaml

from controlplane.base.diagnostics import Diagnostic
from controlplane.base.locations import FieldRef, path_text
from tests.support.checked import checked
from tests.unit.kinds.given import body_of, decoded_body

AT = ".spec.http[0].match[0]."
MISTAKES = [
    pytest.param(
        '{uri: {prefix: "/api/*"}}',
        "CP0351 uri.prefix",
        '"*" is compared as it is: only paths with a star in that place match "/api/*"',
        'write "/api/"',
        '{uri: {prefix: "/api/"}}',
        id="a glob as prefix",
    ),
    pytest.param(
        '{uri: {exact: "/api/*"}}',
        "CP0351 uri.exact",
        '"*" is compared as it is: only paths with a star in that place match "/api/*"',
        'write prefix: "/api/"',
        '{uri: {prefix: "/api/"}}',
        id="a glob as exact path",
    ),
    pytest.param(
        '{uri: {exact: "/users/*/cart.json"}}',
        "CP0351 uri.exact",
        '"*" is compared as it is: only paths with a star in that place match "/users/*/cart.json"',
        r'write regex: "/users/[^/]+/cart\\.json"',
        r'{uri: {regex: "/users/[^/]+/cart\\.json"}}',
        id="a glob within a path",
    ),
    pytest.param(
        '{uri: {exact: "/q?x=1&y=*"}}',
        "CP0350 uri.exact",
        'no request matches: the query is not a part of the path, so none contains "?x=1&y=*"',
        'write exact: "/q" and queryParams: {x: {exact: "1"}, y: {}}',
        '{uri: {exact: "/q"}, queryParams: {x: {exact: "1"}, y: {}}}',
        id="a query in the path",
    ),
    pytest.param(
        '{uri: {prefix: "/api/v[0-9]+/.*"}}',
        "CP0351 uri.prefix",
        'prefix compares plain text, so only "/api/v[0-9]+/.*" itself matches, not as a pattern',
        'write regex: "/api/v[0-9]+/.*"',
        '{uri: {regex: "/api/v[0-9]+/.*"}}',
        id="a regular expression as prefix",
    ),
    pytest.param(
        '{uri: {prefix: "^/(a|b)"}}',
        "CP0351 uri.prefix",
        'prefix compares plain text, so only "^/(a|b)" itself matches, not as a pattern',
        'write regex: "/(a|b).*"',
        '{uri: {regex: "/(a|b).*"}}',
        id="an anchor in a prefix",
    ),
    pytest.param(
        '{uri: {exact: "/users/{id}"}}',
        "CP0351 uri.exact",
        'exact compares plain text, so only "/users/{id}" itself matches, not as a pattern',
        'write regex: "/users/[^/]+"',
        '{uri: {regex: "/users/[^/]+"}}',
        id="a template of another router",
    ),
    pytest.param(
        "{uri: {prefix: api}}",
        "CP0350 uri.prefix",
        'no request matches: a path begins with a slash, "api" does not',
        'write "/api"',
        "{uri: {prefix: /api}}",
        id="a path without slash",
    ),
    pytest.param(
        '{uri: {exact: "https://shop.example/a"}}',
        "CP0350 uri.exact",
        'no request matches: the path of "https://shop.example/a" is "/a" alone; the host is not a '
        "part of it",
        'write "/a", and the host in spec.hosts',
        "{uri: {exact: /a}}",
        id="a whole URL",
    ),
    pytest.param(
        '{uri: {exact: "/a#top"}}',
        "CP0350 uri.exact",
        "no request matches: clients do not send what follows a #",
        'write "/a"',
        "{uri: {exact: /a}}",
        id="a fragment",
    ),
    pytest.param(
        "{uri: {exact: /a b}}",
        "CP0350 uri.exact",
        "no request matches: clients send spaces and letters beyond ASCII percent-encoded",
        'write "/a%20b"',
        "{uri: {exact: /a%20b}}",
        id="a space in a path",
    ),
    pytest.param(
        "{uri: {prefix: /a/../b}}",
        "CP0350 uri.prefix",
        "no request matches: Envoy resolves . and .. in the path first",
        None,
        "{uri: {prefix: /b}}",
        id="a path that is never sent on",
    ),
    pytest.param(
        '{uri: {regex: "api/.*"}}',
        "CP0350 uri.regex",
        "no request matches: a path begins with a slash, what the expression matches does not",
        'write "/api/.*"',
        '{uri: {regex: "/api/.*"}}',
        id="a regular expression without slash",
    ),
    pytest.param(
        r'{uri: {regex: "/q\\?x=.*"}}',
        "CP0350 uri.regex",
        "no request matches: the query is not a part of the path",
        'write "/q", and queryParams for the rest',
        '{uri: {regex: "/q"}}',
        id="a query in a regular expression",
    ),
    pytest.param(
        '{uri: {regex: "/api/*"}}',
        "CP0351 uri.regex",
        '"/*" in a regular expression means any number of slashes, not all paths below it',
        'write "/api/.*"',
        '{uri: {regex: "/api/.*"}}',
        id="a glob as regular expression",
    ),
    pytest.param(
        '{uri: {regex: "^/api"}}',
        "CP0351 uri.regex",
        'a regular expression has to match the whole path, so this is only "/api"',
        'write "/api.*"',
        '{uri: {regex: "/api.*"}}',
        id="the beginning of a path as regular expression",
    ),
    pytest.param(
        "{method: {exact: get}}",
        "CP0350 method.exact",
        'no request matches: methods are upper case, "get" is not',
        'write "GET"',
        "{method: {exact: GET}}",
        id="a method in lower case",
    ),
    pytest.param(
        "{method: {regex: get|Post}}",
        "CP0350 method.regex",
        'no request matches: methods are upper case, "get|Post" is not',
        'write "GET|POST"',
        "{method: {regex: GET|POST}}",
        id="methods in lower case",
    ),
    pytest.param(
        '{method: {exact: "GET, POST"}}',
        "CP0350 method.exact",
        'no request matches: "GET, POST" is compared as one method',
        'write regex: "GET|POST"',
        '{method: {regex: "GET|POST"}}',
        id="several methods in one",
    ),
    pytest.param(
        "{scheme: {exact: HTTPS}}",
        "CP0350 scheme.exact",
        'no request matches: a scheme is "http" or "https", not "HTTPS"',
        'write "https"',
        "{scheme: {exact: https}}",
        id="a scheme in upper case",
    ),
    pytest.param(
        '{authority: {exact: "*.shop.example"}}',
        "CP0350 authority.exact",
        'no request matches: no host contains a star, so "*.shop.example" is no authority',
        r'write regex: "[^/]+\\.shop\\.example"',
        r'{authority: {regex: "[^/]+\\.shop\\.example"}}',
        id="a wildcard as authority",
    ),
    pytest.param(
        '{authority: {exact: "http://shop.example/"}}',
        "CP0350 authority.exact",
        "no request matches: an authority is a host, perhaps with a port, not "
        '"http://shop.example/"',
        'write "shop.example"',
        "{authority: {exact: shop.example}}",
        id="a URL as authority",
    ),
    pytest.param(
        '{headers: {x-user: {exact: "*"}}}',
        "CP0351 headers.x-user.exact",
        '"*" is compared as it is, so only that value matches',
        "write {} to match any value",
        "{headers: {x-user: {}}}",
        id="a star for any value",
    ),
    pytest.param(
        '{headers: {x-user: {exact: "ann "}}}',
        "CP0350 headers.x-user.exact",
        'no request matches: header values have no blanks around them, "ann " has',
        'write "ann"',
        "{headers: {x-user: {exact: ann}}}",
        id="a blank after a value",
    ),
    pytest.param(
        r'{headers: {x-user: {exact: "a\nb"}}}',
        "CP0350 headers.x-user.exact",
        "no request matches: header values contain no line ends",
        None,
        "{headers: {x-user: {exact: a}}}",
        id="a value of two lines",
    ),
    pytest.param(
        '{headers: {user-agent: {prefix: ".*Mobile.*"}}}',
        "CP0351 headers.user-agent.prefix",
        'prefix compares plain text, so only ".*Mobile.*" itself matches, not as a pattern',
        'write regex: ".*Mobile.*"',
        '{headers: {user-agent: {regex: ".*Mobile.*"}}}',
        id="a regular expression for a header",
    ),
    pytest.param(
        '{queryParams: {v: {exact: "^v(1|2)$"}}}',
        "CP0351 queryParams.v.exact",
        'exact compares plain text, so only "^v(1|2)$" itself matches, not as a pattern',
        'write regex: "v(1|2)"',
        '{queryParams: {v: {regex: "v(1|2)"}}}',
        id="a regular expression for a query parameter",
    ),
]


def reported(match: str) -> list[Diagnostic]:
    rule = {"match": [yaml.safe_load(match)], "route": [{"destination": {"host": "a"}}]}
    object_, found = decoded_body(body_of("VirtualService", {"hosts": ["a"], "http": [rule]}))
    assert object_ is not None, found
    return found


@pytest.mark.parametrize(("match", "code_and_place", "message", "hint", "mended"), MISTAKES)
def test_a_match_that_cannot_hold_as_meant_is_reported(
    match: str, code_and_place: str, message: str, hint: str | None, mended: str
) -> None:
    (found,) = reported(match)

    assert isinstance(found.place, FieldRef)
    place = path_text(found.place.path).removeprefix(AT)
    assert (f"{found.code} {place}", found.message, found.hint) == (code_and_place, message, hint)
    assert reported(mended) == []


@pytest.mark.parametrize(
    "match",
    [
        "{uri: {prefix: /}}",
        '{uri: {prefix: ""}}',
        "{uri: {exact: /a.b/c-d_e~f}}",
        '{uri: {exact: "/Products(1)/$count"}}',
        '{uri: {exact: "/v1/jobs/7:cancel"}}',
        "{uri: {prefix: /.well-known/acme-challenge/}}",
        '{uri: {regex: "^/api(/.*)?$"}}',
        '{uri: {regex: "/api(\\\\?.*)?"}}',
        '{uri: {regex: "(/a|/b)/.*"}}',
        "{method: {exact: PURGE}}",
        "{authority: {exact: 'a.example:8080'}}",
        '{headers: {accept: {exact: "*/*"}}}',
        '{headers: {if-match: {exact: "*"}}}',
        '{headers: {cookie: {regex: "^(.*?;)?(user=jason)(;.*)?$"}}}',
        '{headers: {user-agent: {prefix: "Mozilla/5.0 (X11; Linux)"}}}',
        '{headers: {x: {prefix: "bearer "}}}',
        "{queryParams: {q: {exact: a+b}}}",
    ],
)
def test_matches_that_mean_what_they_say_are_not_reported(match: str) -> None:
    assert reported(match) == []


def test_the_place_is_the_value_in_the_file() -> None:
    text = """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: default}
spec:
  http:
  - match:
    - uri: {prefix: "/api/*"}
    directResponse: {status: 200}
"""

    found = [line for line in checked(text) if "CP0351" in line]

    assert found == [
        '7:21 warning CP0351: "*" is compared as it is: only paths with a star in that place match '
        '"/api/*" -> write "/api/"'
    ]


def test_a_condition_on_what_must_be_missing_is_not_called_impossible() -> None:
    match: Mapping[str, object] = {"withoutHeaders": {"x": {"exact": " a"}}}

    assert reported(str(match)) == []


GATEWAY_RULE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: shop, namespace: shop}}
spec:
  hosts: [shop.example.com]
  gateways: [front]
  http: [{{match: [{match}], route: [{{destination: {{host: shop}}}}]}}]
"""


@pytest.mark.parametrize("where", ["headers", "withoutHeaders"])
@pytest.mark.parametrize("text", ["{}", '{regex: "*"}'])
def test_a_claim_of_any_value_takes_down_the_port_with_istio(where: str, text: str) -> None:
    match = f'{{{where}: {{"@request.auth.claims.role": {text}}}}}'

    assert "CP0230" in "".join(checked(GATEWAY_RULE.format(match=match)))


def test_a_claim_of_some_value_is_as_it_is_meant() -> None:
    match = '{headers: {"@request.auth.claims.role": {regex: .+}}}'

    assert "CP0230" not in "".join(checked(GATEWAY_RULE.format(match=match)))
