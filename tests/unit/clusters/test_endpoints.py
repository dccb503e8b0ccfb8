"""Which endpoints a host has: of entries, workloads, slices and Pods."""

import pytest

from controlplane.base.names import Host, Namespace
from controlplane.model.proxy import ResolvedProxy, Role
from controlplane.queries.registry.services import service
from tests.support.declared import Declared
from tests.unit.clusters.entries import EDGE, WEB_TOO, entry


def addresses(text: str, name: str = "outbound|80||api.partner.com") -> list[str]:
    groups = Declared(text).endpoints()[name]
    sockets = [
        e["endpoint"]["address"]["socket_address"] for g in groups for e in g["lb_endpoints"]
    ]
    return [f"{socket['address']}:{socket['port_value']}" for socket in sockets]


def test_entries_of_one_namespace_share_their_endpoints() -> None:
    text = entry("a", endpoints="[{address: 10.0.0.1}]") + entry(
        "b", endpoints="[{address: 10.0.0.2, ports: {http: 81}}]"
    )

    assert addresses(text) == ["10.0.0.1:80", "10.0.0.2:81"]


EU, US = "[{address: eu.partner.com}]", "[{address: us.partner.com}]"


def test_with_one_name_at_a_time_entries_share_the_first_endpoint() -> None:
    text = entry("a", endpoints=EU, resolution="DNS_ROUND_ROBIN") + entry(
        "b", endpoints=US, resolution="DNS_ROUND_ROBIN"
    )

    [group] = Declared(text).clusters()["outbound|80||api.partner.com"]["load_assignment"][
        "endpoints"
    ]
    assert [
        e["endpoint"]["address"]["socket_address"]["address"] for e in group["lb_endpoints"]
    ] == ["eu.partner.com"]


WEB = "[{number: 80, name: web, protocol: HTTP}]"


def test_with_dns_entries_share_endpoints_by_the_number_of_the_port() -> None:
    text = entry("a", endpoints=EU, resolution="DNS") + entry(
        "b", endpoints=US, resolution="DNS", ports=WEB
    )

    [group] = Declared(text).clusters()["outbound|80||api.partner.com"]["load_assignment"][
        "endpoints"
    ]
    assert [
        e["endpoint"]["address"]["socket_address"]["address"] for e in group["lb_endpoints"]
    ] == ["eu.partner.com", "us.partner.com"]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (entry("b", ports=WEB_TOO), [80, 81]),
        (entry("b", ports="[{number: 81, name: http, protocol: HTTP}]"), [80, 81]),
        (entry("b", ports=WEB), [80]),
        (entry("b", ports=WEB_TOO, location="MESH_INTERNAL"), [80, 81]),
        (entry("b", ports=WEB_TOO, resolution="DNS"), [80]),
        (entry("b", ports=WEB_TOO, exportTo='["."]'), [80]),
        (entry("b", ports=WEB_TOO, workloadSelector="{labels: {app: web}}"), [80]),
        (entry("b", ports=WEB_TOO).replace("name: b,", "name: b, labels: {app: web},"), [80]),
    ],
    ids=[
        "another port",
        "another number of the same name",
        "another name of the same number",
        "another location",
        "another resolution",
        "seen by others",
        "another selector",
        "other labels",
    ],
)
def test_an_entry_adds_its_ports_to_one_like_it(other: str, expected: list[int]) -> None:
    found = service(
        Declared(entry("a") + other).graph, Host("api.partner.com"), Namespace("default")
    )

    assert found is not None
    assert [port.number for port in found.ports] == expected


