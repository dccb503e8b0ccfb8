"""``tcp`` and ``tls`` rules of VirtualServices behind a gateway's servers."""

from dataclasses import replace
from typing import Any

import pytest

from controlplane.kinds.istio.mesh_config import MeshConfig
from tests.support.declared import INGRESS, Declared

GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: apps}
spec:
  servers:
  - %s
---
"""
TCP = "{port: {number: 9000, name: tcp, protocol: TCP}, hosts: ['*']}"
PASS = "{port: {number: 443, name: tls, protocol: TLS}, hosts: ['*.com'], tls: {mode: PASSTHROUGH}}"


def service(rules: str, *, name: str = "s", hosts: str = "['*.com']", rest: str = "") -> str:
    return (
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
        f"metadata: {{name: {name}, namespace: apps}}\n"
        f"spec: {{hosts: {hosts}, gateways: [gw], {rules}{rest}}}\n---\n"
    )


def to(host: str, weight: int | None = None) -> str:
    said = f", weight: {weight}" if weight is not None else ""
    return f"{{destination: {{host: {host}, port: {{number: 1}}}}{said}}}"


def streams(declared: Declared) -> list[dict[str, Any]]:
    """Each chain's SNI and what its TCP proxy says, without the type."""
    found = []
    for listener in declared.listeners().values():
        for chain in listener["filter_chains"]:
            proxy = dict(chain["filters"][0]["typed_config"])
            del proxy["@type"]
            found.append(chain.get("filter_chain_match", {}) | proxy)
    return found


def cluster(host: str) -> str:
    return f"outbound|1||{host}.apps.svc.cluster.local"


@pytest.mark.parametrize(
    ("rules", "taken"),
    [
        (f"tcp: [{{route: [{to('x')}]}}]", "x"),
        (f"tcp: [{{match: [{{port: 9000}}], route: [{to('x')}]}}]", "x"),
        (f"tcp: [{{match: [{{port: 1}}], route: [{to('x')}]}}]", None),
        (f"tcp: [{{match: [{{port: 1}}, {{port: 9000}}], route: [{to('x')}]}}]", "x"),
        (f"tcp: [{{match: [{{gateways: [other]}}], route: [{to('x')}]}}]", None),
        (f"tcp: [{{match: [{{gateways: [apps/gw]}}], route: [{to('x')}]}}]", "x"),
        (f"tcp: [{{match: [{{destinationSubnets: [10.0.0.0/8]}}], route: [{to('x')}]}}]", "x"),
        (f"tcp: [{{match: [{{sourceLabels: {{a: b}}}}], route: [{to('x')}]}}]", "x"),
        (f"tcp: [{{match: [{{sourceNamespace: other}}], route: [{to('x')}]}}]", "x"),
        (f"tcp: [{{match: [{{sourceSubnet: 10.0.0.0/8}}], route: [{to('x')}]}}]", "x"),
        (
            f"tcp: [{{match: [{{port: 1}}], route: [{to('x')}]}}, {{route: [{to('w')}]}}, "
            f"{{route: [{to('z')}]}}]",
            "w",
        ),
    ],
)
def test_the_first_rule_that_fits_takes_every_connection(rules: str, taken: str | None) -> None:
    found = streams(Declared(GATEWAY % TCP + service(rules)))

    assert [s["cluster"] for s in found] == ([cluster(taken)] if taken else [])


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        (f"[{to('x', 0)}]", {"stat_prefix": cluster("x"), "cluster": cluster("x")}),
        (
            f"[{to('x', 3)}, {to('w', 1)}]",
            {
                "stat_prefix": "s.apps",
                "weighted_clusters": {
                    "clusters": [
                        {"name": cluster("x"), "weight": 3},
                        {"name": cluster("w"), "weight": 1},
                    ]
                },
            },
        ),
        (f"[{to('x', 0)}, {to('w', 1)}]", {"stat_prefix": "s.apps", "cluster": cluster("w")}),
    ],
)
def test_weights_divide_connections_and_a_single_destination_needs_none(
    route: str, expected: dict[str, Any]
) -> None:
    declared = Declared(GATEWAY % TCP + service(f"tcp: [{{route: {route}}}]"))

    assert streams(declared) == [expected]


def match(sni: str, host: str) -> str:
    return f"{{match: [{{sniHosts: [{sni}]}}], route: [{to(host)}]}}"


