"""Who shares a port and who loses it, when several servers claim it."""

from dataclasses import replace

import pytest

from controlplane.model.proxy import IpFamily, Target
from controlplane.queries.selection.gateways import gateway_tables, merged_gateways
from tests.support.declared import INGRESS, Declared

TLS = "{{mode: SIMPLE, credentialName: cert}}"


def gateway(name: str, *servers: str, selector: str = "{istio: ingressgateway}") -> str:
    listed = "".join(
        f"  - {server.format(port_name=f's{i}')}\n" for i, server in enumerate(servers)
    )
    return (
        "apiVersion: networking.istio.io/v1\nkind: Gateway\n"
        f"metadata: {{name: {name}, namespace: apps}}\n"
        f"spec:\n  selector: {selector}\n  servers:\n{listed}---\n"
    )


def server(protocol: str, host: str = "a.com", *, port: int = 80, bind: str = "") -> str:
    """``HTTPS`` and ``TLS`` end here; ``PASS`` is TLS that passes through, ``REDIRECT`` plain HTTP
    that is sent to HTTPS.
    """
    tls = {
        "HTTPS": TLS,
        "TLS": TLS,
        "PASS": "{{mode: PASSTHROUGH}}",
        "REDIRECT": "{{httpsRedirect: true}}",
    }.get(protocol)
    protocol = {"PASS": "TLS", "REDIRECT": "HTTP"}.get(protocol, protocol)
    parts = [
        f"port: {{{{number: {port}, name: {{port_name}}, protocol: {protocol}}}}}",
        f'hosts: ["{host}"]',
        *([f"bind: {bind}"] if bind else []),
        *([f"tls: {tls}"] if tls else []),
    ]
    return "{{" + ", ".join(parts) + "}}"


@pytest.mark.parametrize(
    ("first", "second", "claim"),
    [
        pytest.param(server("HTTP"), server("HTTP", "b.com"), None, id="HTTP shares with HTTP"),
        pytest.param(server("HTTP"), server("GRPC"), None, id="HTTP shares with gRPC"),
        pytest.param(server("HTTP"), server("TCP"), "port 80", id="TCP loses to HTTP"),
        pytest.param(server("TCP"), server("HTTP"), "port 80", id="HTTP loses to TCP"),
        pytest.param(server("TCP"), server("TCP"), "port 80", id="TCP loses to TCP"),
        pytest.param(server("HTTP"), server("HTTPS"), "port 80", id="HTTPS loses to HTTP"),
        pytest.param(server("HTTPS"), server("HTTPS", "b.com"), None, id="two hosts of TLS share"),
        pytest.param(
            server("HTTPS"), server("HTTPS"), 'host "a.com" on port 80', id="a host is taken once"
        ),
        pytest.param(
            server("HTTPS", "x/a.com"),
            server("HTTPS", "y/a.com"),
            'host "a.com" on port 80',
            id="a host is taken once, whatever the namespaces",
        ),
        pytest.param(
            server("HTTPS", "A.com"),
            server("HTTPS", "a.com"),
            'host "a.com" on port 80',
            id="a host is taken once, in any case",
        ),
        pytest.param(
            server("PASS", "x/a.com"),
            server("PASS", "y/a.com"),
            None,
            id="TLS of a host passes to each of two namespaces",
        ),
        pytest.param(
            server("HTTPS", "x/a.com"), server("PASS", "y/a.com"), None, id="routes decide"
        ),
        pytest.param(server("HTTPS", "*.a.com"), server("HTTPS", "b.a.com"), None, id="a wildcard"),
        pytest.param(server("HTTPS", "*"), server("HTTPS"), None, id="any host beside one"),
        pytest.param(server("HTTPS"), server("HTTP"), None, id="HTTP joins HTTPS, as in Istio"),
        pytest.param(
            server("HTTPS", "*"), server("HTTP"), "port 80", id="HTTP loses to HTTPS for any host"
        ),
        pytest.param(server("HTTPS"), server("PASS", "*.com"), None, id="TLS passes by HTTPS"),
        pytest.param(
            server("REDIRECT"),
            server("REDIRECT"),
            'host "a.com" on port 80',
            id="a host is redirected once",
        ),
        pytest.param(
            server("REDIRECT", "x/a.com"),
            server("REDIRECT", "y/a.com"),
            None,
            id="a host is redirected once for each namespace",
        ),
        pytest.param(
            server("HTTP"), server("REDIRECT"), None, id="a host is served and redirected"
        ),
        pytest.param(
            server("HTTPS"), server("REDIRECT", "b.com"), None, id="a redirect joins HTTPS"
        ),
        pytest.param(
            server("HTTPS"), server("HTTPS", port=81), None, id="another port is another listener"
        ),
        pytest.param(
            server("HTTP", bind="127.0.0.8"),
            server("TCP", bind="127.0.0.9"),
            None,
            id="another address is another listener",
        ),
        pytest.param(
            server("HTTP"),
            server("TCP", bind="0.0.0.0"),
            "port 80",
            id="every address, written out",
        ),
    ],
)
def test_the_second_server_shares_the_port_or_loses_it(
    first: str, second: str, claim: str | None
) -> None:
    declared = Declared(gateway("gw", first, second))

    found = merged_gateways(declared.graph, declared.instance())

    assert [c.claim for c in found.conflicts] == ([claim] if claim else [])
    assert [c.loser.port_name for c in found.conflicts] == (["s1"] if claim else [])


