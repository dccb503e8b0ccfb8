"""What is said of faults in objects of the Gateway API, many of them habits from Istio's kinds."""

import pytest

from tests.unit.kinds.given import body_of, decoded_body, reported

V1 = "gateway.networking.k8s.io/v1"
PORT = {"name": "web", "port": 80, "protocol": "HTTP"}
WEB = {"name": "web", "port": 80}


def gateway(**listener: object) -> dict[str, object]:
    spec = {"gatewayClassName": "istio", "listeners": [{**PORT, **listener}]}
    return body_of("Gateway", spec, V1)


def http_route(**rule: object) -> dict[str, object]:
    return body_of("HTTPRoute", {"rules": [{"backendRefs": [WEB], **rule}]})


def of_path(**path: object) -> dict[str, object]:
    return http_route(matches=[{"path": path}])


def of_filter(type_: str, **settings: object) -> dict[str, object]:
    return http_route(filters=[{"type": type_, **settings}])


@pytest.mark.parametrize(
    ("body", "message", "hint"),
    [
        (
            gateway(hosts=["a.example"]),
            'spec.listeners[0] has no field "hosts"',
            'the Gateway API says that in "hostname"',
        ),
        (
            gateway(tls="Passthrough"),
            'expected a mapping, found the text "Passthrough"',
            "write {mode: Passthrough}",
        ),
        (
            gateway(protocol="TLS", tls={"mode": "SIMPLE", "certificateRefs": [{"name": "a"}]}),
            '"SIMPLE" is not one of Terminate, Passthrough',
            "write Terminate",
        ),
        (
            gateway(protocol="HTTPS", tls={"credentialName": "a"}),
            'spec.listeners[0].tls has no field "credentialName"',
            'the Gateway API says that in "certificateRefs"',
        ),
        (
            gateway(tls={"certificateRefs": [{"name": "a"}]}),
            "a listener of protocol HTTP has no tls",
            "use protocol: HTTPS, or remove tls",
        ),
        (
            gateway(protocol="HTTPS", tls={}),
            "tls that ends here (mode: Terminate) needs certificateRefs",
            "add certificateRefs: [{name: SECRET}], or write mode: Passthrough",
        ),
        (
            gateway(allowedRoutes={"namespaces": "All"}),
            'expected a mapping, found the text "All"',
            "write {from: All}",
        ),
        (
            gateway(hostname="Shop.example.com"),
            '"Shop.example.com" is not a hostname',
            "write shop.example.com",
        ),
        (
            gateway(hostname="https://shop.example.com/a"),
            '"https://shop.example.com/a" is not a hostname',
            "write shop.example.com",
        ),
        (
            gateway(hostname="*.example.com:443"),
            '"*.example.com:443" is not a hostname',
            'write "*.example.com"',
        ),
        (
            gateway(hostname="*"),
            '"*" is not a hostname',
            "write a name in lower case, such as shop.example.com or *.example.com, or none for "
            "all",
        ),
        (
            http_route(backendRefs=[WEB | {"group": "example.com/v1", "kind": "Bucket"}]),
            '"example.com/v1" is not an API group',
            "write example.com",
        ),
        (
            http_route(matches=[{"headers": [{"name": "x-user:", "value": "a"}]}]),
            '"x-user:" is not a name of a header',
            "write x-user",
        ),
        (
            of_filter("CORS", cors={"allowOrigins": ["shop.example.com"]}),
            '"shop.example.com" is not an origin',
            'write "https://shop.example.com"',
        ),
        (
            body_of(
                "Gateway",
                {
                    "gatewayClassName": "istio",
                    "listeners": [PORT],
                    "addresses": [{"value": "192.0.2.300"}],
                },
                V1,
            ),
            '"192.0.2.300" is not an IP address',
            "write it as 192.0.2.1 or 2001:db8::1",
        ),
        (
            body_of(
                "Gateway",
                {
                    "gatewayClassName": "istio",
                    "listeners": [PORT],
                    "addresses": [{"value": "edge.example.com"}],
                },
                V1,
            ),
            '"edge.example.com" is not an IP address',
            "write type: Hostname beside it",
        ),
        (
            body_of("HTTPRoute", {"parentRefs": ["edge"]}),
            'expected a mapping, found the text "edge"',
            "write {name: edge}",
        ),
        (
            body_of("HTTPRoute", {"parentRefs": "edge"}),
            'expected a list, found the text "edge"',
            "write [{name: edge}]",
        ),
        (
            body_of("GRPCRoute", {"rules": [{"matches": [{"method": "/shop.Cart/Add"}]}]}),
            'expected a mapping, found the text "/shop.Cart/Add"',
            "write {service: shop.Cart, method: Add}",
        ),
        (
            body_of("GRPCRoute", {"rules": [{"matches": [{"method": "shop.Cart"}]}]}),
            'expected a mapping, found the text "shop.Cart"',
            "write {service: shop.Cart}",
        ),
        (
            body_of("HTTPRoute", {"hosts": ["shop.example.com"]}),
            'spec has no field "hosts"',
            'rename it to "hostnames"',
        ),
        (
            http_route(match=[{}]),
            'spec.rules[0] has no field "match"',
            'rename it to "matches"',
        ),
        (
            http_route(backendRefs=[{"serviceName": "web", "port": 80}]),
            'spec.rules[0].backendRefs[0] has no field "serviceName"',
            'rename it to "name"',
        ),
        (
            http_route(backendRefs=[{"host": "web", "port": 80}]),
            'spec.rules[0].backendRefs[0] has no field "host"',
            'rename it to "name"',
        ),
        (
            http_route(backendRefs=[{"destination": {"host": "web"}, "port": 80}]),
            'spec.rules[0].backendRefs[0] has no field "destination"',
            'the Gateway API says that in "name"',
        ),
        (
            body_of("HTTPRoute", {"http": []}),
            'spec has no field "http"',
            'rename it to "rules"',
        ),
        (
            body_of("Gateway", {"className": "istio", "listeners": [PORT]}, V1),
            'spec has no field "className"',
            'rename it to "gatewayClassName"',
        ),
        (
            body_of("Gateway", {"gatewayClassName": "istio", "servers": [PORT]}, V1),
            'spec has no field "servers"',
            'the Gateway API says that in "listeners"',
        ),
        (
            body_of("GatewayClass", {"controller": "a.b/c"}),
            'spec has no field "controller"',
            'rename it to "controllerName"',
        ),
        (
            of_path(prefix="/a"),
            'spec.rules[0].matches[0].path has no field "prefix"',
            "write type: PathPrefix, value: /a",
        ),
        (
            http_route(matches=[{"headers": [{"name": "x-user", "regex": "a.*"}]}]),
            'spec.rules[0].matches[0].headers[0] has no field "regex"',
            'write type: RegularExpression, value: "a.*"',
        ),
        (
            http_route(matches=[{"uri": {"prefix": "/a"}}]),
            'spec.rules[0].matches[0] has no field "uri"',
            "write path: {type: PathPrefix, value: /a}",
        ),
        (
            http_route(filters=[{"requestRedirect": {}}]),
            "spec.rules[0].filters[0] needs type",
            "add type: RequestRedirect",
        ),
        (
            body_of(
                "BackendTLSPolicy",
                {
                    "targetRefs": [{"kind": "Service", "name": "web"}],
                    "validation": {"hostname": "a.b", "wellKnownCACertificates": "System"},
                },
            ),
            "spec.targetRefs[0] needs group",
            'add group: ""',
        ),
        (
            http_route(backendRefs=[{"name": "web"}]),
            'the reference to Service "web" needs a port',
            "add port: the Service's own, not its target's",
        ),
        (
            of_path(type="Prefix", value="/a"),
            '"Prefix" is not one of Exact, PathPrefix, RegularExpression',
            "write PathPrefix",
        ),
        (
            of_path(type="regex", value="/a"),
            '"regex" is not one of Exact, PathPrefix, RegularExpression',
            "write RegularExpression",
        ),
        (of_path(value="a"), 'the path "a" does not begin with /', "write /a"),
        (
            http_route(matches=[{"headers": {"x-user": "a"}}]),
            "expected a list, found a mapping",
            "write [{name: x-user, value: a}]",
        ),
        (
            http_route(matches=[{"headers": {"x-user": {"prefix": "a"}}}]),
            "expected a list, found a mapping",
            "write each item on its own line, beginning with a dash",
        ),
        (
            http_route(matches=[{"headers": {"x-user": {"regex": "a+"}}}]),
            "expected a list, found a mapping",
            'write [{name: x-user, type: RegularExpression, value: "a+"}]',
        ),
        (
            of_filter("URLRewrite", cors={}),
            "cors is for type: CORS, not URLRewrite",
            "write type: CORS",
        ),
        (
            of_filter("CORS"),
            "type: CORS needs cors",
            "add cors",
        ),
        (
            http_route(timeouts="10s"),
            'expected a mapping, found the text "10s"',
            'write {request: "10s"}',
        ),
        (
            http_route(timeouts={"request": "1.5s"}),
            '"1.5s" is not a duration of the Gateway API',
            "write up to four whole numbers with h, m, s or ms, as in 1m30s",
        ),
        (
            body_of("ReferenceGrant", {"from": [], "to": [{"group": "", "kind": "Secret"}]}),
            "the list is empty (at least 1 item)",
            None,
        ),
        (
            body_of("GatewayClass", {"controllerName": ""}),
            "the text is empty",
            "give it a value, or remove the field",
        ),
    ],
)
def test_a_fault_is_said_with_one_step_to_mend_it(
    body: dict[str, object], message: str, hint: str | None
) -> None:
    found, diagnostics = decoded_body(body)

    assert found is None
    refused = [one for one in diagnostics if one.code.effect.name == "REFUSED"]
    assert [(one.message, one.hint) for one in refused] == [(message, hint)]


