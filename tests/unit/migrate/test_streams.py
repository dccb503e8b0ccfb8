"""Rules for connections in the words of TLSRoutes and TCPRoutes."""

import pytest

from tests.support.migrated import GATEWAY, Migrated, migration

PASSING = GATEWAY.replace(
    "number: 80, name: http, protocol: HTTP", "number: 443, name: tls, protocol: TLS"
).replace('hosts: ["*"]', 'hosts: ["*.example.com"]\n    tls: {mode: PASSTHROUGH}')
TCP = GATEWAY.replace("name: http, protocol: HTTP", "name: tcp, protocol: TCP")


def virtual_service(rules: str, *, name: str = "shop", hosts: str = "['*.example.com']") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}}}
spec:
  hosts: {hosts}
  gateways: [istio-system/shop]
  {rules}
"""


def of(gateway: str, *others: str) -> Migrated:
    return migration("---".join((gateway, *others)))


def tls(match: str, host: str = "shop") -> str:
    return f"{{match: [{match}], route: [{{destination: {{host: {host}}}}}]}}"


def test_tls_that_is_passed_through_is_a_route_by_server_name() -> None:
    rules = f"tls: [{tls('{sniHosts: [a.example.com, b.example.com], port: 443}')}]"
    found = of(PASSING, virtual_service(rules))

    assert found.reasons == []
    assert found.kinds() == ["Gateway istio-system/shop", "TLSRoute default/shop"]
    listener = found.one("Gateway")["spec"]["listeners"][0]
    assert (listener["protocol"], listener["tls"]) == ("TLS", {"mode": "Passthrough"})
    assert found.one("TLSRoute")["spec"] == {
        "parentRefs": [{"name": "shop", "namespace": "istio-system", "sectionName": "tls"}],
        "hostnames": ["a.example.com", "b.example.com"],
        "rules": [{"backendRefs": [{"name": "shop", "port": 80}]}],
    }


def test_each_rule_for_tls_is_a_route() -> None:
    first = tls("{sniHosts: [a.example.com]}")
    second = tls("{sniHosts: ['*.example.com']}", "pay.bank.svc.cluster.local, port: {number: 80}")
    found = of(PASSING, virtual_service(f"tls: [{first}, {second}]"))

    assert found.kinds() == [
        "Gateway istio-system/shop",
        "TLSRoute default/shop-1",
        "TLSRoute default/shop-2",
        "ReferenceGrant bank/tlsroutes-of-default",
    ]


def test_connections_of_tcp_are_a_route_of_their_listener() -> None:
    rules = (
        "tcp: [{route: [{destination: {host: shop}, weight: 80},"
        " {destination: {host: cart}, weight: 20}]}]"
    )
    found = of(TCP, virtual_service(rules, hosts="['*']"))

    assert found.reasons == []
    assert found.one("TCPRoute")["spec"] == {
        "parentRefs": [{"name": "shop", "namespace": "istio-system", "sectionName": "tcp"}],
        "rules": [
            {
                "backendRefs": [
                    {"name": "shop", "port": 80, "weight": 80},
                    {"name": "cart", "port": 80, "weight": 20},
                ]
            }
        ],
    }


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (
            f"tls: [{tls('{sniHosts: [a.example.com], destinationSubnets: [10.0.0.0/8]}')}]",
            "a route for connections has no destinationSubnets",
        ),
        (
            f"tls: [{tls('{sniHosts: [a.example.com]}')}, {tls('{sniHosts: [a.example.com]}')}]",
            'an earlier rule has the server name "a.example.com" already',
        ),
    ],
)
def test_rules_for_tls_without_a_counterpart_stay(rules: str, reason: str) -> None:
    found = of(PASSING, virtual_service(rules))

    assert found.kinds() == ["Gateway istio-system/shop", "VirtualService default/shop"]
    assert any(text.endswith(reason) for text in found.reasons), found.reasons


@pytest.mark.parametrize(
    ("served", "sni"),
    [("*.example.com", "b.example.org"), ("*.b.example.com", "*.example.com")],
)
def test_server_names_beyond_the_hosts_of_the_server_stay(served: str, sni: str) -> None:
    """Istio passes them on, and a listener would not."""
    hosts = f'["{sni}"]' if sni.startswith("*") else f"[a.example.com, {sni}]"
    rules = f"tls: [{tls(f'{{sniHosts: {hosts}}}')}]"
    found = of(PASSING.replace("*.example.com", served), virtual_service(rules, hosts=hosts))

    assert found.kinds() == ["Gateway istio-system/shop", "VirtualService default/shop"]
    assert f'Istio passes the server name "{sni}" on though no host of a server covers it' in (
        text.rpartition(": ")[2] for text in found.reasons
    )


def test_connections_that_two_virtual_services_take_stay() -> None:
    rules = f"tls: [{tls('{sniHosts: [a.example.com]}')}]"
    found = of(PASSING, virtual_service(rules), virtual_service(rules, name="z"))

    assert "TLSRoute default/shop" not in found.kinds()
    assert any(
        text.endswith(
            "VirtualService default/shop takes connections first (TLS a.example.com, port 443)"
        )
        for text in found.reasons
    )
