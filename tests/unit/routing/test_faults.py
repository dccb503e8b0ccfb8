"""What leads nowhere is said without any proxy, at its place, with one step to take."""

import pytest

from controlplane.base.locations import path_text
from tests.support.declared import Declared
from tests.support.routes import GATEWAY, SERVICES, virtual_service

TO_SHOP = "route: [{destination: {host: shop}}]"
OTHERS = """
apiVersion: v1
kind: Service
metadata: {name: ratings, namespace: prod}
spec: {clusterIP: 10.96.1.3, ports: [{name: http, port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: hidden, namespace: prod, annotations: {networking.istio.io/exportTo: "."}}
spec: {clusterIP: 10.96.1.4, ports: [{name: http, port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: two, namespace: default}
spec: {clusterIP: 10.96.1.5, ports: [{name: http, port: 80}, {name: http-more, port: 81}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec:
  host: reviews
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
---
"""


def said(text: str, name: str = "shop") -> list[tuple[str, str, str, str | None, str | None]]:
    """Code, place, message, note and hint of what is said of one VirtualService, or a rule for it;
    what is said of the Services of that name is not the subject here.
    """
    declared = Declared(text)
    return [
        (note.code.id, path_text(note.place.path), note.message, note.note, note.hint)
        for note in declared.diagnostics()
        if note.place.object.name == name and note.place.object.kind.name != "Service"
    ]


@pytest.mark.parametrize(
    ("destination", "code", "field", "message", "note", "hint"),
    [
        pytest.param(
            "{host: nobody}",
            "CP0301",
            ".host",
            'host "nobody" (nobody.default.svc.cluster.local) is declared by no Service and no '
            "ServiceEntry",
            None,
            "create Service default/nobody",
            id="a host that nobody declares",
        ),
        pytest.param(
            "{host: api.example.org}",
            "CP0301",
            ".host",
            'host "api.example.org" is declared by no Service and no ServiceEntry',
            None,
            "add a ServiceEntry for api.example.org",
            id="a host outside of the mesh",
        ),
        pytest.param(
            "{host: ratings}",
            "CP0301",
            ".host",
            'host "ratings" (ratings.default.svc.cluster.local) is declared by no Service and no '
            "ServiceEntry",
            None,
            "write ratings.prod.svc.cluster.local",
            id="a short name of another namespace's service",
        ),
        pytest.param(
            "{host: ratings.prod}",
            "CP0301",
            ".host",
            'host "ratings.prod" is declared by no Service and no ServiceEntry',
            None,
            "write ratings.prod.svc.cluster.local",
            id="a name with a dot is complete",
        ),
        pytest.param(
            "{host: hidden.prod.svc.cluster.local}",
            "CP0301",
            ".host",
            'host "hidden.prod.svc.cluster.local" is declared by Service prod/hidden, which does '
            "not export it to default and istio-system",
            None,
            'add "default" to exportTo of Service prod/hidden',
            id="a host that is hidden from those who ask",
        ),
        pytest.param(
            "{host: reviews, subset: v3}",
            "CP0302",
            ".subset",
            'subset "v3" of reviews.default is not declared',
            "DestinationRule default/reviews declares v1 and v2",
            'add subset "v3" to DestinationRule default/reviews',
            id="a subset that the rule lacks",
        ),
        pytest.param(
            "{host: shop, subset: v1}",
            "CP0302",
            ".subset",
            'subset "v1" of shop.default is not declared',
            "no DestinationRule applies to shop.default.svc.cluster.local",
            'add a DestinationRule for shop.default.svc.cluster.local with the subset "v1"',
            id="a subset without any rule",
        ),
        pytest.param(
            "{host: reviews, port: {number: 80}}",
            "CP0303",
            ".port.number",
            "port 80 of reviews.default is not declared",
            "Service default/reviews declares 9080",
            "write 9080",
            id="a port that the service lacks",
        ),
        pytest.param(
            "{host: two}",
            "CP0303",
            "",
            "the destination names no port, and two.default has 2 ports",
            "Service default/two declares 80 and 81",
            "write port: {number: …} with one of them",
            id="no port where there are several, none of them the server's",
        ),
    ],
)
def test_destinations_that_lead_nowhere(
    destination: str, code: str, field: str, message: str, note: str | None, hint: str | None
) -> None:
    rules = virtual_service(f"[{{route: [{{destination: {destination}}}]}}]")
    found = said(GATEWAY + SERVICES + OTHERS + rules)

    at = f".spec.http[0].route[0].destination{field}"
    assert found == [(code, at, message, note, hint)]


@pytest.mark.parametrize(
    "destination",
    [
        "{host: reviews, subset: v1}",
        "{host: reviews, port: {number: 9080}}",
        "{host: ratings.prod.svc.cluster.local}",
    ],
)
def test_nothing_is_said_of_destinations_that_are_declared(destination: str) -> None:
    rules = virtual_service(f"[{{route: [{{destination: {destination}}}]}}]")

    assert said(GATEWAY + SERVICES + OTHERS + rules) == []