def test_rules_are_not_looked_at_beside_a_field_that_is_missing() -> None:
    listeners = [{"name": "a", "port": 80}, {"name": "b", "port": 80}]

    _, found = decoded_body(
        body_of("Gateway", {"gatewayClassName": "a", "listeners": listeners}, V1)
    )

    assert reported(found, ("spec",)) == [
        "CP0204 listeners[0].protocol",
        "CP0204 listeners[1].protocol",
    ]


def test_an_object_without_a_spec_is_refused() -> None:
    body = body_of("GRPCRoute", {})
    del body["spec"]

    found, diagnostics = decoded_body(body)

    assert found is None
    assert reported(diagnostics) == ["CP0204 spec"]


def test_a_namespace_of_a_cluster_wide_object_is_dropped() -> None:
    body = body_of("GatewayClass", {"controllerName": "a.b/c"}, namespace="shop")

    found, _ = decoded_body(body)

    assert found is not None
    assert found.namespace == ""


def test_the_generation_is_kept() -> None:
    found, _ = decoded_body(body_of("HTTPRoute", {}, generation=7))

    assert found is not None
    assert found.generation == 7


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ({"hostnames": None}, "CP0223 spec.hostnames"),
        (
            {"parentRefs": [{"name": "a", "sectionName": None}]},
            "CP0223 spec.parentRefs[0].sectionName",
        ),
        ({"useDefaultGateways": None}, "CP0701 spec.useDefaultGateways"),
        ({"rules": [{"retry": None}]}, "CP0701 spec.rules[0].retry"),
        ({"rules": [{"matches": [{"headers": None}]}]}, "CP0223 spec.rules[0].matches[0].headers"),
    ],
)
def test_a_null_that_changes_what_is_meant_is_reported(spec: dict[str, object], place: str) -> None:
    found, diagnostics = decoded_body(body_of("HTTPRoute", spec))

    assert found is not None
    assert place in reported(diagnostics)


