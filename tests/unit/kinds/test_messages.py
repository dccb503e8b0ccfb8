"""What is said of a fault: what is there, what was wanted, and one step to mend it."""

import pytest

from tests.unit.kinds.given import body_of, decoded_body

ROUTE = [{"destination": {"host": "reviews"}}]


def virtual_service(**rule: object) -> dict[str, object]:
    return body_of("VirtualService", {"hosts": ["reviews"], "http": [{"route": ROUTE, **rule}]})


@pytest.mark.parametrize(
    ("rule", "message", "hint"),
    [
        (
            {"timeOut": "1s"},
            'spec.http[0] has no field "timeOut"',
            'rename it to "timeout"',
        ),
        (
            {"appendHeaders": {"x": "y"}},
            'spec.http[0] has no field "appendHeaders"',
            'move it to headers.request, as "add"',
        ),
        (
            {"match": [{"uri": {"glob": "/a"}}]},
            'spec.http[0].match[0].uri has no field "glob"',
            "spec.http[0].match[0].uri has exact, prefix, regex",
        ),
        (
            {"timeout": 5},
            "expected a duration such as 1.5s or 100ms, found the number 5",
            "write 5s",
        ),
        ({"timeout": "5"}, '"5" is not a duration (it has no unit)', "write 5s"),
        (
            {"timeout": "soon"},
            '"soon" is not a duration',
            "write a number with h, m, s or ms: 1.5s, 100ms",
        ),
        ({"timeout": "0s"}, "0s is shorter than 1ms", "leave the field out"),
        (
            {"retries": {"attempts": "3"}},
            'expected a whole number, found the text "3"',
            "leave out the quotes",
        ),
        (
            {"retries": {"attempts": "three"}},
            'expected a whole number, found the text "three"',
            None,
        ),
        (
            {"retries": {"attempts": 1.5}},
            "expected a whole number, found the number 1.5",
            None,
        ),
        (
            {"match": [{"headers": {"x": {"exact": True}}}]},
            "expected text, found true",
            "YAML reads y, n, yes, no, on and off as booleans: put the text in quotes",
        ),
        (
            {"match": [{"headers": {"x": {"exact": 1}}}]},
            "expected text, found the number 1",
            "put it in quotes",
        ),
        (
            {"match": {"uri": {"prefix": "/"}}},
            "expected a list, found a mapping",
            "write each item on its own line, beginning with a dash",
        ),
        (
            {"match": [None]},
            "expected a mapping, found null",
            "give it a value, or remove it",
        ),
        (
            {"corsPolicy": {"unmatchedPreflights": "ignore"}},
            '"ignore" is not one of UNSPECIFIED, FORWARD, IGNORE',
            "write IGNORE",
        ),
        (
            {"retries": {"attempts": 1, "retryOn": "5xx, reset"}},
            '" reset" is neither a retry condition of Envoy nor an HTTP status',
            "leave out the spaces",
        ),
        (
            {"retries": {"attempts": 1, "retryOn": "conect-failure"}},
            '"conect-failure" is neither a retry condition of Envoy nor an HTTP status',
            "write connect-failure",
        ),
        (
            {"match": [{"uri": {"regex": "/a("}}]},
            '"/a(" is not a regular expression of RE2: missing ): /a(',
            None,
        ),
        (
            {"mirror": {}},
            "the host is missing",
            None,
        ),
        (
            {"mirror": {"host": "a", "port": {}}},
            "the port's number is 0 or left out, not between 1 and 65535",
            None,
        ),
        (
            {"match": [{"port": 70000}]},
            "port 70000 is not between 1 and 65535",
            None,
        ),
        (
            {"match": [{"port": -1}]},
            "-1 is not between 0 and 4294967295",
            None,
        ),
        (
            {"headers": {"request": {"set": {"x": "50%"}}}},
            'the value "50%" of header "x" ends where a % that ends the variable '
            "(a percent sign itself is %%) was expected",
            None,
        ),
        (
            {"route": [{"destination": {"host": "a_b"}}]},
            '"a_b" has the label "a_b" (a label is at most 63 letters, digits and inner hyphens)',
            None,
        ),
    ],
)
def test_a_message_says_what_is_there_and_what_was_wanted(
    rule: dict[str, object], message: str, hint: str | None
) -> None:
    _, diagnostics = decoded_body(virtual_service(**rule))

    assert [(d.message, d.hint) for d in diagnostics] == [(message, hint)]


