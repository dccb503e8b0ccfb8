"""Where UDPRoutes with several backends send datagrams."""

from typing import Any

import pytest

from controlplane.envoy.resource import TypeUrl
from controlplane.queries.snapshot.origins import origins_by_name
from tests.support.declared import Declared
from tests.support.kubernetes_gateways import EDGE, gateway
from tests.unit.clusters.given import SIDECAR

DNS = "{name: dns, port: 5353, protocol: UDP}"
NAME = "datagrams|default|dns"
NOWHERE = ["127.0.0.1:9"]
BOTH = "{name: one, port: 53}, {name: two, port: 53}"


def service(name: str, *addresses: str, ready: bool = True) -> str:
    endpoints = "".join(
        f"- {{addresses: [{address}], conditions: {{ready: {str(ready).lower()}}}}}\n"
        for address in addresses
    )
    return (
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: default}}\n"
        "spec: {clusterIP: 10.0.0.1, ports: [{name: dns, port: 53, protocol: UDP}]}\n---\n"
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
        f"metadata: {{name: {name}, namespace: default, "
        f"labels: {{kubernetes.io/service-name: {name}}}}}\n"
        "addressType: IPv4\nports: [{name: dns, port: 9053, protocol: UDP}]\n"
        + (f"endpoints:\n{endpoints}---\n" if endpoints else "endpoints: []\n---\n")
    )


def route(backends: str = BOTH) -> str:
    return (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: UDPRoute\n"
        "metadata: {name: dns, namespace: default}\nspec:\n"
        f"  parentRefs: [{{name: edge}}]\n  rules: [{{backendRefs: [{backends}]}}]\n---\n"
    )


ONE, TWO = service("one", "10.1.0.1", "10.1.0.2"), service("two", "10.2.0.1")


def shares(declared: Declared) -> list[tuple[int, list[str]]]:
    """The weight of each backend, and its endpoints."""

    def named(endpoint: dict[str, Any]) -> str:
        at = endpoint["endpoint"]["address"]["socket_address"]
        return f"{at['address']}:{at['port_value']}"

    return [
        (group["load_balancing_weight"], [named(each) for each in group["lb_endpoints"]])
        for group in declared.endpoints(EDGE)[NAME]
    ]


def target(declared: Declared) -> object:
    """The cluster that the listener's datagrams go to."""
    (filter_,) = declared.listeners(EDGE)["0.0.0.0_5353_udp"]["listener_filters"]
    return filter_["typed_config"]["matcher"]["on_no_match"]["action"]["typed_config"]["cluster"]


def test_datagrams_go_to_one_cluster_that_chooses_among_localities_by_weight() -> None:
    declared = Declared(gateway(DNS) + ONE + TWO + route())

    assert target(declared) == NAME
    assert declared.clusters(EDGE)[NAME]["type"] == "EDS"
    assert "locality_weighted_lb_config" in declared.clusters(EDGE)[NAME]["common_lb_config"]


@pytest.mark.parametrize(
    ("backends", "expected"),
    [
        (
            "{name: one, port: 53, weight: 3}, {name: two, port: 53}",
            [(3, ["10.1.0.1:9053", "10.1.0.2:9053"]), (1, ["10.2.0.1:9053"])],
        ),
        (
            f"{BOTH}, {{name: idle, port: 53, weight: 0}}",
            [(1, ["10.1.0.1:9053", "10.1.0.2:9053"]), (1, ["10.2.0.1:9053"])],
        ),
        (
            "{name: two, port: 53}, {name: none, port: 53, weight: 2}",
            [(1, ["10.2.0.1:9053"]), (2, NOWHERE)],
        ),
        ("{name: two, port: 53}, {name: two, port: 54}", [(1, ["10.2.0.1:9053"]), (1, NOWHERE)]),
        (
            "{name: two, port: 53}, {name: two, namespace: other, port: 53}",
            [(1, ["10.2.0.1:9053"]), (1, NOWHERE)],
        ),
        ("{name: idle, port: 53}, {name: two, port: 53}", [(1, NOWHERE), (1, ["10.2.0.1:9053"])]),
        (
            "{name: unready, port: 53}, {name: two, port: 53}",
            [(1, NOWHERE), (1, ["10.2.0.1:9053"])],
        ),
    ],
    ids=[
        "by weight",
        "no weight",
        "no Service",
        "no port",
        "not granted",
        "no endpoint",
        "no endpoint that is ready",
    ],
)
def test_what_a_backend_cannot_take_is_lost_and_not_shared_out(
    backends: str, expected: object
) -> None:
    services = ONE + TWO + service("idle") + service("unready", "10.3.0.1", ready=False)

    assert shares(Declared(gateway(DNS) + services + route(backends))) == expected


def test_one_backend_with_a_weight_has_the_cluster_of_its_service() -> None:
    declared = Declared(
        gateway(DNS) + ONE + route(f"{BOTH}, weight: 0}}".replace("53}, weight", "53, weight"))
    )

    assert target(declared) == "outbound|53||one.default.svc.cluster.local"
    assert NAME not in declared.clusters(EDGE)


def test_endpoints_come_and_go() -> None:
    declared = Declared(gateway(DNS) + ONE + TWO + route())

    declared.edit(service("one", "10.1.0.9"))

    assert shares(declared) == [(1, ["10.1.0.9:9053"]), (1, ["10.2.0.1:9053"])]


def test_sidecars_have_no_clusters_for_datagrams() -> None:
    assert NAME not in Declared(gateway(DNS) + ONE + TWO + route()).clusters(SIDECAR)


def test_a_rule_is_where_datagrams_lead_from() -> None:
    declared = Declared(gateway(DNS) + ONE + TWO + route())

    def origins(url: TypeUrl, name: str) -> list[str]:
        found = origins_by_name(declared.graph, declared.view(EDGE), url)[name]
        return [str(origin) for origin in found.origins]

    rule = "UDPRoute/default/dns.spec.rules[0]"
    assert rule in origins(TypeUrl.LISTENER, "0.0.0.0_5353_udp")
    assert origins(TypeUrl.CLUSTER, NAME) == [rule]
    assert origins(TypeUrl.ENDPOINT, NAME) == [rule]