def test_a_match_whose_sni_is_taken_is_left_out_whole_and_reported() -> None:
    declared = Declared(
        GATEWAY % PASS
        + service(f"tls: [{match('A.com', 'x')}, {match('a.com, b.com', 'w')}]")
        + service(f"tls: [{match('c.com', 'z')}]", name="t")
    )

    assert [(s["server_names"], s["cluster"]) for s in streams(declared)] == [
        (["a.com"], cluster("x")),
        (["c.com"], cluster("z")),
    ]
    assert "CP0313 VirtualService/apps/s.spec.tls[1].match[0].sniHosts" in declared.reported()


def test_a_match_for_any_sni_claims_the_names_beside_it_too() -> None:
    rules = match('"*", a.com', "x"), match("a.com", "w"), match("b.com", "z")
    declared = Declared(
        GATEWAY % PASS.replace("*.com", "*") + service(f"tls: [{', '.join(rules)}]", hosts='["*"]')
    )

    assert [(s.get("server_names"), s["cluster"]) for s in streams(declared)] == [
        (None, cluster("x")),
        (["b.com"], cluster("z")),
    ]
    assert "CP0313 VirtualService/apps/s.spec.tls[1].match[0].sniHosts" in declared.reported()


def test_a_route_cannot_take_a_host_whose_tls_ends_at_the_port() -> None:
    ends = (
        "{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.com], "
        "tls: {mode: SIMPLE, credentialName: c}}"
    )
    declared = Declared(
        GATEWAY % f"{PASS}\n  - {ends}" + service(f"tls: [{match('a.com, b.com', 'x')}]")
    )

    (listener,) = declared.listeners().values()
    names = [c["filter_chain_match"]["server_names"] for c in listener["filter_chains"]]
    assert names == [["b.com"], ["a.com"]]
    assert "CP0313 VirtualService/apps/s.spec.tls[0].match[0].sniHosts" in declared.reported()


def test_a_host_whose_tls_ends_nowhere_is_passed_through() -> None:
    unrouted = "{port: {number: 443, name: end, protocol: TLS}, hosts: [a.com], " + (
        "tls: {mode: SIMPLE, credentialName: c}}"
    )
    declared = Declared(
        GATEWAY % f"{unrouted}\n  - {PASS}" + service(f"tls: [{match('a.com', 'x')}]")
    )

    assert [(s["server_names"], s["cluster"]) for s in streams(declared)] == [
        (["a.com"], cluster("x"))
    ]


def test_a_virtual_service_that_the_proxys_namespace_does_not_see_routes_nothing() -> None:
    hidden = service(f"tcp: [{{route: [{to('x')}]}}]", rest=", exportTo: [.]")

    assert streams(Declared(GATEWAY % TCP + hidden)) == []


def test_how_long_streams_last_and_what_they_are_hashed_by_is_the_destinations_rule() -> None:
    rule = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: x, namespace: apps}
spec:
  host: x
  trafficPolicy:
    connectionPool: {tcp: {idleTimeout: 30s, maxConnectionDuration: 60s}}
    loadBalancer: {consistentHash: {useSourceIp: true}}
---
apiVersion: v1
kind: Service
metadata: {name: x, namespace: apps}
spec: {ports: [{name: tcp, port: 1}]}
"""
    declared = Declared(GATEWAY % TCP + service(f"tcp: [{{route: [{to('x')}]}}]") + rule)

    (stream,) = streams(declared)
    assert stream["idle_timeout"] == "30s"
    assert stream["max_downstream_connection_duration"] == "60s"
    assert stream["hash_policy"] == [{"source_ip": {}}]


@pytest.mark.parametrize(
    ("policy", "subset", "hashed"),
    [
        ("{loadBalancer: {consistentHash: {useSourceIp: true}}}", "{name: v1}", True),
        (
            "{loadBalancer: {consistentHash: {useSourceIp: true}}}",
            "{name: v1, trafficPolicy: {loadBalancer: {simple: RANDOM}}}",
            False,
        ),
        (
            "{loadBalancer: {simple: RANDOM}}",
            "{name: v1, trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}}",
            True,
        ),
        (
            "{portLevelSettings: [{port: {number: 1}, loadBalancer:"
            " {consistentHash: {useSourceIp: true}}}]}",
            "{name: v1}",
            False,
        ),
    ],
)
def test_the_balancer_of_the_subset_or_the_rule_says_whether_addresses_are_hashed(
    policy: str, subset: str, hashed: bool
) -> None:
    rule = f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: x, namespace: apps}}
spec: {{host: x, trafficPolicy: {policy}, subsets: [{subset}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: x, namespace: apps}}
spec: {{ports: [{{name: tcp, port: 1}}]}}
"""
    route = "tcp: [{route: [{destination: {host: x, port: {number: 1}, subset: v1}}]}]"

    (stream,) = streams(Declared(GATEWAY % TCP + service(route) + rule))

    assert ("hash_policy" in stream) is hashed


