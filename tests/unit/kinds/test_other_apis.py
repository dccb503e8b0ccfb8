"""Words and forms of other APIs in objects of the Gateway API, and the other way round."""

from collections.abc import Mapping

import pytest

from tests.unit.kinds.given import body_of, decoded_body

V1 = "gateway.networking.k8s.io/v1"
WEB = {"name": "web", "port": 80}
HTTP = {"name": "http", "port": 80, "protocol": "HTTP"}
TARGET = {"group": "", "kind": "Service", "name": "web"}
TRUSTED = {"hostname": "a.example", "wellKnownCACertificates": "System"}
ROUTES = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "shop"}


def hints_of(body: Mapping[str, object]) -> list[str | None]:
    """The hints of what the object is refused for."""
    found, diagnostics = decoded_body(body)
    assert found is None
    return [each.hint for each in diagnostics if each.code.effect.name == "REFUSED"]


def route(kind: str = "HTTPRoute", **rule: object) -> dict[str, object]:
    hostnames = {"hostnames": ["a.example"]} if kind == "TLSRoute" else {}
    return body_of(kind, {**hostnames, "rules": [{"backendRefs": [WEB], **rule}]}, V1)


def gateway(**spec: object) -> dict[str, object]:
    return body_of("Gateway", {"gatewayClassName": "istio", "listeners": [HTTP], **spec}, V1)


def listening(**listener: object) -> dict[str, object]:
    return gateway(listeners=[{**HTTP, **listener}])


def tls_policy(target: Mapping[str, object] = TARGET, **validation: object) -> dict[str, object]:
    spec = {"targetRefs": [target], "validation": {**TRUSTED, **validation}}
    return body_of("BackendTLSPolicy", spec)


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (
            gateway(selector={"istio": "ingressgateway"}),
            "remove it: the Gateway has a proxy of its own, or names a Service by "
            "addresses: [{type: Hostname, value: SERVICE}]",
        ),
        (route(fault={}), "the Gateway API has none: keep a VirtualService for it"),
        (route(directResponse={}), "the Gateway API has none: keep a VirtualService for it"),
        (
            route(backendRefs=[{**WEB, "subset": "v1"}]),
            "make the subset a Service of its own, and name that",
        ),
        (
            route(matches=[{"methods": ["GET", "POST"]}]),
            "write a match for each method, as in method: GET",
        ),
        (
            route(retry={"attempts": 2, "perTryTimeout": "2s"}),
            "the rule says that in timeouts: {backendRequest: 2s}",
        ),
        (
            route(retry={"attempts": 2, "retryOn": "5xx"}),
            "write codes: [503]; connections that break are tried again anyway",
        ),
        (
            route("GRPCRoute", timeouts={"request": "1s"}),
            "a GRPCRoute has none: an HTTPRoute for the path /PACKAGE.SERVICE/METHOD has",
        ),
        (route("TCPRoute", filters=[]), "remove it: the route takes whatever its listener does"),
        (
            route("TLSRoute", matches=[{"snis": ["a.example"]}]),
            "remove it: a TLSRoute is chosen by its hostnames alone",
        ),
        (
            body_of(
                "ListenerSet",
                {"parentRef": {"name": "a"}, "gatewayClassName": "istio", "listeners": [HTTP]},
            ),
            "remove it: the class is that of the Gateway",
        ),
        (
            body_of("ReferenceGrant", {"from": [ROUTES], "to": [{**TARGET, "namespace": "a"}]}),
            "remove it: a grant is for what its own namespace has",
        ),
        (
            tls_policy({**TARGET, "port": 443}),
            "write sectionName: NAME, with the name of the port",
        ),
        (tls_policy(mode="SIMPLE"), "remove it: a policy always begins TLS"),
    ],
)
def test_what_the_gateway_api_does_not_have_comes_with_what_to_do_instead(
    body: Mapping[str, object], hint: str
) -> None:
    assert hints_of(body) == [hint]


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (listening(hosts=["*"]), "remove it: what names no host is for every one"),
        (
            body_of("HTTPRoute", {"hosts": ["*"]}),
            "remove it: what names no host is for every one",
        ),
        (route(timeout="5s"), 'write timeouts: {request: "5s"}'),
        (
            body_of("ListenerSet", {"parentRefs": [{"name": "edge"}], "listeners": [HTTP]}),
            "write parentRef: {name: edge}",
        ),
        (
            body_of("BackendTLSPolicy", {"targetRef": TARGET, "validation": TRUSTED}),
            'write targetRefs: [{group: "", kind: Service, name: web}]',
        ),
        (
            body_of("HTTPRoute", {"host": "a.example"}),
            "write hostnames: [a.example]",
        ),
        (
            body_of("HTTPRoute", {"gateways": ["edge", "istio-system/main"]}),
            "write parentRefs: [{name: edge}, {name: main, namespace: istio-system}]",
        ),
        (
            body_of(
                "HTTPRoute",
                {
                    "rules": [
                        {
                            "route": [
                                {"destination": {"host": "a", "port": {"number": 80}}, "weight": 9},
                                {"destination": {"host": "b", "port": {"number": 80}}, "weight": 1},
                            ]
                        }
                    ]
                },
            ),
            "write backendRefs: [{name: a, port: 80, weight: 9}, {name: b, port: 80, weight: 1}]",
        ),
        (
            route(route=[{"destination": {"host": "a", "subset": "v1", "port": {"number": 80}}}]),
            'the Gateway API says that in "backendRefs"',
        ),
        (listening(allowedRoutes="All"), "write {namespaces: {from: All}}"),
        (
            listening(allowedRoutes={"namespaces": ["a", "b"]}),
            "write {from: Selector, selector: {matchExpressions: "
            "[{key: kubernetes.io/metadata.name, operator: In, values: [a, b]}]}}",
        ),
        (
            listening(allowedRoutes={"namespaces": {"from": "Selector", "selector": {"a": "b"}}}),
            'indent it: it belongs under "matchLabels"',
        ),
        (gateway(allowedListeners="Same"), "write {namespaces: {from: Same}}"),
        (listening(port={"number": 8080}), "write 8080"),
        (route(backendRefs=[{**WEB, "weight": "50%"}]), "write 50"),
        (
            body_of("HTTPRoute", {"parentRefs": [{"name": "edge", "sectionName": 443}]}),
            "write the listener's name, or port: 443 in place of sectionName",
        ),
        (
            route(filters=[{"type": "URLRewrite", "urlRewrite": {"path": "/b"}}]),
            "write {type: ReplaceFullPath, replaceFullPath: /b}",
        ),
        (
            gateway(listeners=[HTTP, {**HTTP, "port": 81}]),
            "rename one of them",
        ),
        (
            body_of(
                "ReferenceGrant",
                {"from": [{"kind": "HTTPRoute", "namespace": "a"}], "to": [TARGET | {"name": "b"}]},
            ),
            "add group: gateway.networking.k8s.io",
        ),
    ],
)
def test_a_value_in_another_form_comes_with_the_form_that_is_right(
    body: Mapping[str, object], hint: str
) -> None:
    assert hints_of(body) == [hint]


