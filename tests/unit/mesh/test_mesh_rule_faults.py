"""What of a VirtualService for sidecars never applies is reported at its place."""

import pytest

from tests.support.checked import checked


def rules(
    name: str,
    body: str = "http: [{route: [{destination: {host: web}}]}]",
    *,
    hosts: str = "[web]",
    namespace: str = "shop",
    more: str = "",
) -> str:
    return f"""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  hosts: {hosts}
  {body}
  {more}
---
"""


def service(*ports: str, name: str = "web") -> str:
    listed = ", ".join(ports or ("{name: http, port: 80}",))
    return f"""\
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec: {{ports: [{listed}]}}
---
"""


def found(text: str) -> list[str]:
    return [line for line in checked(text) if any(f"CP0{n}" in line for n in (368, 369, 370))]


PUBLIC = 'exportTo: ["*"]'
PRIVATE = 'exportTo: ["."]'


def test_the_second_of_two_for_one_host_is_not_used() -> None:
    assert found(rules("b") + rules("a") + service()) == [
        "5:11 warning CP0368: sidecars use VirtualService shop/a for this host, which comes first: "
        "VirtualServices for one host do not merge in the mesh -> move the rules into "
        "VirtualService shop/a"
    ]


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [
        (PUBLIC, PUBLIC, True),
        (PUBLIC, PRIVATE, False),
        (PRIVATE, PUBLIC, False),
        (PRIVATE, PRIVATE, True),
        (PRIVATE, "exportTo: [other]", False),
        ("exportTo: [other]", "exportTo: [other]", True),
        ("exportTo: [other]", PUBLIC, False),
        (PUBLIC, "exportTo: [other]", False),
        (PRIVATE, 'exportTo: [".", other]', False),
    ],
)
def test_which_is_used_depends_on_who_sees_it(first: str, second: str, taken: bool) -> None:
    text = rules("a", more=first) + rules("b", more=second) + service()

    assert bool(found(text)) is taken


def test_rules_of_other_hosts_gateways_and_sorts_do_not_meet() -> None:
    tcp = "tcp: [{route: [{destination: {host: web}}]}]"
    of_gateway = rules("d", hosts="[web]", more="gateways: [gw]")
    wider = rules("e", hosts='["*.shop.svc.cluster.local"]')
    text = rules("a") + rules("b", hosts="[api]") + rules("c", tcp) + of_gateway + wider

    assert (
        found(
            text + service("{name: http, port: 80}", "{name: any, port: 81}") + service(name="api")
        )
        == []
    )


def test_a_host_that_no_service_has() -> None:
    assert found(rules("a", hosts="[wbe]") + service()) == [
        "5:11 warning CP0369: gateways is left out, so this is for sidecars, and no Service and no "
        'ServiceEntry has the host "wbe" (wbe.shop.svc.cluster.local): its rules apply to requests '
        "on port 80 alone -> write web"
    ]


def test_rules_for_streams_need_a_service() -> None:
    tcp = "tcp: [{route: [{destination: {host: web}}]}]"

    assert found(rules("a", tcp, hosts="[db.example.com]", more="gateways: [mesh]")) == [
        '5:11 warning CP0369: no Service and no ServiceEntry has the host "db.example.com": its '
        "rules never apply -> declare db.example.com with a Service or a ServiceEntry"
    ]


@pytest.mark.parametrize(
    ("hosts", "more"),
    [
        ("[web, alias.example.com]", ""),
        ('["*.shop.svc.cluster.local"]', ""),
        ('["*"]', ""),
        ("[shop.example.com]", "gateways: [gw, mesh]"),
        ("[shop.example.com]", "gateways: [gw]"),
    ],
)
def test_hosts_that_are_known_or_for_a_gateway(hosts: str, more: str) -> None:
    assert found(rules("a", hosts=hosts, more=more) + service()) == []


TLS = "tls: [{match: [{port: 443, sniHosts: [web]}], route: [{destination: {host: web}}]}]"
TCP = "tcp: [{route: [{destination: {host: web}}]}]"
HTTP = "http: [{match: [{port: PORT}], route: [{destination: {host: web}}]}]"


@pytest.mark.parametrize(
    ("body", "ports", "expected"),
    [
        (
            HTTP.replace("PORT", "0"),
            ["{name: tcp-a, port: 80}", "{name: tls-a, port: 443}"],
            "6:3 warning CP0370: the http rules have no effect: no port of web.shop speaks HTTP "
            "(its ports are 80 TCP, 443 TLS) -> set appProtocol: http at the port of Service "
            "shop/web, or name it http-…",
        ),
        (
            TLS,
            ["{name: http, port: 80}"],
            "6:3 warning CP0370: the tls rules have no effect: no port of web.shop speaks TLS "
            "(its ports are 80 HTTP) -> give the port of Service shop/web the protocol TLS or "
            "HTTPS, or use http or tcp rules",
        ),
        (
            TCP,
            ["{name: http, port: 80}", "{name: https, port: 443}"],
            "6:3 warning CP0370: the tcp rules have no effect: no port of web.shop speaks TCP "
            "(its ports are 80 HTTP, 443 HTTPS) -> use http rules, or tls rules for ports of TLS",
        ),
        (
            HTTP.replace("PORT", "81"),
            ["{name: http, port: 80}", "{name: tcp, port: 81}"],
            "6:26 warning CP0370: the match never applies: no service of these hosts has port 81 "
            "of HTTP (there is 80) -> write 80",
        ),
    ],
)
def test_rules_that_no_port_takes(body: str, ports: list[str], expected: str) -> None:
    assert found(rules("a", body) + service(*ports)) == [expected]


@pytest.mark.parametrize(
    ("body", "port"),
    [
        (HTTP.replace("PORT", "80"), "{name: http, port: 80}"),
        (HTTP.replace("PORT", "0"), "{name: grpc-web, port: 80}"),
        (HTTP.replace("PORT", "0"), "{name: anything, port: 80}"),
        (TCP, "{name: anything, port: 80}"),
        (TCP, "{name: mysql, port: 3306}"),
        (TLS, "{name: https, port: 443}"),
    ],
)
def test_rules_that_a_port_takes(body: str, port: str) -> None:
    assert found(rules("a", body) + service(port)) == []


def test_what_is_encrypted_is_not_routed_as_http() -> None:
    (line,) = found(rules("a", HTTP.replace("PORT", "0")) + service("{name: https, port: 443}"))

    assert line.endswith("-> use tls rules with sniHosts: what is encrypted is not routed as HTTP")