@pytest.mark.parametrize(
    ("rule", "message", "hint"),
    [
        (
            {"match": [{"uri": "/api"}]},
            'expected a mapping, found the text "/api"',
            "write {exact: /api}, or {prefix: /api}",
        ),
        (
            {"route": [{"destination": "reviews"}]},
            'expected a mapping, found the text "reviews"',
            "write {host: reviews}",
        ),
        (
            {"mirror": {"host": "a", "port": 80}},
            "expected a mapping, found the number 80",
            "write {number: 80}",
        ),
        (
            {"corsPolicy": {"allowOrigins": ["https://a.example"]}},
            'expected a mapping, found the text "https://a.example"',
            'write {exact: "https://a.example"}, or {prefix: "https://a.example"}',
        ),
        (
            {"corsPolicy": {"allowMethods": "GET, POST"}},
            'expected a list, found the text "GET, POST"',
            "write [GET, POST]",
        ),
        (
            {"headers": {"request": {"add": [{"name": "x-user", "value": "a"}]}}},
            "expected a mapping, found a list",
            "write {x-user: a}",
        ),
        (
            {"match": [{"headers": [{"name": "user", "exact": "jason"}]}]},
            "expected a mapping, found a list",
            "write {user: {exact: jason}}",
        ),
        (
            {"match": [{"sourceLabels": "app=web"}]},
            'expected a mapping, found the text "app=web"',
            "write {app: web}",
        ),
        (
            {"retries": [{"attempts": 2}]},
            "expected a mapping, found a list",
            "leave out the dash, or the square brackets",
        ),
    ],
)
def test_a_value_in_place_of_a_mapping_or_a_list_is_put_in_its_place(
    rule: dict[str, object], message: str, hint: str
) -> None:
    _, diagnostics = decoded_body(virtual_service(**rule))

    assert [(d.message, d.hint) for d in diagnostics] == [(message, hint)]


def test_all_faults_of_an_object_are_reported_at_once() -> None:
    body = virtual_service(timeOut="1s", timeout="soon", retries={"attempts": "x"}, redirect={})

    _, diagnostics = decoded_body(body)

    assert sorted(str(d.code) for d in diagnostics) == [
        "CP0201",
        "CP0202",
        "CP0204",
        "CP0206",
        "CP0207",
    ]


@pytest.mark.parametrize(
    ("host", "message", "hint"),
    [
        ("http://web:8080/a", '"http://web:8080/a" is a URL, not a host', 'write "web"'),
        ("web.example:8080", '"web.example:8080" has a port', 'write "web.example"'),
        ("web.example/a", '"web.example/a" has a path', 'write "web.example"'),
    ],
)
def test_a_url_is_no_host(host: str, message: str, hint: str) -> None:
    _, diagnostics = decoded_body(virtual_service(route=[{"destination": {"host": host}}]))

    assert [(d.message, d.hint) for d in diagnostics] == [(message, hint)]


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("https://a.example", '"https://a.example" is a URL, not a host'),
        ("a.example/", '"a.example/" has a path'),
        ("a.example:443", '"a.example:443" has a port'),
    ],
)
def test_a_url_is_no_host_of_a_gateway(host: str, message: str) -> None:
    server = {"port": {"number": 80, "name": "a", "protocol": "HTTP"}, "hosts": [host]}

    _, diagnostics = decoded_body(body_of("Gateway", {"servers": [server]}))

    assert [(d.message, d.hint) for d in diagnostics] == [(message, 'write "a.example"')]