def test_a_field_of_the_only_field_that_is_missing_belongs_into_that() -> None:
    mirror = {"type": "RequestMirror", "requestMirror": {"name": "web", "port": 80}}

    assert hints_of(route(filters=[mirror])) == ['it belongs under "backendRef"'] * 2


def test_budgets_of_an_earlier_version_come_with_their_new_place() -> None:
    constraint = {"budgetPercent": 20, "budgetInterval": "10s"}
    body = body_of("XBackendTrafficPolicy", {"targetRefs": [TARGET], "retryConstraint": constraint})

    assert hints_of(body) == ['move it to budget, as "percent"', 'move it to budget, as "interval"']


def test_fields_of_the_gateway_api_in_an_object_of_istio_come_with_istios() -> None:
    body = body_of("VirtualService", {"parentRefs": [], "hostnames": [], "rules": []})

    assert hints_of(body)[:3] == [
        'Istio says that in "gateways"',
        'Istio says that in "hosts"',
        'Istio says that in "http"',
    ]


@pytest.mark.parametrize(
    ("spec", "api_version"),
    [
        ({"gatewayClassName": "istio", "listeners": [HTTP]}, V1),
        ({"selector": {}, "servers": []}, "networking.istio.io/v1"),
    ],
)
def test_a_gateway_of_a_wrong_group_is_meant_to_be_the_one_that_has_its_fields(
    spec: Mapping[str, object], api_version: str
) -> None:
    body = {
        "apiVersion": "gateway.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "a"},
        "spec": spec,
    }

    assert hints_of(body) == [f"write apiVersion: {api_version}"]


def test_references_without_group_and_kind_come_with_what_they_mostly_name() -> None:
    spec = {
        "targetRefs": [{"name": "web"}],
        "validation": {"hostname": "a.b", "caCertificateRefs": [{"name": "ca"}]},
    }

    assert hints_of(body_of("BackendTLSPolicy", spec)) == [
        'add group: ""',
        "add kind: Service",
        'add group: ""',
        "add kind: ConfigMap",
    ]