CONDITION = {"type": "Accepted", "status": "True", "observedGeneration": 1}


@pytest.mark.parametrize(
    ("kind", "spec", "status", "expected"),
    [
        ("HTTPRoute", {}, {"parents": [{"conditions": [CONDITION]}]}, []),
        ("HTTPRoute", {}, {"parents": 7}, []),
        ("HTTPRoute", {}, 7, []),
        ("HTTPRoute", {}, {"conditions": []}, ["CP0201 status.conditions"]),
        ("GatewayClass", {"controllerName": "a.b/c"}, {"conditions": [CONDITION]}, []),
        (
            "GatewayClass",
            {"controllerName": "a.b/c"},
            {"conditions": [{"typ": "Accepted"}]},
            ["CP0201 status.conditions[0].typ"],
        ),
        (
            "ReferenceGrant",
            {
                "from": [{"group": "", "kind": "A", "namespace": "a"}],
                "to": [{"group": "", "kind": "A"}],
            },
            {},
            ["CP0201 status"],
        ),
    ],
)
def test_of_a_status_only_the_names_are_looked_at(
    kind: str, spec: dict[str, object], status: object, expected: list[str]
) -> None:
    _, found = decoded_body(body_of(kind, spec) | {"status": status})

    assert [line for line in reported(found) if not line.startswith("CP0203")] == expected