def test_plaintext_joins_one_tls_server_and_not_two() -> None:
    declared = Declared(gateway("gw", server("HTTPS"), server("HTTPS", "b.com"), server("HTTP")))

    found = merged_gateways(declared.graph, declared.instance())

    assert [(c.loser.port_name, c.claim) for c in found.conflicts] == [("s2", "port 80")]


@pytest.mark.parametrize(
    ("servers", "losers"),
    [
        pytest.param(
            (server("HTTPS"), server("HTTP", "b.com"), server("HTTP", "c.com")),
            ["s2"],
            id="one in plaintext joins TLS",
        ),
        pytest.param(
            (server("HTTPS"), server("REDIRECT", "b.com"), server("REDIRECT", "c.com")),
            ["s2"],
            id="one that redirects joins TLS",
        ),
        pytest.param(
            (server("HTTPS"), server("TCP"), server("HTTPS", "b.com")),
            [],
            id="TCP joins TLS, and more TLS",
        ),
        pytest.param(
            (
                server("HTTP", bind="127.0.0.8"),
                server("HTTP", bind="127.0.0.9"),
                server("HTTPS", bind="127.0.0.9"),
            ),
            [],
            id="TLS joins plaintext of a port that is plaintext at another address",
        ),
        pytest.param(
            (
                server("HTTPS", bind="127.0.0.8"),
                server("HTTP", bind="127.0.0.9"),
                server("HTTP", "b.com", bind="127.0.0.9"),
            ),
            ["s2"],
            id="one in plaintext joins a port that is TLS at another address",
        ),
    ],
)
def test_who_opens_a_port_decides_how_others_join(
    servers: tuple[str, ...], losers: list[str]
) -> None:
    declared = Declared(gateway("gw", *servers))

    found = merged_gateways(declared.graph, declared.instance())

    assert [c.loser.port_name for c in found.conflicts] == losers


@pytest.mark.parametrize(
    ("first", "second", "spoken"), [("GRPC-WEB", "HTTP", True), ("HTTP", "GRPC-WEB", False)]
)
def test_the_first_http_server_of_a_port_says_whether_it_speaks_grpc_web(
    first: str, second: str, spoken: bool
) -> None:
    declared = Declared(gateway("gw", server(first), server(second, "b.com")))

    (listener,) = declared.listeners().values()

    filters = listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
    assert ("envoy.filters.http.grpc_web" in [f["name"] for f in filters]) is spoken


def test_the_gateway_that_is_first_by_name_keeps_the_port_wherever_it_is_written() -> None:
    declared = Declared(gateway("b", server("HTTP")) + gateway("a", server("TCP")))

    found = merged_gateways(declared.graph, declared.instance())

    assert [(c.loser.gateway, c.winner.gateway) for c in found.conflicts] == [("apps/b", "apps/a")]
    assert [c.hint for c in found.conflicts] == ["give it another port"]
    assert list(declared.listeners()) == []
    assert "CP0310 Gateway/apps/b.spec.servers[0]" in declared.reported()


def test_a_gateway_serves_proxies_with_all_labels_of_its_selector() -> None:
    declared = Declared(
        gateway("any", server("HTTP", port=1), selector="{}")
        + gateway("ours", server("HTTP", port=2))
        + gateway("narrow", server("HTTP", port=3), selector="{istio: ingressgateway, zone: a}")
        + gateway("other", server("HTTP", port=4), selector="{istio: egressgateway}")
    )

    assert list(declared.listeners()) == ["0.0.0.0_1", "0.0.0.0_2"]


