"""Which of two routes comes first where both take a request, and which faults take a route away, at
Gateways of class ``istio``.

Source: Istio ``pilot/pkg/config/kube/gateway/conversion.go`` (``sortHTTPRoutes``,
``convertHTTPRoute``, ``buildHTTPDestination``).
"""

import pytest

from tests.support.http_routes import TO_SHOP, at_edge, names, request_route

CONTROL = r'{name: a, value: "x\u0001"}'
HEADERS = f"filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {{set: [{CONTROL}]}}}}]"
UNKNOWN_FILTER = (
    "filters: [{type: ExtensionRef, extensionRef: {group: example.com, kind: Filter, name: a}}]"
)
MIRROR = "filters: [{type: RequestMirror, requestMirror: {backendRef: {name: a.b, port: 80}}}]"
TO_HOSTNAME = (
    "group: networking.istio.io, kind: Hostname, name: a.test, namespace: default, port: 1"
)


def matching(
    name: str, match: str, *, kind: str = "HTTPRoute", created: str = "2026-01-01T00:00:00Z"
) -> str:
    rule = f"{{name: {name}, matches: [{match}], {TO_SHOP}}}"
    return request_route(rule, name=name, kind=kind, created=created)


@pytest.mark.parametrize(
    ("http", "grpc", "found"),
    [
        (
            "{path: {type: Exact, value: /a/b}}",
            "{method: {service: a, method: b}}",
            ["http", "grpc"],
        ),
        ("{path: {value: /a}}", "{method: {service: a}}", ["grpc", "http"]),
        ("{path: {value: /a/b}}", "{method: {service: a}}", ["http", "grpc"]),
        (
            "{path: {type: RegularExpression, value: /x}}",
            "{headers: [{name: a, value: b}, {name: c, value: d}]}",
            ["http", "grpc"],
        ),
        (
            "{path: {type: RegularExpression, value: '.*'}}",
            "{headers: [{name: a, value: b}]}",
            ["http"],
        ),
        ("{path: {type: RegularExpression, value: /x}}", "{method: {method: b}}", ["grpc", "http"]),
    ],
    ids=[
        "equal paths: the older",
        "a service is as long as its name with both slashes",
        "a longer prefix",
        "headers alone come after every path",
        "an expression for all ends the list",
        "a method alone is an expression",
    ],
)
def test_routes_of_both_kinds_are_ranked_together(http: str, grpc: str, found: list[str]) -> None:
    young = matching("grpc", grpc, kind="GRPCRoute", created="2026-02-01T00:00:00Z")

    assert names(at_edge(matching("http", http), young)) == found


@pytest.mark.parametrize(
    "backend",
    [
        f"{{name: pay, port: 80, weight: 0, {UNKNOWN_FILTER}}}",
        f"{{name: pay, port: 80, weight: 0, {HEADERS}}}",
        "{name: pay.default, port: 80, weight: 0}",
        f"{{{TO_HOSTNAME}, weight: 0}}",
    ],
)
def test_a_fault_of_a_backend_counts_where_the_backend_gets_requests(backend: str) -> None:
    def served(found: str) -> list[str]:
        rule = f"{{name: faulty, backendRefs: [{{name: shop, port: 80}}, {found}]}}"
        other = f"{{name: other, {TO_SHOP}}}"
        return names(at_edge(request_route(rule), request_route(other, name="z")))

    assert served(backend)[0] == "faulty"
    assert served(backend.replace("weight: 0", "weight: 1")) == ["other"]


@pytest.mark.parametrize(("kind", "found"), [("HTTPRoute", ["mirrored"]), ("GRPCRoute", ["other"])])
def test_a_mirror_with_a_hostname_as_its_service_takes_a_grpcroute_away(
    kind: str, found: list[str]
) -> None:
    mirrored = request_route(f"{{name: mirrored, {MIRROR}, {TO_SHOP}}}", kind=kind)
    other = request_route(f"{{name: other, {TO_SHOP}}}", name="z")

    assert names(at_edge(mirrored, other)) == found