@pytest.mark.parametrize(
    ("resolution", "gateways", "rule", "place", "message"),
    [
        (
            "NONE",
            "[istio-system/gw]",
            "http: [{route: %s}]",
            ".spec.http[0].route[0].destination.host",
            "ServiceEntry default/all has no endpoints, and a gateway does not know the "
            "client's destination",
        ),
        (
            "DYNAMIC_DNS",
            "[istio-system/gw]",
            'tls: [{match: [{sniHosts: ["*.example.com"]}], route: %s}]',
            ".spec.tls[0].route[0].destination.host",
            "ServiceEntry default/all is resolved by the host of HTTP requests, which a TCP "
            "stream does not have",
        ),
        ("DYNAMIC_DNS", "[istio-system/gw]", "http: [{route: %s}]", None, None),
        ("NONE", "[istio-system/gw, mesh]", "http: [{route: %s}]", None, None),
    ],
    ids=["no endpoints", "no host in a stream", "the host of a request", "sidecars ask too"],
)
def test_what_a_gateway_does_not_find(
    resolution: str, gateways: str, rule: str, place: str | None, message: str | None
) -> None:
    route = '[{destination: {host: "*.example.com", port: {number: 443}}}]'
    text = f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: all, namespace: default}}
spec:
  hosts: ["*.example.com"]
  resolution: {resolution}
  ports: [{{number: 443, name: tls, protocol: TLS}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: shop, namespace: default}}