WORKLOADS = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: a, namespace: default, labels: {app: web}}
spec: {address: 10.0.0.1, ports: {http: 8001, web: 8002}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: b, namespace: default}
spec: {address: 10.0.0.2, labels: {app: web}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: c, namespace: default}
spec: {address: c.partner.com, labels: {app: web}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: d, namespace: elsewhere}
spec: {address: 10.0.0.4, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: e, namespace: default, labels: {app: web}}
spec: {containers: [{name: c, ports: [{name: web, containerPort: 8003}]}]}
status: {podIP: 10.0.0.5}
---
"""


def test_an_entry_selects_workloads_of_its_namespace() -> None:
    text = WORKLOADS + entry("a", workloadSelector="{labels: {app: web}}")

    assert addresses(text) == ["10.0.0.5:80", "10.0.0.1:8001", "10.0.0.2:80"]


def test_a_container_port_of_the_entrys_port_name_is_the_pods_own_port() -> None:
    selecting = entry(
        "a",
        workloadSelector="{labels: {app: web}}",
        ports="[{number: 80, name: web, protocol: HTTP, targetPort: 9080}]",
    )

    assert addresses(WORKLOADS + selecting) == ["10.0.0.5:8003", "10.0.0.1:8002", "10.0.0.2:9080"]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("locality: r1/z1/s1", {"region": "r1", "zone": "z1", "sub_zone": "s1"}),
        ("labels: {topology.istio.io/locality: r1.z1}", {"region": "r1", "zone": "z1"}),
        ("labels: {istio-locality: r1.z1}", {"region": "r1", "zone": "z1"}),
        ("locality: r2, labels: {istio-locality: r1.z1}", {"region": "r2"}),
        ("weight: 1", {}),
    ],
    ids=["its locality", "a label", "the old label", "its locality before a label", "nowhere"],
)
def test_where_an_endpoint_stands(place: str, expected: dict[str, str]) -> None:
    text = entry("a", endpoints=f"[{{address: 10.0.0.1, {place}}}]")

    [group] = Declared(text).endpoints()["outbound|80||api.partner.com"]

    assert group["locality"] == expected


def test_an_entry_without_a_target_port_goes_to_the_number_and_a_socket_has_no_port() -> None:
    endpoints = "[{address: 10.0.0.1}, {address: 'unix:///run/a'}]"
    targeted = "[{number: 80, name: http, protocol: HTTP, targetPort: 8080}]"

    def reached(**fields: str) -> list[dict[str, object]]:
        [group] = Declared(entry("a", endpoints=endpoints, **fields)).endpoints()[
            "outbound|80||api.partner.com"
        ]
        return [member["endpoint"]["address"] for member in group["lb_endpoints"]]

    socket = {"pipe": {"path": "/run/a"}}
    assert reached() == [{"socket_address": {"address": "10.0.0.1", "port_value": 80}}, socket]
    assert reached(ports=targeted) == [
        {"socket_address": {"address": "10.0.0.1", "port_value": 8080}},
        socket,
    ]


def test_a_slice_itself_says_which_of_its_endpoints_are_ready() -> None:
    text = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {publishNotReadyAddresses: true, ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 9080}]
endpoints:
- {addresses: [10.0.0.1]}
- {addresses: [10.0.0.2], conditions: {ready: true, terminating: true}}
- {addresses: [10.0.0.3], conditions: {ready: false}}
- {addresses: [10.0.0.4], conditions: {ready: false, terminating: true}}
"""
    [group] = Declared(text).endpoints()["outbound|80||web.default.svc.cluster.local"]

    assert [
        (e["endpoint"]["address"]["socket_address"]["address"], e["health_status"])
        for e in group["lb_endpoints"]
    ] == [
        ("10.0.0.1", "HEALTHY"),
        ("10.0.0.2", "HEALTHY"),
        ("10.0.0.3", "UNHEALTHY"),
        ("10.0.0.4", "UNHEALTHY"),
    ]


@pytest.mark.parametrize(
    ("subset", "expected"),
    [
        ("{topology.kubernetes.io/region: r1}", ["10.0.0.1", "10.0.0.2"]),
        ("{topology.kubernetes.io/zone: z2, app: web}", ["10.0.0.2"]),
        ("{topology.istio.io/network: n1}", ["10.0.0.3"]),
        ("{topology.istio.io/subzone: s1}", []),
    ],
)
def test_subsets_may_name_where_endpoints_stand(subset: str, expected: list[str]) -> None:
    endpoints = """[
    {address: 10.0.0.1, locality: r1/z1},
    {address: 10.0.0.2, locality: r1/z2, labels: {app: web}},
    {address: 10.0.0.3, network: n1}]"""
    rule = f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: a, namespace: default}}