@pytest.mark.parametrize(
    ("protocol", "hint"),
    [
        ("HTPP", "write HTTP"),
        (
            "sctp2",
            "Istio knows HTTP, HTTP2, GRPC, GRPC-WEB, HTTPS, TLS, TCP, MONGO, REDIS, MYSQL",
        ),
    ],
)
def test_the_protocol_that_was_meant_is_named(protocol: str, hint: str) -> None:
    server = {"port": {"number": 80, "name": "a", "protocol": protocol}, "hosts": ["*"]}
    body = body_of("Gateway", {"selector": {"a": "b"}, "servers": [server]})

    _, diagnostics = decoded_body(body)

    assert [(d.message, d.hint) for d in diagnostics] == [(f'"{protocol}" is not a protocol', hint)]


def test_what_follows_from_a_fault_is_not_reported_as_another() -> None:
    body = body_of("VirtualService", {"hosts": ["reviews"], "Http": [{"route": ROUTE}]})

    _, diagnostics = decoded_body(body)

    assert [d.message for d in diagnostics] == ['spec has no field "Http"']


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"hosts": ["*"], "gateways": "shop"}, 'expected a list, found the text "shop"'),
        ({"hosts": "*", "gateways": ["shop"]}, 'expected a list, found the text "*"'),
        ({"hosts": ["*"], "gateway": "shop"}, 'spec has no field "gateway"'),
    ],
)
def test_what_a_list_would_be_is_not_missing(spec: dict[str, object], message: str) -> None:
    _, diagnostics = decoded_body(body_of("VirtualService", {**spec, "http": [{"route": ROUTE}]}))

    assert [d.message for d in diagnostics] == [message]


def test_secrets_are_never_shown() -> None:
    body = body_of("Secret", {"data": {"tls.key": "very secret"}})

    _, diagnostics = decoded_body(body)

    assert [d.message for d in diagnostics] == ['the value of "tls.key" is not base64']


@pytest.mark.parametrize(
    ("kind", "spec", "message", "hint"),
    [
        (
            "PeerAuthentication",
            {"mtls": "STRICT"},
            'expected a mapping, found the text "STRICT"',
            "write {mode: STRICT}",
        ),
        (
            "PeerAuthentication",
            {"mtls": {"mode": "strict"}},
            '"strict" is not one of UNSET, DISABLE, PERMISSIVE, STRICT',
            "write STRICT",
        ),
        (
            "Sidecar",
            {"egress": [{"hosts": ["reviews"]}]},
            '"reviews" has no slash; expected NAMESPACE/HOST',
            'write "./reviews.default.svc.cluster.local" for a service, '
            '"reviews/*" for a namespace',
        ),
        (
            "Sidecar",
            {"egress": [{"hosts": ["reviews.shop.svc.cluster.local"]}]},
            '"reviews.shop.svc.cluster.local" has no slash; expected NAMESPACE/HOST',
            'write "*/reviews.shop.svc.cluster.local"',
        ),
        (
            "Sidecar",
            {"egress": [{"hosts": ["shop/reviews"]}]},
            '"reviews" is a short name; a Sidecar needs fully qualified host names',
            "write shop/reviews.shop.svc.cluster.local",
        ),
        (
            "Sidecar",
            {"ingress": [{"port": {"number": 80}, "defaultEndpoint": "localhost:80"}]},
            '"localhost:80" is not an address that the application of this sidecar has',
            "write 127.0.0.1:PORT, [::1]:PORT, 0.0.0.0:PORT, [::]:PORT, :PORT or unix:///PATH",
        ),
    ],
)
def test_of_sidecars(kind: str, spec: dict[str, object], message: str, hint: str) -> None:
    _, diagnostics = decoded_body(body_of(kind, spec))

    assert [(d.message, d.hint) for d in diagnostics if d.code.id != "CP0203"] == [(message, hint)]
