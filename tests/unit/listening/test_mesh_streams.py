"""Who gets connections that several ask for: services on one port, and rules for the mesh."""

from tests.support.declared import Declared
from tests.unit.listening.calls import (
    HTTP,
    PASSES,
    client,
    entry,
    found,
    out,
    port,
    rules,
    service,
)


def test_of_two_that_want_every_connection_the_first_service_has_it() -> None:
    text = entry("b", port(9000, "TCP")) + entry("a", port(9000, "TCP"))

    assert found(text) == {"0.0.0.0_9000": [f"-> {out(9000, 'a.example.com')}"]}


def test_http_and_tcp_share_a_port_by_looking_at_the_first_bytes() -> None:
    text = service("a", "{name: http, port: 9000}") + entry("b", port(9000, "TCP"))

    assert found(text) == {
        "0.0.0.0_9000": [HTTP + "table 9000", f"else -> {out(9000, 'b.example.com')}"]
    }


def test_names_come_before_what_takes_every_connection() -> None:
    text = entry("a", port(443, "TCP")) + entry("b", port(443, "TLS"))

    assert found(text) == {
        "0.0.0.0_443": [
            f"b.example.com -> {out(443, 'b.example.com')}",
            f"else -> {out(443, 'a.example.com')}",
        ]
    }


def test_a_protocol_whose_server_speaks_first_shares_its_port_with_no_other() -> None:
    text = entry("a", port(3306, "MYSQL")) + service("b", "{name: http, port: 3306}")

    assert found(text) == {"0.0.0.0_3306": [f"-> {out(3306, 'a.example.com')}"]}


def test_a_tcp_rule_takes_the_connections_of_its_port() -> None:
    text = service("a", "{name: tcp, port: 5000}") + rules(
        "r", "a", "tcp: [{match: [{port: 5000}], route: [{destination: {host: b}}]}]"
    )

    assert found(text) == {"10.96.0.1_5000": [f"-> {out(5000, 'b')}"]}


def test_a_tcp_rule_for_another_port_is_not_used() -> None:
    text = service("a", "{name: tcp, port: 5000}") + rules(
        "r", "a", "tcp: [{match: [{port: 1}], route: [{destination: {host: b}}]}]"
    )

    assert found(text) == {"10.96.0.1_5000": [f"-> {out(5000, 'a')}"]}


def test_a_rule_for_gateways_alone_is_not_used() -> None:
    text = service("a", "{name: tcp, port: 5000}") + rules(
        "r", "a", "gateways: [gw], tcp: [{route: [{destination: {host: b}}]}]"
    )

    assert found(text) == {"10.96.0.1_5000": [f"-> {out(5000, 'a')}"]}


def test_subnets_come_before_the_service_itself() -> None:
    text = entry("a", port(5000, "TCP")) + rules(
        "r",
        "a.example.com",
        "tcp: [{match: [{destinationSubnets: [10.1.0.0/16, 10.0.0.7]}],"
        " route: [{destination: {host: b}}]}]",
    )

    assert found(text) == {
        "0.0.0.0_5000": [
            f"10.0.0.7/32 10.1.0.0/16 -> {out(5000, 'b')}",
            f"else -> {out(5000, 'a.example.com')}",
        ]
    }


def test_tls_rules_replace_the_service_by_their_names() -> None:
    text = entry("a", port(443, "TLS"), host="*.example.com") + rules(
        "r",
        '"*.example.com"',
        "tls: [{match: [{sniHosts: [x.example.com, y.example.com]}],"
        " route: [{destination: {host: b}, weight: 1}, {destination: {host: c}, weight: 3}]}]",
    )

    assert found(text) == {
        "0.0.0.0_443": [
            f"x.example.com y.example.com -> 1*{out(443, 'b')}+3*{out(443, 'c')}",
            PASSES,
        ]
    }


def test_tcp_rules_are_not_for_tls_nor_tls_rules_for_tcp() -> None:
    text = (
        service("a", "{name: tls, port: 443}, {name: tcp, port: 5000}")
        + rules("one", "a", "tcp: [{route: [{destination: {host: b}}]}]")
        + rules(
            "two",
            "a",
            "tls: [{match: [{sniHosts: [a], port: 5000}], route: [{destination: {host: c}}]}]",
        )
    )

    assert found(text) == {
        "10.96.0.1_443": [f"-> {out(443, 'a')}"],
        "10.96.0.1_5000": [f"-> {out(5000, 'b')}"],
    }


