"""The proof of a migration: requests at the edges of matches, and what an Envoy does with them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.base.names import Host, Namespace
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.selection import StringMatch
from controlplane.kinds.istio.virtual_service import HttpMatch
from controlplane.migrate.envoy_routing import (
    Request,
    SentConfiguration,
    differences,
    in_short,
)
from controlplane.migrate.requests import Endpoint, requests
from controlplane.model.proxy import Proxy, Role
from tests.support.migrated import GATEWAY, SERVICES, migration, virtual_service

RULES = """[
  {match: [{uri: {prefix: /a}, method: {exact: PUT}}], route: [{destination: {host: cart}}]},
  {match: [{uri: {exact: /b}, headers: {x-a: {regex: '[0-9]+'}}}], rewrite: {uri: /c},
   route: [{destination: {host: cart}}]},
  {match: [{queryParams: {q: {exact: '1'}}}], redirect: {uri: /d, scheme: https}},
  {match: [{withoutHeaders: {x-b: {}}}], route: [{destination: {host: shop}, weight: 50},
   {destination: {host: cart}, weight: 50}]},
  {match: [{uri: {prefix: /e/}, ignoreUriCase: true}], rewrite: {uri: /f/},
   route: [{destination: {host: shop}}]},
]"""


def sent(http: str, *, gateway: str = GATEWAY) -> SentConfiguration:
    engine = Engine(MeshConfig(), now=datetime.now(UTC))
    text = "---".join((gateway, SERVICES, virtual_service(http)))
    engine.apply([(Path("mesh.yaml"), text)])
    proxy = Proxy(
        name="ingressgateway",
        role=Role.GATEWAY,
        namespace=Namespace("istio-system"),
        service_account="ingressgateway",
        labels=(("istio", "ingressgateway"),),
        addresses=("192.0.2.1",),
    )
    return SentConfiguration(engine.resources(engine.view(proxy)))


@pytest.fixture(scope="module")
def configuration() -> SentConfiguration:
    return sent(RULES)


def ask(path: str, method: str = "GET", host: str = "shop.example.com", **more: str) -> Request:
    query = tuple((k, v) for k, v in more.items() if k == "q")
    headers = tuple((k.replace("_", "-"), v) for k, v in more.items() if k != "q")
    return Request(port=8080, host=host, method=method, path=path, query=query, headers=headers)


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (ask("/ab", "PUT"), "cart.default:80 with path /ab"),
        (ask("/ab", "GET", x_b="1"), "404"),
        (ask("/b", x_a="12"), "cart.default:80 with path /c"),
        (ask("/b", x_a="12x", x_b="1"), "404"),
        (ask("/z", q="1"), "another place, by a redirect"),
        (ask("/z", q="2"), "shop.default:80 and cart.default:80 with path /z"),
        (ask("/E/x", x_b="1"), "shop.default:80 with path /f/x"),
        (
            ask("/z", host="shop.example.com:8080"),
            "shop.default:80 and cart.default:80 with path /z",
        ),
        (ask("/z", host="SHOP.example.com"), "shop.default:80 and cart.default:80 with path /z"),
        (ask("/z", host="other.example.com"), "404"),
        (Request(port=8081, host="shop.example.com"), "no listener"),
    ],
    ids=str,
)
def test_a_request_goes_where_envoy_would_send_it(
    configuration: SentConfiguration, request_: Request, answer: str
) -> None:
    assert in_short(configuration.answer(request_)) == answer


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{timeout: 1s, X}", "{timeout: 2s, X}"),
        ("{retries: {attempts: 3}, X}", "{X}"),
        ("{headers: {request: {set: {a: '1'}}}, X}", "{X}"),
        ("{mirror: {host: cart}, X}", "{X}"),
        ("{match: [{uri: {prefix: /a}}], X}", "{match: [{uri: {prefix: /a/}}], X}"),
        ("{redirect: {uri: /a}}", "{redirect: {uri: /b}}"),
        ("{rewrite: {uri: /a}, X}", "{rewrite: {uri: /b}, X}"),
        ("{rewrite: {authority: a.com}, X}", "{X}"),
    ],
)
def test_another_answer_is_found(before: str, after: str) -> None:
    route = "route: [{destination: {host: shop}}]"
    then, now = (sent(f"[{rule.replace('X', route)}]") for rule in (before, after))
    asked = [ask(path) for path in ("/", "/a", "/a/", "/ax")]

    assert list(differences(then, then, asked)) == []
    assert list(differences(then, now, asked)) != []


def test_requests_are_at_the_edges_of_each_match() -> None:
    match = HttpMatch(uri=StringMatch(prefix="/a"), headers={"X-B": StringMatch(exact="c")})

    found = list(requests([Endpoint(8080, False, Host("*.example.com"))], [match]))

    assert {"/a", "/a/", "/ax", "/a/x", "/", "/x"} <= {one.path for one in found}
    assert {(), (("x-b", "c"),), (("x-b", "other"),), (("x-b", "cx"),)} <= {
        one.headers for one in found
    }
    assert {one.host for one in found} == {
        "any.example.com",
        "a.b.example.com",
        "example.com",
        "xexample.com",
    }


def test_a_virtual_service_whose_answers_would_change_stays() -> None:
    """Of hosts that a listener narrows to one, Gateway API as in Istio takes the wider first."""
    gateway = GATEWAY.replace('hosts: ["*"]', "hosts: [shop.example.com]")
    one, other = (
        virtual_service(
            f"[{{match: [{{uri: {{exact: /a}}}}], headers: {{request: {{set: {{x: {name}}}}}}},"
            " route: [{destination: {host: shop}}]}]",
            hosts=f"['{host}']",
        ).replace("name: shop}", f"name: {name}}}", 1)
        for name, host in (("exact", "shop.example.com"), ("wild", "*.example.com"))
    )

    found = migration("---".join((gateway, one, other)))

    assert [text.split(" ", 1)[1] for text in found.reasons if "CP0784" in text] == [
        "CP0784: GET http://shop.example.com/a goes to shop.default:80 with path /a as before, "
        "but with another request_headers_to_add"
    ] * 2
    assert "VirtualService default/exact" in found.kinds()


def test_a_certificate_that_the_files_do_not_have_is_no_difference() -> None:
    gateway = (
        GATEWAY.replace(
            "number: 80, name: http, protocol: HTTP", ("number: 443, name: https, protocol: HTTPS")
        )
        + "    tls: {mode: SIMPLE, credentialName: elsewhere}\n"
    )

    found = migration(f"{gateway}---" + virtual_service("[{route: [{destination: {host: shop}}]}]"))

    assert found.kinds() == ["Gateway istio-system/shop", "HTTPRoute default/shop"]


def test_a_service_that_the_gateway_does_not_see_is_answered_otherwise() -> None:
    """Istio sends requests to a cluster that is not there, which Envoy answers 503."""
    hidden = """
apiVersion: v1
kind: Service
metadata: {name: own, annotations: {networking.istio.io/exportTo: "."}}
spec: {ports: [{name: http, port: 80}]}
"""
    routes = virtual_service("[{route: [{destination: {host: own}}]}]")

    found = migration("---".join((GATEWAY, routes, hidden)))

    assert found.reasons[0].endswith(
        "GET http://shop.example.com/ goes to 503, and would go to 500"
    )
