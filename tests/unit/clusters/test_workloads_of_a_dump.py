"""What Nodes and Deployments of a cluster's dump say of endpoints."""

from typing import Any

import pytest

from controlplane.model.proxy import Locality, Proxy, Role
from controlplane.queries.registry.proxies import resolved
from tests.support.declared import INGRESS, Declared

SHOP = """
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{name: http, port: 80}]}
---
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: shop-1, labels: {app: shop, version: v1%s}}
spec: {nodeName: node-1}
status: {podIP: 10.0.0.1, phase: Running}
---
"""
NODE = """
apiVersion: v1
kind: Node
metadata:
  name: node-1
  labels: {%s}
---
"""
IN_EUROPE = NODE % (
    "topology.kubernetes.io/region: eu, topology.kubernetes.io/zone: eu-1, "
    "topology.istio.io/subzone: rack-7"
)
LISTED = """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: shop-1, labels: {kubernetes.io/service-name: shop}}
addressType: IPv4
ports: [{name: http, port: 80}]
endpoints: [{addresses: [10.0.0.1], nodeName: node-1}]
---
"""
SUBSETS = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop}
spec:
  host: shop
  subsets:
  - {name: europe, labels: {topology.kubernetes.io/region: eu}}
  - {name: v2, labels: {version: v2}}
---
"""
V2 = """
apiVersion: apps/v1
kind: KIND
metadata: {name: shop-v2}
spec: {template: {metadata: {labels: {app: shop, version: v2}}}}
---
"""


def locality(text: str) -> Any:
    [group] = Declared(text).endpoints()["outbound|80||shop.default.svc.cluster.local"]
    return group.get("locality", {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (POD % "" + IN_EUROPE, {"region": "eu", "zone": "eu-1", "sub_zone": "rack-7"}),
        (LISTED + POD % "" + IN_EUROPE, {"region": "eu", "zone": "eu-1", "sub_zone": "rack-7"}),
        (
            POD % "" + NODE % "failure-domain.beta.kubernetes.io/region: us",
            {"region": "us"},
        ),
        (POD % ", istio-locality: us.us-2" + IN_EUROPE, {"region": "us", "zone": "us-2"}),
        (LISTED + IN_EUROPE, {}),
        (POD % "", {}),
        (POD % "" + IN_EUROPE.replace("node-1", "node-2"), {}),
    ],
    ids=[
        "of the Pod's Node",
        "of the Node of the Pod behind a listed address",
        "by the labels of before Kubernetes 1.17",
        "the Pod's own label comes first",
        "a slice without its Pod says none, as in Istio",
        "without the Node",
        "of another Node",
    ],
)
def test_a_pod_is_where_its_node_is(text: str, expected: dict[str, str]) -> None:
    assert locality(SHOP + text) == expected


def test_an_endpoint_moves_when_the_labels_of_its_node_change() -> None:
    declared = Declared(SHOP + POD % "" + IN_EUROPE)
    before = declared.endpoints()

    declared.edit(IN_EUROPE.replace("eu-1", "eu-2"))

    [was], [now] = (
        found["outbound|80||shop.default.svc.cluster.local"]
        for found in (before, declared.endpoints())
    )
    assert (was["locality"]["zone"], now["locality"]["zone"]) == ("eu-1", "eu-2")


def test_a_gateway_of_the_dump_is_where_its_node_is() -> None:
    gateway = Proxy(
        name="shop-1",
        role=Role.GATEWAY,
        namespace=INGRESS.namespace,
        service_account="default",
        addresses=("10.0.0.1",),
    )
    pod = (POD % "").replace("name: shop-1,", "name: shop-1, namespace: istio-system,")

    found = resolved(Declared(pod + IN_EUROPE).graph, gateway)

    assert found.locality == Locality("eu", "eu-1", "rack-7")


def reported(text: str) -> list[tuple[str, str, str | None, str | None]]:
    found = Declared(text).diagnostics()
    return [(d.code.id, d.message, d.note, d.hint) for d in found if d.code.id == "CP0321"]


def test_a_subset_by_region_has_the_pods_on_nodes_there() -> None:
    messages = [message for _, message, _, _ in reported(SHOP + SUBSETS + POD % "" + IN_EUROPE)]

    assert messages == [
        'no endpoint of shop.default has the labels of subset "v2" (version: v2)',
    ]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_a_subset_that_has_a_deployment_but_no_workload_says_how_it_is_connected(
    kind: str,
) -> None:
    text = SHOP + SUBSETS + POD % "" + IN_EUROPE + V2.replace("KIND", kind)

    assert reported(text) == [
        (
            "CP0321",
            'no endpoint of shop.default has the labels of subset "v2" (version: v2)',
            "the endpoints have version: v1",
            f"{kind} default/shop-v2 makes them: connect it with --local shop.default/v2=PORT",
        )
    ]


def test_where_nothing_runs_deployments_say_which_subsets_there_are() -> None:
    text = SHOP + SUBSETS + V2.replace("KIND", "Deployment").replace("version: v2", "version: v3")

    assert [(message, note) for _, message, note, _ in reported(text)] == [
        (
            'no Deployment of shop.default has the labels of subset "v2" (version: v2)',
            "the Deployments have version: v3",
        )
    ]
