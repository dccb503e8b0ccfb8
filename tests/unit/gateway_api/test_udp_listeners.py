"""Listeners of UDP: where they listen, and where what comes there goes."""

import pytest

from controlplane.model.proxy import Target
from tests.support.declared import Declared
from tests.support.kubernetes_gateways import EDGE, behind, gateway, listening

NAMES = "{name: names, port: 53, protocol: UDP}"
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: dns, namespace: default}
spec: {ports: [{name: dns, port: 5353, protocol: UDP}]}
---
"""


def route(
    name: str = "names", backends: str = "[{name: dns, port: 5353}]", created: str = ""
) -> str:
    stamp = f', creationTimestamp: "{created}"' if created else ""
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: {{name: {name}, namespace: default{stamp}}}
spec:
  parentRefs: [{{name: edge}}]
  rules: [{{backendRefs: {backends}}}]
---
"""


def cluster(declared: Declared) -> str:
    """The cluster that the listener sends everything to."""
    (udp_filter,) = declared.listeners(EDGE)["0.0.0.0_53_udp"]["listener_filters"]
    matcher = udp_filter["typed_config"]["matcher"]
    found: str = matcher["on_no_match"]["action"]["typed_config"]["cluster"]
    return found


def test_a_listener_opens_when_a_route_is_attached() -> None:
    declared = Declared(gateway(NAMES) + SERVICE)
    assert listening(declared) == []

    declared.edit(route())

    found = declared.listeners(EDGE)["0.0.0.0_53_udp"]
    assert found["address"]["socket_address"] == {
        "protocol": "UDP",
        "address": "0.0.0.0",
        "port_value": 53,
    }
    assert cluster(declared) == "outbound|5353||dns.default.svc.cluster.local"
    assert "outbound|5353||dns.default.svc.cluster.local" in declared.clusters(EDGE)


def test_a_port_of_udp_has_a_cluster_only_when_a_route_leads_there() -> None:
    declared = Declared(gateway(NAMES) + SERVICE)

    assert "outbound|5353||dns.default.svc.cluster.local" not in declared.clusters(EDGE)


def test_tcp_may_have_the_same_port() -> None:
    other = "{name: web, port: 53, protocol: HTTP}"

    assert listening(Declared(gateway(NAMES, other) + SERVICE + route())) == [
        "0.0.0.0_53",
        "0.0.0.0_53_udp",
    ]


def test_the_oldest_route_alone_gets_what_comes() -> None:
    old = route("z", "[{name: gone, port: 1}]", created="2020-01-01T00:00:00Z")

    assert cluster(Declared(gateway(NAMES) + SERVICE + route() + old)) == "UnknownService"


@pytest.mark.parametrize(
    ("backends", "name"),
    [
        ("[{name: gone, port: 1}]", "UnknownService"),
        ("[{name: dns, port: 5353, weight: 0}]", "UnknownService"),
        ("[{name: dns, port: 5353, namespace: elsewhere}]", "UnknownService"),
        (
            "[{name: gone, port: 1, weight: 0}, {name: dns, port: 5353}]",
            "outbound|5353||dns.default.svc.cluster.local",
        ),
    ],
)
def test_what_leads_nowhere_is_dropped(backends: str, name: str) -> None:
    assert cluster(Declared(gateway(NAMES) + SERVICE + route(backends=backends))) == name


def test_a_service_says_where_its_ports_of_udp_arrive() -> None:
    spec = "gatewayClassName: istio\n  addresses: [{type: Hostname, value: front}]"
    declared = Declared(gateway(NAMES, more=spec) + SERVICE + route())
    host = "front.default.svc.cluster.local"

    assert listening(declared, behind(Target(host, 53, 1053, is_udp=True))) == ["0.0.0.0_1053_udp"]
    assert listening(declared, behind(Target(host, 53, 1053))) == []