def test_rules_are_for_callers_with_the_labels_and_of_the_namespace_that_they_name() -> None:
    text = service("a", "{name: tcp, port: 5000}") + rules(
        "r",
        "a",
        "tcp: [{match: [{sourceLabels: {app: web}}], route: [{destination: {host: labelled}}]},"
        " {match: [{sourceNamespace: shop}], route: [{destination: {host: shops}}]}]",
    )

    assert found(text, client(app="web", other="x")) == {
        "10.96.0.1_5000": [f"-> {out(5000, 'labelled')}"]
    }
    assert found(text, client("shop")) == {"10.96.0.1_5000": [f"-> {out(5000, 'shops')}"]}
    assert found(text) == {"10.96.0.1_5000": [f"-> {out(5000, 'a')}"]}


def test_private_rules_come_before_public_ones_and_are_for_their_namespace() -> None:
    text = (
        service("a", "{name: tcp, port: 5000}")
        + rules("a-public", "a", "tcp: [{route: [{destination: {host: public}}]}]")
        + rules(
            "private",
            "a.default.svc.cluster.local",
            "exportTo: [.], tcp: [{route: [{destination: {host: b}}]}]",
            namespace="shop",
        )
    )

    assert found(text, client("shop")) == {
        "10.96.0.1_5000": ["-> outbound|5000||b.shop.svc.cluster.local"]
    }
    assert found(text) == {"10.96.0.1_5000": [f"-> {out(5000, 'public')}"]}


def test_of_equal_names_the_first_rule_has_them_and_the_later_one_keeps_the_rest() -> None:
    text = entry("a", port(443, "TLS")) + rules(
        "r",
        "a.example.com, b.example.com",
        "tls: [{match: [{sniHosts: [a.example.com]}], route: [{destination: {host: b}}]},"
        " {match: [{sniHosts: [a.example.com, b.example.com]}],"
        " route: [{destination: {host: c}}]}]",
    )

    assert found(text) == {
        "0.0.0.0_443": [
            f"a.example.com -> {out(443, 'b')}",
            f"b.example.com -> {out(443, 'c')}",
            PASSES,
        ]
    }


def test_ports_whose_connections_another_takes_are_reported() -> None:
    text = entry("b", port(9000, "TCP")) + entry("a", port(9000, "TCP"))

    assert "CP0380 ServiceEntry/default/b.spec.ports[0]" in Declared(text).reported()
    assert not any("CP0380" in each for each in Declared(entry("a", port(9, "TCP"))).reported())


def test_names_that_differ_are_no_conflict() -> None:
    text = entry("b", port(443, "TLS")) + entry("a", port(443, "TLS"))

    assert not any("CP0380" in each for each in Declared(text).reported())


def test_a_service_entry_is_listened_for_at_each_of_its_addresses() -> None:
    text = entry(
        "a", port(9000, "TCP"), rest="addresses: [10.1.0.1, 10.2.0.0/16, 10.1.0.2]"
    ) + entry("b", port(9000, "TCP"), rest="addresses: [10.3.0.1]", host="a.example.com")

    assert found(text) == {
        "0.0.0.0_9000": [f"10.2.0.0/16 -> {out(9000, 'a.example.com')}", PASSES],
        **{
            f"{address}_9000": [f"-> {out(9000, 'a.example.com')}"]
            for address in ("10.1.0.1", "10.1.0.2", "10.3.0.1")
        },
    }


def test_tls_is_also_told_by_the_names_of_aliases() -> None:
    alias = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: default}\n"
        "spec: {type: ExternalName, externalName: a.example.com, ports: [{name: tls, port: 443}]}\n"
        "---\n"
    )

    assert found(entry("a", port(443, "TLS")) + alias)["0.0.0.0_443"][0] == (
        "a.example.com other.default other.default.svc other.default.svc.cluster.local"
        f" -> {out(443, 'a.example.com')}"
    )