def test_http_servers_of_a_port_share_a_route_table_and_https_servers_have_their_own() -> None:
    declared = Declared(
        gateway("a", server("HTTP"), server("HTTPS", port=443))
        + gateway("b", server("HTTP", "b.com"), server("HTTPS", "b.com", port=443))
    )

    found = gateway_tables(declared.graph, declared.instance())
    tables = {o.name: [s.gateway for s in o.servers] for o in found}

    assert tables == {
        "http.80": ["apps/a", "apps/b"],
        "https.443.s1.a.apps": ["apps/a"],
        "https.443.s1.b.apps": ["apps/b"],
    }


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("a.com", [("a.com", None)]),
        ("./a.com", [("a.com", "apps")]),
        ("*/a.com", [("a.com", None)]),
        ("team/a.com", [("a.com", "team")]),
        ("*/*", [("*", None)]),
        ("team/*", [("*", "team")]),
    ],
)
def test_a_host_says_which_namespaces_may_route_it(
    host: str, expected: list[tuple[str, str | None]]
) -> None:
    declared = Declared(gateway("gw", server("HTTP", host)))

    (table,) = gateway_tables(declared.graph, declared.instance())

    assert [(h.host, h.namespace) for h in table.servers[0].hosts] == expected


@pytest.mark.parametrize(
    ("bind", "port", "name", "table"),
    [
        ("127.0.0.8", 80, "127.0.0.8_80", "http.80.127.0.0.8"),
        ('"2001:db8::7"', 80, "2001:db8::7_80", "http.80.2001:db8::7"),
        ('"unix:///run/a"', 0, "unix:///run/a_0", "http.0.unix:///run/a"),
    ],
)
def test_a_server_listens_where_it_says(bind: str, port: int, name: str, table: str) -> None:
    declared = Declared(gateway("gw", server("HTTP", port=port, bind=bind)))

    found = declared.listeners()

    assert list(found) == [name]
    address = found[name]["address"]
    spoken = address.get("socket_address", {}).get("address") or address["pipe"]["path"]
    assert spoken == bind.strip('"').removeprefix("unix://")
    assert [o.name for o in gateway_tables(declared.graph, declared.instance())] == [table]


def test_a_proxy_without_ipv4_listens_at_every_address_of_ipv6() -> None:
    declared = Declared(gateway("gw", server("HTTP")))

    assert list(declared.listeners(replace(INGRESS, families=frozenset({IpFamily.IPV6})))) == [
        "::_80"
    ]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("127.0.0.1", ["127.0.0.1_80", "10.0.0.1_8080"]),
        ("::1", ["::1_80", "10.0.0.1_8080"]),
        ("", ["0.0.0.0_80", "10.0.0.1_8080"]),
    ],
)
def test_a_proxy_may_say_where_servers_listen_that_name_no_address(
    said: str, expected: list[str]
) -> None:
    bound = server("HTTP", port=8080, bind="10.0.0.1")
    declared = Declared(gateway("gw", server("HTTP"), bound))
    proxy = replace(INGRESS, metadata=(("BIND_ADDRESS", said),) if said else ())

    assert sorted(declared.listeners(proxy)) == sorted(expected)


def test_a_proxy_without_rights_opens_no_low_ports_unless_a_service_maps_them() -> None:
    declared = Declared(gateway("gw", server("HTTP"), server("HTTP", port=8080)))
    unprivileged = replace(INGRESS, metadata=(("UNPRIVILEGED_POD", "true"),))
    behind = replace(unprivileged, targets=(Target("gw.apps.svc.cluster.local", 80, 8081),))

    assert list(declared.listeners(unprivileged)) == ["0.0.0.0_8080"]
    assert list(declared.listeners(behind)) == ["0.0.0.0_8080", "0.0.0.0_8081"]


def test_any_host_among_others_takes_every_name() -> None:
    declared = Declared(gateway("gw", server("HTTPS", 'a.com", "*')))

    (listener,) = declared.listeners().values()

    assert "filter_chain_match" not in listener["filter_chains"][0]


@pytest.mark.parametrize("protocol", ["HTTP", "HTTP2", "HTTP_PROXY", "GRPC", "GRPC-WEB", "http"])
def test_every_protocol_of_the_http_family_is_routed_by_the_ports_table(protocol: str) -> None:
    declared = Declared(gateway("gw", server(protocol)))

    (table,) = gateway_tables(declared.graph, declared.instance())

    assert table.name == "http.80"


def test_of_gateways_the_oldest_keeps_the_port_whatever_its_name() -> None:
    def created(text: str, year: int) -> str:
        return text.replace(
            "namespace: apps}", f"namespace: apps, creationTimestamp: '{year}-01-01T00:00:00Z'}}"
        )

    old, new = gateway("b", server("HTTP")), gateway("a", server("TCP"))
    declared = Declared(created(new, 2025) + created(old, 2024))

    found = merged_gateways(declared.graph, declared.instance())

    assert [(c.loser.gateway, c.winner.gateway) for c in found.conflicts] == [("apps/a", "apps/b")]


def test_a_listener_without_any_chain_is_none() -> None:
    assert Declared(gateway("gw", server("PASS"))).listeners() == {}
