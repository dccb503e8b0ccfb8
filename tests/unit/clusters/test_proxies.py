"""What is known of a proxy by its address: labels, locality and the ports it serves."""

from dataclasses import replace

import pytest

from controlplane.base.names import Namespace
from controlplane.model.proxy import Locality, Proxy, ResolvedProxy, Role, Target
from controlplane.queries.registry.proxies import resolved
from tests.support.declared import Declared
from tests.unit.clusters.entries import entry


def proxy(address: str, **labels: str) -> Proxy:
    return Proxy(
        name="gateway",
        role=Role.GATEWAY,
        namespace=Namespace("default"),
        service_account="gateway",
        labels=tuple(sorted(labels.items())),
        addresses=(address,),
    )


def of(text: str, asking: Proxy) -> ResolvedProxy:
    return resolved(Declared(text).graph, asking)


def test_a_workload_at_the_proxys_address_says_its_labels_and_locality() -> None:
    text = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: a, namespace: default, labels: {from: metadata}}
spec: {address: 10.0.0.1, locality: r1/z1, labels: {from: spec, app: web}}
"""
    found = of(text, proxy("10.0.0.1", app="other"))

    assert found.labels == (
        ("app", "web"),
        ("from", "metadata"),
        ("topology.kubernetes.io/region", "r1"),
        ("topology.kubernetes.io/zone", "z1"),
    )
    assert found.locality == Locality("r1", "z1")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, Locality("r9", "z9")),
        ({"topology.kubernetes.io/region": "r1"}, Locality("r1")),
        ({"topology.istio.io/locality": "r1.z1"}, Locality("r1", "z1")),
    ],
    ids=["the node alone", "a label for a part", "a label for all"],
)
def test_labels_say_where_a_proxy_is_before_its_node_does(
    labels: dict[str, str], expected: Locality
) -> None:
    asking = replace(proxy("10.0.0.1", **labels), locality=Locality("r9", "z9"))

    assert of("", asking).locality == expected


def test_a_rule_may_select_gateways_by_where_they_stand() -> None:
    asking = replace(proxy("10.0.0.1", app="web"), locality=Locality("r1", "z1", "s1"))

    assert of("", asking).labels == (
        ("app", "web"),
        ("topology.istio.io/subzone", "s1"),
        ("topology.kubernetes.io/region", "r1"),
        ("topology.kubernetes.io/zone", "z1"),
    )


def test_an_endpoint_of_an_entry_at_the_proxys_address_says_its_labels() -> None:
    text = entry("a", endpoints="[{address: 10.0.0.1, labels: {app: web}}]")

    found = of(text, proxy("10.0.0.1", app="other"))

    assert found.labels == (("app", "web"),)
    assert found.targets == (Target("api.partner.com", 80, 80),)


def test_a_service_may_opt_out_of_changing_where_servers_listen() -> None:
    text = """
apiVersion: v1
kind: Service
metadata:
  name: a
  namespace: default
  labels: {experimental.istio.io/disable-gateway-port-translation: "true"}
spec: {selector: {app: gateway}, ports: [{name: http, port: 80, targetPort: 8080}]}
"""
    found = of(text, proxy("10.0.0.1", app="gateway"))

    assert found.targets == ()


def test_targets_are_the_ports_of_services_that_select_the_proxy() -> None:
    text = """
apiVersion: v1
kind: Service
metadata: {name: z, namespace: default}
spec:
  selector: {app: gateway}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: dns, port: 53, protocol: UDP}]
---
apiVersion: v1
kind: Service
metadata: {name: a, namespace: default}
spec: {selector: {app: gateway}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: b, namespace: default}
spec: {selector: {app: gateway, tier: gold}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: c, namespace: elsewhere}
spec: {selector: {app: gateway}, ports: [{name: http, port: 80}]}
"""
    found = of(text, proxy("10.0.0.1", app="gateway"))

    assert found.targets == (
        Target("a.default.svc.cluster.local", 80, 80),
        Target("z.default.svc.cluster.local", 80, 8080),
    )


def test_of_two_ports_that_arrive_at_one_the_first_is_used() -> None:
    text = """
apiVersion: v1
kind: Service
metadata: {name: z, namespace: default}
spec:
  selector: {app: gateway}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: http-too, port: 8000, targetPort: 8080}
  - {name: tcp, port: 9000, targetPort: 8080}
"""
    found = of(text, proxy("10.0.0.1", app="gateway"))

    assert found.targets == (
        Target("z.default.svc.cluster.local", 80, 8080),
        Target("z.default.svc.cluster.local", 9000, 8080),
    )