def test_the_only_port_of_a_tcp_destination_is_that_of_the_service_the_gateway_sees() -> None:
    entry = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: %s, namespace: %s}
spec: {hosts: [db.com], ports: [{number: %d, name: tcp, protocol: TCP}], resolution: DNS}
---
"""
    route = service("tcp: [{route: [{destination: {host: db.com}}]}]")
    entries = entry % ("own", "apps", 5432) + entry % ("first", "aaaa", 3306)

    (stream,) = streams(Declared(GATEWAY % TCP + route + entries))

    assert stream["cluster"] == "outbound|3306||db.com"


def test_a_sni_that_envoy_would_refuse_is_left_out_and_never_becomes_any() -> None:
    rules = match('"*-x.a.com", b.com', "x"), match('"*-z.a.com"', "z")
    declared = Declared(
        GATEWAY % PASS.replace("*.com", "*") + service(f"tls: [{', '.join(rules)}]")
    )

    assert [(s["server_names"], s["cluster"]) for s in streams(declared)] == [
        (["b.com"], cluster("x"))
    ]


@pytest.mark.parametrize("protocol", ["TCP", "MONGO", "REDIS", "MYSQL"])
def test_every_protocol_that_is_not_http_is_a_stream(protocol: str) -> None:
    gateway = GATEWAY % TCP.replace("protocol: TCP", f"protocol: {protocol}")

    found = streams(Declared(gateway + service(f"tcp: [{{route: [{to('x')}]}}]")))

    assert [s["cluster"] for s in found] == [cluster("x")]


def test_a_stream_server_admits_virtual_services_whose_hosts_meet_its_own() -> None:
    rules = f"tcp: [{{route: [{to('x')}]}}]"
    met, missed = TCP.replace("'*'", "'a.com'"), TCP.replace("'*'", "'team/*'")

    assert streams(Declared(GATEWAY % met + service(rules)))
    assert streams(Declared(GATEWAY % met + service(rules, hosts="[b.com]"))) == []
    assert streams(Declared(GATEWAY % missed + service(rules))) == []


def test_the_proxy_says_how_long_streams_idle_where_no_rule_does() -> None:
    declared = Declared(GATEWAY % TCP + service(f"tcp: [{{route: [{to('x')}]}}]"))
    patient = replace(INGRESS, metadata=(("IDLE_TIMEOUT", "90s"),))

    (listener,) = declared.listeners(patient).values()

    proxy = listener["filter_chains"][0]["filters"][0]["typed_config"]
    assert proxy["idle_timeout"] == "90s"


def test_streams_are_logged_as_requests_are() -> None:
    declared = Declared(
        GATEWAY % TCP + service(f"tcp: [{{route: [{to('x')}]}}]"),
        mesh=MeshConfig(access_log_file="/dev/stdout"),
    )

    (stream,) = streams(declared)

    assert [log["typed_config"]["path"] for log in stream["access_log"]] == ["/dev/stdout"]


@pytest.mark.parametrize(
    ("tunnel", "expected"),
    [
        (
            "{targetHost: db.org, targetPort: 5432}",
            {"hostname": "db.org:5432"},
        ),
        (
            "{protocol: POST, targetHost: db.org, targetPort: 5432}",
            {"hostname": "db.org:5432", "use_post": True},
        ),
    ],
)
def test_a_stream_may_be_carried_through_an_http_proxy(
    tunnel: str, expected: dict[str, Any]
) -> None:
    rule = f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: x, namespace: apps}}
spec: {{host: x, trafficPolicy: {{tunnel: {tunnel}}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: x, namespace: apps}}
spec: {{ports: [{{name: tcp, port: 1}}]}}
"""
    (stream,) = streams(Declared(GATEWAY % TCP + service(f"tcp: [{{route: [{to('x')}]}}]") + rule))

    assert stream["tunneling_config"] == expected


def tunnel_to(host: str) -> str:
    return f"{{tunnel: {{targetHost: {host}, targetPort: 443}}}}"