spec: {{hosts: ["*.example.com"], gateways: {gateways}, {rule % route}}}
"""
    hint = "list endpoints in ServiceEntry default/all and set resolution: STATIC or DNS"
    expected = [] if place is None else [("CP0329", place, message, None, hint)]

    assert [one for one in said(GATEWAY + text) if one[0] == "CP0329"] == expected


def test_mirrors_are_destinations_too() -> None:
    rules = f"[{{mirror: {{host: nobody}}, {TO_SHOP}}}]"
    found = said(GATEWAY + SERVICES + virtual_service(rules))

    assert [(code, at) for code, at, *_ in found] == [("CP0301", ".spec.http[0].mirror.host")]


def test_a_gateway_of_another_namespace_is_proposed() -> None:
    text = virtual_service(f"[{{{TO_SHOP}}}]").replace("istio-system/gw", "gw")
    ((code, at, message, _, hint),) = said(GATEWAY + SERVICES + text)

    assert (code, at) == ("CP0304", ".spec.gateways[0]")
    assert message == 'gateway "gw" does not exist: there is no Gateway default/gw'
    assert hint == 'write "istio-system/gw"'


def test_a_gateway_that_is_nowhere_is_to_be_created() -> None:
    text = virtual_service(f"[{{{TO_SHOP}}}]").replace("istio-system/gw", "lost")
    ((code, *_, hint),) = said(GATEWAY + SERVICES + text)

    assert (code, hint) == ("CP0304", "create Gateway default/lost")


def test_a_host_that_no_server_has() -> None:
    text = virtual_service(f"[{{{TO_SHOP}}}]", host="Shop.example.org")
    ((code, at, message, note, hint),) = said(GATEWAY + SERVICES + text)

    assert (code, at, hint) == ("CP0306", ".spec.hosts[0]", None)
    assert message == (
        'host "Shop.example.org" is not served: no server of Gateway istio-system/gw serves it for '
        "VirtualServices of namespace default"
    )
    assert note == "its servers have *.example.com"


def test_a_host_that_differs_from_the_servers_in_case_alone() -> None:
    text = virtual_service(f"[{{{TO_SHOP}}}]", host="shop.Example.com")
    ((code, _, _, _, hint),) = said(GATEWAY + SERVICES + text)

    assert code == "CP0306"
    assert hint == "spell the host as the server does: the comparison is case-sensitive"


def test_delegates_that_are_missing_unused_or_contradicted() -> None:
    root = "[{match: [{uri: {prefix: /a}}], delegate: {name: leaf}}, {delegate: {name: lost}}]"
    leaf = virtual_service(f"[{{match: [{{uri: {{exact: /b}}}}], {TO_SHOP}}}]", name="leaf")
    unused = virtual_service(f"[{{{TO_SHOP}}}]", name="unused")
    bare = [
        text.replace('hosts: ["shop.example.com"]', "").replace("gateways: [istio-system/gw]", "")
        for text in (leaf, unused)
    ]
    text = GATEWAY + SERVICES + virtual_service(root) + "".join(bare)

    assert [(code, at, hint) for code, at, *_, hint in said(text)] == [
        ("CP0305", ".spec.http[1].delegate.name", "create VirtualService default/lost")
    ]
    assert [(code, at) for code, at, *_ in said(text, "leaf")] == [("CP0341", ".spec.http[0]")]
    assert [(code, at) for code, at, *_ in said(text, "unused")] == [("CP0342", ".spec")]


def test_a_rule_that_another_virtual_service_hides() -> None:
    at_a = f"{{match: [{{uri: {{exact: /a}}}}], {TO_SHOP}}}"
    at_b = f"{{match: [{{uri: {{exact: /b}}}}], {TO_SHOP}}}"
    first = virtual_service(f"[{at_a}, {{{TO_SHOP}}}]", name="a")
    second = virtual_service(f"[{at_a}, {at_b}]")
    ((code, at, message, _, _),) = said(GATEWAY + SERVICES + first + second)

    assert (code, at) == ("CP0307", ".spec.http[0]")
    assert message == (
        "this rule is unreachable for shop.example.com at istio-system/gw: VirtualService "
        "default/a comes first and matches every request it would"
    )
    assert said(GATEWAY + SERVICES + first + second, "a") == []


def told_of_second(first: str, second: str, gateway: str = GATEWAY) -> list[str]:
    """Places of rules of ``shop`` that are hidden by VirtualService ``a`` of the same host."""
    text = gateway + SERVICES + virtual_service(first, name="a") + virtual_service(second)
    return [at for code, at, *_ in said(text) if code == "CP0307"]


def test_what_catches_all_goes_behind_the_rules_of_others() -> None:
    everything, at_a = f"{{{TO_SHOP}}}", f"{{match: [{{uri: {{exact: /a}}}}], {TO_SHOP}}}"

    assert told_of_second(f"[{everything}]", f"[{at_a}]") == []
    assert told_of_second(f"[{everything}]", f"[{everything}]") == [".spec.http[0]"]


def test_rules_behind_one_that_catches_all_hide_nothing() -> None:
    everything, at_a = f"{{{TO_SHOP}}}", f"{{match: [{{uri: {{exact: /a}}}}], {TO_SHOP}}}"

    assert told_of_second(f"[{everything}, {at_a}]", f"[{at_a}]") == []


def test_rules_hide_more_than_their_like() -> None:
    below = f"{{match: [{{uri: {{prefix: /a}}}}], {TO_SHOP}}}"
    exact = f"{{match: [{{uri: {{exact: /a/b}}, method: {{exact: GET}}}}], {TO_SHOP}}}"

    assert told_of_second(f"[{below}]", f"[{exact}]") == [".spec.http[0]"]


def test_who_is_not_admitted_or_not_seen_by_all_hides_nothing() -> None:
    below = f"{{match: [{{uri: {{prefix: /a}}}}], {TO_SHOP}}}"
    text = virtual_service(f"[{below}]", name="a") + virtual_service(f"[{below}]")
    admitting = GATEWAY.replace("*.example.com", "default/*.example.com")
    elsewhere = text.replace("name: a, namespace: default", "name: a, namespace: team")
    private = text.replace(
        "name: a, namespace: default}\nspec:",
        "name: a, namespace: default}\nspec:\n  exportTo: [istio-system]",
    )

    def hidden(gateway: str, services: str) -> list[str]:
        return [code for code, *_ in said(gateway + SERVICES + services) if code == "CP0307"]

    assert hidden(admitting, text) == ["CP0307"]
    assert hidden(admitting, elsewhere) == []
    assert hidden(GATEWAY, elsewhere) == ["CP0307"]
    assert hidden(GATEWAY, private) == []


def test_a_match_for_a_gateway_that_the_object_is_not_bound_to() -> None:
    rules = f"[{{match: [{{gateways: [other]}}], {TO_SHOP}}}]"
    found = said(GATEWAY + SERVICES + virtual_service(rules))

    assert [(code, at) for code, at, *_ in found] == [
        ("CP0343", ".spec.http[0].match[0].gateways[0]")
    ]


def test_a_header_command_that_envoy_does_not_know() -> None:
    rules = f"[{{headers: {{request: {{set: {{x-a: '%NO_SUCH_THING%'}}}}}}, {TO_SHOP}}}]"
    ((code, at, message, _, _),) = said(GATEWAY + SERVICES + virtual_service(rules))

    assert (code, at) == ("CP0340", ".spec.http[0].headers.request.set.x-a")
    assert message == ('"%NO_SUCH_THING%" is not a command of Envoy, so it is sent as it is')


def test_names_that_envoy_does_not_take() -> None:
    rules = (
        f"[{{match: [{{queryParams: {{'': {{exact: a}}}}}},"
        f" {{headers: {{'@request.auth.claims.a..b': {{exact: c}}}}}}], {TO_SHOP}}}]"
    )
    found = said(GATEWAY + SERVICES + virtual_service(rules))

    assert [(code, at) for code, at, *_ in found] == [
        ("CP0309", ".spec.http[0].match[0].queryParams"),
        ("CP0309", ".spec.http[0].match[1].headers.@request.auth.claims.a..b"),
    ]