spec: {{host: api.partner.com, subsets: [{{name: s, labels: {subset}}}]}}
"""
    groups = Declared(entry("a", endpoints=endpoints) + rule).endpoints()

    assert [
        e["endpoint"]["address"]["socket_address"]["address"]
        for group in groups["outbound|80|s|api.partner.com"]
        for e in group["lb_endpoints"]
    ] == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("9080", ["10.0.0.5:9080", "10.0.0.1:8001", "10.0.0.2:9080"]),
        ("web", ["10.0.0.5:8003", "10.0.0.1:8002"]),
    ],
    ids=["a number gives way to a workload's own port", "a name is looked up"],
)
def test_a_service_selects_pods_and_workload_entries(target: str, expected: list[str]) -> None:
    text = f"""
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: default}}
spec: {{selector: {{app: web}}, ports: [{{name: http, port: 80, targetPort: {target}}}]}}
"""
    name = "outbound|80||web.default.svc.cluster.local"

    assert addresses(WORKLOADS + text, name) == expected


def test_a_number_that_udp_has_too_is_reached_by_tcp() -> None:
    text = """
apiVersion: v1
kind: Service
metadata: {name: dns, namespace: default}
spec: {ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: dns-1, namespace: default, labels: {kubernetes.io/service-name: dns}}
addressType: IPv4
ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 5353}]
endpoints: [{addresses: [10.0.0.1]}]
"""

    assert addresses(text, "outbound|53||dns.default.svc.cluster.local") == ["10.0.0.1:5353"]


@pytest.mark.parametrize(
    ("enabled", "status", "expected"),
    [
        ("true", "{conditions: [{type: Healthy, status: 'True'}]}", ["10.0.0.9:80"]),
        ("true", "{conditions: [{type: Healthy, status: 'False'}]}", []),
        ("true", "{conditions: [{type: Other, status: 'True'}]}", []),
        ("true", "{}", []),
        ("false", "{conditions: [{type: Healthy, status: 'False'}]}", ["10.0.0.9:80"]),
    ],
)
def test_a_workload_entry_with_health_checks_waits_for_a_good_one(
    enabled: str, status: str, expected: list[str]
) -> None:
    text = f"""
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata:
  name: a
  namespace: default
  annotations: {{proxy.istio.io/health-checks-enabled: "{enabled}"}}
spec: {{address: 10.0.0.9, labels: {{app: web}}}}
status: {status}
---
"""

    assert addresses(text + entry("a", workloadSelector="{labels: {app: web}}")) == expected


def test_a_headless_service_selects_no_workload_entries() -> None:
    text = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  clusterIP: None
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 9080}]
"""
    name = "outbound|80||web.default.svc.cluster.local"

    assert addresses(WORKLOADS + text, name) == ["10.0.0.5:9080"]


def test_a_service_for_its_own_node_has_the_endpoints_there() -> None:
    text = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.0.0.1, internalTrafficPolicy: Local, ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.0.1.1], nodeName: here}, {addresses: [10.0.1.2], nodeName: there}]
"""
    here = ResolvedProxy(
        role=Role.GATEWAY, namespace=EDGE, labels=(("kubernetes.io/hostname", "here"),)
    )

    groups = Declared(text).endpoints(here)["outbound|80||web.default.svc.cluster.local"]

    assert [len(group["lb_endpoints"]) for group in groups] == [1]


def test_a_preference_for_the_node_ranks_by_it() -> None:
    text = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  clusterIP: 10.0.0.1
  trafficDistribution: PreferSameNode
  ports: [{name: http, port: 80}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.0.1.1], nodeName: there}, {addresses: [10.0.1.2], nodeName: here}]
"""
    here = ResolvedProxy(
        role=Role.GATEWAY, namespace=EDGE, labels=(("kubernetes.io/hostname", "here"),)
    )

    groups = Declared(text).endpoints(here)["outbound|80||web.default.svc.cluster.local"]

    addresses = [g["lb_endpoints"][0]["endpoint"]["address"]["socket_address"] for g in groups]
    assert [address["address"] for address in addresses] == ["10.0.1.2", "10.0.1.1"]