@pytest.mark.parametrize(
    ("subset", "weights", "expected"),
    [
        ("", "", None),
        (f", trafficPolicy: {tunnel_to('b.com')}", "", {"hostname": "b.com:443"}),
        (
            f", trafficPolicy: {tunnel_to('b.com')}",
            f", weight: 1}}, {to('w', 1)[:-1]}",
            {"hostname": "a.com:443"},
        ),
    ],
    ids=["a subset without one has none", "the subset's", "the rule's, of several destinations"],
)
def test_the_proxy_is_that_of_the_subset_or_the_rule(
    subset: str, weights: str, expected: dict[str, Any] | None
) -> None:
    rule = f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: x, namespace: apps}}
spec: {{host: x, trafficPolicy: {tunnel_to("a.com")}, subsets: [{{name: v1{subset}}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: x, namespace: apps}}
spec: {{ports: [{{name: tcp, port: 1}}]}}
"""
    first = "destination: {host: x, port: {number: 1}, subset: v1}"
    route = service(f"tcp: [{{route: [{{{first}{weights}}}]}}]")

    (stream,) = streams(Declared(GATEWAY % TCP + route + rule))

    assert stream.get("tunneling_config") == expected


def test_the_meshs_own_tls_passes_by_its_sni_to_every_port_and_subset_inside_the_mesh() -> None:
    server = (
        "{port: {number: 15443, name: tls, protocol: TLS},"
        " hosts: ['*.local'], tls: {mode: AUTO_PASSTHROUGH}}"
    )
    services = """
apiVersion: v1
kind: Service
metadata: {name: x, namespace: apps}
spec: {ports: [{name: http, port: 80}, {name: dns, port: 53, protocol: UDP}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: x, namespace: apps}
spec: {host: x, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside, namespace: apps}
spec:
  hosts: [outside.local]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: DNS
  location: MESH_EXTERNAL
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: elsewhere, namespace: apps}
spec:
  hosts: [elsewhere.org]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  location: MESH_INTERNAL
---
"""
    declared = Declared(GATEWAY % server + services)

    found = {s["cluster"]: s["server_names"] for s in streams(declared)}

    plain = "outbound_.80_._.x.apps.svc.cluster.local"
    subset = "outbound_.80_.v1_.x.apps.svc.cluster.local"
    assert found == {plain: [plain], subset: [subset]}
    assert streams(declared)[0]["application_protocols"] == [
        "istio",
        "istio-peer-exchange",
        "istio-http/1.0",
        "istio-http/1.1",
        "istio-h2",
    ]
    clusters = declared.clusters()
    assert plain in clusters
    assert "transport_socket" not in clusters[plain]
    assert "transport_socket_matches" not in clusters[plain]


@pytest.mark.parametrize(
    ("block", "names"),
    [
        ("{sniHosts: [a.com, '*.b.com']}", ["*.b.com", "a.com"]),
        ("{sniHosts: [elsewhere.org]}", ["elsewhere.org"]),
        ("{sniHosts: ['*']}", None),
        ("{sniHosts: [a.com], port: 443}", ["a.com"]),
        ("{sniHosts: [a.com], port: 444}", "no chain"),
        ("{sniHosts: [a.com], gateways: [apps/gw]}", ["a.com"]),
        ("{sniHosts: [a.com], gateways: [other]}", "no chain"),
        ("{sniHosts: [a.com], sourceLabels: {a: b}}", ["a.com"]),
        ("{sniHosts: [a.com], sourceNamespace: other}", ["a.com"]),
        ("{sniHosts: [a.com], destinationSubnets: [10.0.0.0/8]}", ["a.com"]),
    ],
)
def test_which_names_a_tls_match_takes(block: str, names: object) -> None:
    rules = f"tls: [{{match: [{block}], route: [{to('x')}]}}]"

    found = streams(Declared(GATEWAY % PASS + service(rules, hosts="['*']")))

    assert ([s.get("server_names") for s in found] or ["no chain"]) == [names]


def test_https_may_be_passed_through_too_and_each_match_is_a_chain() -> None:
    https = PASS.replace("protocol: TLS", "protocol: HTTPS")
    blocks = "{sniHosts: [a.com]}, {sniHosts: [b.com]}"
    rules = f"tls: [{{match: [{blocks}], route: [{to('x', 3)}, {to('w', 1)}]}}]"

    found = streams(Declared(GATEWAY % https + service(rules)))

    assert [s["server_names"] for s in found] == [["a.com"], ["b.com"]]
    assert [c["weight"] for c in found[0]["weighted_clusters"]["clusters"]] == [3, 1]
