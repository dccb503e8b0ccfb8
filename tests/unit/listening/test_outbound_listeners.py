"""Where a sidecar listens for what its workload calls, and where each chain leads."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig, OutboundMode, OutboundTrafficPolicy
from controlplane.model.outbound_view import Interception
from controlplane.model.proxy import IpFamily, Proxy, ResolvedProxy, Role, labels_of
from controlplane.queries.listeners.outbound_listeners import encoded_outbound_listeners
from tests.support.declared import Declared
from tests.unit.listening.calls import (
    CLIENT,
    HTTP,
    PASSES,
    chains,
    client,
    entry,
    found,
    out,
    port,
    service,
    sidecar,
)


def test_http_of_all_services_is_shared_on_the_port_of_every_address() -> None:
    text = service("a", "{name: http, port: 80}") + service(
        "b", "{name: grpc, port: 80}", address="10.96.0.2"
    )

    assert found(text) == {"0.0.0.0_80": [HTTP + "table 80", PASSES]}


@pytest.mark.parametrize("name", ["tcp", "redis", "https", "tls", "mysql"])
def test_what_is_not_http_is_listened_for_at_the_address_of_the_service(name: str) -> None:
    text = service("a", f"{{name: {name}, port: 5000}}")

    assert found(text) == {"10.96.0.1_5000": [f"-> {out(5000, 'a')}"]}


def test_mongo_is_counted_before_it_is_forwarded() -> None:
    text = service("a", "{name: mongo, port: 27017}")

    assert found(text) == {"10.96.0.1_27017": [f"-> mongo_proxy {out(27017, 'a')}"]}


def test_an_undeclared_protocol_has_a_table_of_its_own_at_its_address() -> None:
    text = service("a", "{name: main, port: 7000}")

    assert found(text) == {
        "10.96.0.1_7000": [
            HTTP + "table a.default.svc.cluster.local:7000",
            f"else -> {out(7000, 'a')}",
        ]
    }


def test_an_undeclared_protocol_without_address_shares_the_table_of_the_port() -> None:
    text = entry("a", port(7000, '""'))

    assert found(text) == {
        "0.0.0.0_7000": [HTTP + "table 7000", f"else -> {out(7000, 'a.example.com')}"]
    }


def test_udp_is_not_listened_for() -> None:
    assert found(service("a", "{name: dns, port: 53, protocol: UDP}")) == {}


def test_tcp_without_address_takes_every_connection_to_its_port() -> None:
    text = entry("a", port(9000, "TCP"))

    assert found(text) == {"0.0.0.0_9000": [f"-> {out(9000, 'a.example.com')}"]}


def test_tls_without_address_is_told_by_its_name() -> None:
    text = entry("a", port(443, "TLS")) + entry("b", port(443, "HTTPS"))

    assert found(text) == {
        "0.0.0.0_443": [
            f"a.example.com -> {out(443, 'a.example.com')}",
            f"b.example.com -> {out(443, 'b.example.com')}",
            PASSES,
        ]
    }


def test_a_range_of_addresses_is_matched_on_the_port_of_every_address() -> None:
    text = entry("a", port(443, "TLS"), rest="addresses: [10.1.2.3/16], resolution: STATIC")

    assert found(text) == {
        "0.0.0.0_443": [f"10.1.0.0/16 a.example.com -> {out(443, 'a.example.com')}", PASSES]
    }


def test_a_range_of_one_address_is_an_address() -> None:
    text = entry("a", port(9000, "TCP"), rest="addresses: [10.1.2.3/32], resolution: STATIC")

    assert found(text) == {"10.1.2.3_9000": [f"-> {out(9000, 'a.example.com')}"]}


HEADLESS = """
apiVersion: v1
kind: Service
metadata: {name: db, namespace: default}
spec: {clusterIP: None, ports: [{name: NAME, port: 5000}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: db, namespace: default}
subsets:
- addresses: [{ip: 10.2.0.1}]
  notReadyAddresses: [{ip: 10.2.0.2}]
  ports: [{name: NAME, port: 5000}]
---
"""


def test_a_headless_service_is_listened_for_at_each_endpoint_ready_or_not() -> None:
    assert found(HEADLESS.replace("NAME", "tcp")) == {
        "10.2.0.1_5000": [f"-> {out(5000, 'db')}"],
        "10.2.0.2_5000": [f"-> {out(5000, 'db')}"],
    }


def test_http_of_a_headless_service_is_shared_with_that_of_all() -> None:
    assert found(HEADLESS.replace("NAME", "http")) == {
        "0.0.0.0_5000": [HTTP + "table 5000", PASSES]
    }


def test_a_headless_service_without_endpoints_is_not_listened_for() -> None:
    text = HEADLESS.replace("NAME", "tcp").partition("apiVersion: v1\nkind: Endpoints")[0]

    assert found(text) == {}


def test_an_entry_without_endpoints_is_listened_for_everywhere() -> None:
    text = entry("a", port(9000, "TCP"), rest="resolution: NONE")

    assert found(text) == {"0.0.0.0_9000": [f"-> {out(9000, 'a.example.com')}"]}


def test_an_alias_is_not_listened_for() -> None:
    text = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: default}\n"
        "spec: {type: ExternalName, externalName: b.example.com, ports: [{name: tcp, port: 1}]}\n"
    )

    assert found(text) == {}


def test_names_that_are_looked_up_are_so_by_host_and_by_sni() -> None:
    text = entry(
        "any",
        port(443, "TLS") + ", " + port(80, "HTTP"),
        rest="resolution: DYNAMIC_DNS",
        host="*.example.com",
    )
    listeners = Declared(text).listeners(CLIENT)

    assert chains(listeners["0.0.0.0_443"]) == [
        f"*.example.com -> sni_dynamic_forward_proxy {out(443, '*.example.com')}",
        PASSES,
    ]
    manager = listeners["0.0.0.0_80"]["filter_chains"][0]["filters"][0]["typed_config"]
    (look_up,) = (f for f in manager["http_filters"] if f["name"].endswith("forward_proxy"))
    assert look_up["typed_config"]["dns_cache_config"]["name"] == "*.example.com_dfp_dns_cache"


def test_names_are_looked_up_whichever_service_came_first_on_the_port() -> None:
    text = entry("a", port(80, "HTTP")) + entry(
        "any", port(80, "HTTP"), rest="resolution: DYNAMIC_DNS", host="*.example.org"
    )
    manager = Declared(text).listeners(CLIENT)["0.0.0.0_80"]["filter_chains"][0]["filters"][0]

    assert [
        each["typed_config"]["dns_cache_config"]["name"]
        for each in manager["typed_config"]["http_filters"]
        if each["name"].endswith("forward_proxy")
    ] == ["*.example.org_dfp_dns_cache"]


def test_a_node_that_speaks_http_10_does_so_on_shared_ports() -> None:
    proxy = replace(CLIENT, metadata=(("HTTP10", "1"), *CLIENT.metadata))

    assert found(service("a", "{name: http, port: 80}"), proxy) == {
        "0.0.0.0_80": ["raw http/1.0,http/1.1,h2c -> table 80", PASSES]
    }


def test_sidecars_that_see_the_same_share_their_listeners() -> None:
    declared = Declared(service("a", "{name: tcp, port: 80}"))
    shelves = [
        encoded_outbound_listeners(declared.graph, declared.view(client(n)).outbound.for_listeners)
        for n in ("default", "other")
    ]

    assert shelves[0] is shelves[1]


def test_an_endpoint_of_a_service_with_an_address_changes_no_listener() -> None:
    text = service("a", "{name: tcp, port: 80}") + HEADLESS.replace("NAME", "tcp")
    declared = Declared(text)
    declared.resources(CLIENT)
    declared.graph.trace = []

    declared.edit(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
        "metadata: {name: a, namespace: default, labels: {kubernetes.io/service-name: a}}\n"
        "addressType: IPv4\nports: [{name: tcp, port: 80}]\n"
        "endpoints: [{addresses: [10.9.0.1]}]\n"
    )
    declared.resources(CLIENT)

    assert declared.graph.trace
    assert not any("listener" in ran or "captured" in ran for ran in declared.graph.trace)


@pytest.mark.parametrize("number", [15001, 15006, 15021, 15090])
def test_the_sidecars_own_ports_are_not_shared(number: int) -> None:
    assert found(service("a", f"{{name: http, port: {number}}}")) == {}
    assert found(service("a", f"{{name: tcp, port: {number}}}")) == {
        f"10.96.0.1_{number}": [f"-> {out(number, 'a')}"]
    }


# The unknown


def mesh_of(mode: OutboundMode) -> MeshConfig:
    return MeshConfig(outbound_traffic_policy=OutboundTrafficPolicy(mode=mode))


@pytest.mark.parametrize(
    ("mode", "lines"),
    [
        (OutboundMode.ALLOW_ANY, ["15001 -> BlackHoleCluster", "-> PassthroughCluster"]),
        (OutboundMode.REGISTRY_ONLY, ["15001 -> BlackHoleCluster", "-> BlackHoleCluster"]),
        (
            OutboundMode.ALLOW_ANY_DYNAMIC_DNS,
            [
                "15001 -> BlackHoleCluster",
                "http/1.1,h2c -> inline allow_any_dynamic_dns",
                "-> PassthroughCluster",
            ],
        ),
    ],
)
def test_intercepted_connections_that_nobody_listens_for_are_treated_as_unknown(
    mode: OutboundMode, lines: list[str]
) -> None:
    listener = Declared("", mesh=mesh_of(mode)).listeners(CLIENT)["virtualOutbound"]

    assert listener["use_original_dst"] is True
    assert listener["address"]["socket_address"] == {"address": "0.0.0.0", "port_value": 15001}
    assert chains(listener) == lines


def test_what_a_sidecar_refuses_is_refused_on_shared_ports_too() -> None:
    text = service("a", "{name: http, port: 80}") + sidecar("{outboundTrafficPolicy: {}}")

    assert found(text)["0.0.0.0_80"] == [HTTP + "table 80", "else -> BlackHoleCluster"]


def test_the_unknown_may_go_through_a_proxy() -> None:
    text = service("a", "{name: http, port: 80}") + sidecar(
        "{outboundTrafficPolicy: {mode: ALLOW_ANY,"
        " egressProxy: {host: e.example.com, port: {number: 8080}}}}"
    )

    assert found(text)["0.0.0.0_80"][-1] == f"else -> {out(8080, 'e.example.com')}"


def test_clusters_for_the_unknown_are_a_sidecars_alone() -> None:
    mesh = mesh_of(OutboundMode.ALLOW_ANY_DYNAMIC_DNS)

    assert {"AllowAnyDynamicDNSCluster", "PassthroughCluster", "BlackHoleCluster"} <= set(
        Declared("", mesh=mesh).clusters(CLIENT)
    )
    assert list(Declared("", mesh=mesh).clusters()) == ["BlackHoleCluster"]


# Interception


def test_listeners_get_what_is_intercepted_and_have_no_socket() -> None:
    listener = Declared(service("a", "{name: tcp, port: 5000}")).listeners(CLIENT)["10.96.0.1_5000"]

    assert listener["bind_to_port"] is False


def test_without_interception_listeners_have_sockets_on_loopback() -> None:
    text = service("a", "{name: tcp, port: 5000}, {name: http, port: 80}")
    declared, proxy = Declared(text), client(mode=Interception.NONE)
    listeners = declared.listeners(proxy)

    assert {name: chains(each) for name, each in listeners.items() if "Inbound" not in name} == {
        "127.0.0.1_5000": [f"-> {out(5000, 'a')}"],
        "127.0.0.1_80": ["-> table 80"],
    }
    assert "bind_to_port" not in listeners["127.0.0.1_80"]


def test_tproxy_keeps_addresses() -> None:
    listeners = Declared("").listeners(client(mode=Interception.TPROXY))

    assert listeners["virtualOutbound"]["transparent"] is True


def test_the_port_of_interception_is_the_meshs() -> None:
    listener = Declared("", mesh=MeshConfig(proxy_listen_port=16001)).listeners(CLIENT)[
        "virtualOutbound"
    ]

    assert listener["address"]["socket_address"]["port_value"] == 16001
    assert chains(listener)[0] == "16001 -> BlackHoleCluster"


def test_the_mesh_may_have_an_http_proxy() -> None:
    listeners = Declared("", mesh=MeshConfig(proxy_http_port=15080)).listeners(CLIENT)

    assert chains(listeners["127.0.0.1_15080"]) == ["-> table http_proxy"]


def test_listeners_of_ipv6_proxies_are_for_ipv6() -> None:
    proxy = ResolvedProxy(
        role=Role.SIDECAR, namespace=Namespace("default"), families=(IpFamily.IPV6,)
    )

    assert found(service("a", "{name: http, port: 80}"), proxy) == {
        "::_80": [HTTP + "table 80", PASSES]
    }


# Sidecars


def test_a_port_of_a_sidecar_is_not_added_to_by_the_listener_of_every_port() -> None:
    text = (
        service("a", "{name: http, port: 80}, {name: tcp, port: 81}")
        + service("b", "{name: http, port: 80}", address="10.96.0.2")
        + entry("c", port(80, "TCP"))
        + sidecar(
            "{egress: [{port: {number: 80, protocol: HTTP, name: a},"
            " hosts: [./a.default.svc.cluster.local]}, {hosts: ['*/*']}]}"
        )
    )

    assert found(text) == {
        "0.0.0.0_80": [HTTP + "table 80", PASSES],
        "10.96.0.1_81": [f"-> {out(81, 'a')}"],
    }


def test_the_protocol_of_a_sidecars_port_is_used() -> None:
    text = service("a", "{name: http, port: 80}") + sidecar(
        "{egress: [{port: {number: 80, protocol: TCP, name: a}, hosts: ['./*']}]}"
    )

    assert found(text) == {"10.96.0.1_80": [f"-> {out(80, 'a')}"]}


def test_a_sidecar_may_listen_on_a_socket() -> None:
    text = service("a", "{name: http, port: 80}, {name: http-b, port: 81}") + sidecar(
        "{egress: [{port: {number: 0, protocol: HTTP, name: a}, bind: 'unix:///tmp/a',"
        " hosts: ['./*']}]}"
    )
    listeners = Declared(text).listeners(CLIENT)

    assert chains(listeners["unix:///tmp/a_0"]) == ["-> table unix:///tmp/a"]
    assert listeners["unix:///tmp/a_0"]["address"] == {"pipe": {"path": "/tmp/a"}}


def test_a_sidecar_may_be_a_proxy_for_its_imports() -> None:
    text = service("a", "{name: http, port: 80}") + sidecar(
        "{egress: [{port: {number: 1080, protocol: HTTP_PROXY, name: a}, bind: 127.0.0.1,"
        " captureMode: NONE, hosts: ['./*']}]}"
    )

    assert found(text) == {"127.0.0.1_1080": ["-> table 1080"]}


def test_an_endpoint_of_a_headless_service_has_no_listener_for_itself() -> None:
    engine = Engine(MeshConfig(), now=datetime(2026, 1, 1, tzinfo=UTC))
    selecting = HEADLESS.replace("NAME", "tcp").replace("None,", "None, selector: {app: db},")
    engine.apply([(Path("mesh.yaml"), selecting)])

    own, other = (
        sorted(engine.resources(engine.view(sidecar_at(address, app))).listeners)
        for address, app in (("10.2.0.1", "db"), ("10.9.9.9", "web"))
    )

    assert [name for name in other if name.startswith("10.2")] == ["10.2.0.1_5000", "10.2.0.2_5000"]
    assert [name for name in own if name.startswith("10.2")] == ["10.2.0.2_5000"]


def sidecar_at(address: str, app: str) -> Proxy:
    return Proxy(
        name="db",
        role=Role.SIDECAR,
        namespace=Namespace("default"),
        service_account="default",
        labels=labels_of({"app": app}),
        addresses=(address,),
    )
