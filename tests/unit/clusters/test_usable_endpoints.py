"""A service that gateways send requests to and that never answers is reported, with the cause."""

import pytest

from tests.support.checked import checked

USED = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: all, namespace: default}
spec:
  hosts: ["*"]
  gateways: [istio-system/gw]
  http: [{route: [{destination: {host: a}}]}]
---
"""
SELECTING = """\
apiVersion: v1
kind: Service
metadata: {name: a, namespace: default}
spec:
  selector: {app: a}
  ports: [{name: http, port: 80, targetPort: 9080}]
---
"""
LISTED = SELECTING.replace("  selector: {app: a}\n", "")
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: a-1, namespace: default, labels: {app: a}}
spec: {containers: [{name: a, ports: [{containerPort: 9080}]}]}
"""
ENTRY = (
    "{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: a-1, "
    "namespace: default}, spec: {address: 127.0.0.1, labels: {app: a}, ports: {http: 9080}}}"
)


def endpoint_slice(
    ports: str = "[{name: http, port: 9080}]",
    endpoints: str = "[{addresses: [10.0.0.1]}]",
    labels: str = "{kubernetes.io/service-name: a}",
    family: str = "IPv4",
) -> str:
    return f"""\
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: a-1, namespace: default, labels: {labels}}}
addressType: {family}
ports: {ports}
endpoints: {endpoints}
---
"""


def test_a_selector_that_nothing_has_comes_with_a_workload_entry_that_mends_it() -> None:
    (line,) = checked(USED + SELECTING)

    assert line == (
        "20:3 warning CP0330: no Pod and no WorkloadEntry of default has app: a, and there is no "
        "EndpointSlice for a: requests to it get 503 -> add --local a.default=PORT to up or serve, "
        "or declare where it runs: " + ENTRY
    )
    assert checked(USED + SELECTING + ENTRY) == []


def test_the_workload_entry_names_a_port_that_is_named() -> None:
    service = SELECTING.replace("targetPort: 9080", "targetPort: web")

    (line,) = checked(USED + service)

    entry = line.partition("declare where it runs: ")[2]
    assert entry.endswith("labels: {app: a}, ports: {web: 80}}}")
    assert checked(USED + service + entry) == []


@pytest.mark.parametrize(
    ("pod", "lacks"),
    [
        (POD, "has no podIP"),
        (POD + "status: {podIP: 10.0.0.1, phase: Succeeded}", "has ended (Succeeded)"),
        (
            POD + "status: {podIP: 10.0.0.1, conditions: [{type: Ready, status: 'False'}]}",
            "is not ready",
        ),
    ],
)
def test_pods_that_cannot_be_used(pod: str, lacks: str) -> None:
    assert checked(USED + SELECTING + pod) == [
        "20:3 warning CP0332: no workload that the selector (app: a) selects can be used: Pod "
        f"default/a-1 {lacks} -> declare where it runs: {ENTRY}"
    ]


def test_a_service_that_no_route_leads_to_is_no_more_than_mentioned() -> None:
    assert checked(SELECTING) == [
        "5:3 info CP0328: the selector (app: a) selects no Pod and no WorkloadEntry of default, "
        "and there is no EndpointSlice for a: requests get 503"
    ]
    assert checked(SELECTING + POD) == []


def test_ports_of_a_slice_that_have_other_names() -> None:
    assert checked(USED + LISTED + endpoint_slice("[{name: web, port: 9080}]")) == [
        '26:16 error CP0331: port 80 of Service default/a is named "http", and here ports are '
        '"web": requests to it get 503 -> name the port here "http" too'
    ]
    assert checked(USED + LISTED + endpoint_slice("[{port: 9080}]")) == [
        '26:1 error CP0331: port 80 of Service default/a is named "http", and here ports are '
        'unnamed: requests to it get 503 -> name the port here "http" too'
    ]
    assert checked(USED + LISTED + endpoint_slice()) == []


def test_ports_of_endpoints_that_have_other_names() -> None:
    endpoints = """\
apiVersion: v1
kind: Endpoints
metadata: {name: a, namespace: default}
subsets:
- addresses: [{ip: 10.0.0.1}]
  ports: [{name: web, port: 9080}]
"""
    assert checked(USED + LISTED + endpoints) == [
        '27:18 error CP0331: port 80 of Service default/a is named "http", and here ports are '
        '"web": requests to it get 503 -> name the port here "http" too'
    ]
    not_ready = endpoints.replace("web", "http").replace("addresses", "notReadyAddresses")
    assert checked(USED + LISTED + not_ready) == [
        "25:1 warning CP0332: no address is ready, so Service default/a has none: requests to it "
        "get 503"
    ]


@pytest.mark.parametrize(
    ("endpoints", "family", "line"),
    [
        ("[]", "IPv4", "27:1 warning CP0332: no endpoint has an address"),
        (
            "[{addresses: [10.0.0.1], conditions: {ready: false}}]",
            "IPv4",
            "27:1 warning CP0332: no endpoint is ready",
        ),
        (
            "[{addresses: [a.example]}]",
            "FQDN",
            "25:14 warning CP0332: addressType FQDN is not used",
        ),
    ],
)
def test_slices_without_an_endpoint_that_can_be_used(
    endpoints: str, family: str, line: str
) -> None:
    found = checked(USED + LISTED + endpoint_slice(endpoints=endpoints, family=family))

    assert found == [f"{line}, so Service default/a has none: requests to it get 503"]


def test_a_slice_that_belongs_to_no_service() -> None:
    assert checked(USED + LISTED + endpoint_slice(labels="{app: a}")) == [
        "24:1 warning CP0333: this EndpointSlice belongs to no Service, so it is not used: it has "
        "no label kubernetes.io/service-name -> add the label kubernetes.io/service-name: a"
    ]
    named = endpoint_slice(labels="{kubernetes.io/service-name: b}")
    assert checked(LISTED + named) == [
        "9:80 warning CP0333: this EndpointSlice is not used: there is no Service default/b "
        "-> write a"
    ]


def test_a_slice_of_a_service_that_is_refused_is_not_blamed() -> None:
    refused = LISTED.replace("ports: [", "portz: 1\n  ports: [")

    assert [line.split()[2] for line in checked(refused + endpoint_slice())] == ["CP0201:"]


def test_a_service_without_selector_and_without_slice() -> None:
    assert checked(USED + LISTED) == [
        "19:1 warning CP0330: there is no EndpointSlice for this Service, and it has no selector: "
        "requests to it get 503 -> add an EndpointSlice with the label "
        "kubernetes.io/service-name: a"
    ]


def service_entry(rest: str) -> str:
    return f"""\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: a, namespace: default}}
spec:
  hosts: [a.default.svc.cluster.local]
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  {rest}
---
"""


def test_a_static_entry_without_endpoints() -> None:
    assert checked(service_entry("resolution: STATIC")) == [
        "7:15 warning CP0332: resolution is STATIC, but no endpoints are listed: requests to "
        "a.default.svc.cluster.local get 503 -> list endpoints, or write resolution: DNS"
    ]
    assert checked(service_entry("resolution: DNS")) == []


def test_an_entry_whose_workloads_cannot_be_used() -> None:
    selecting = service_entry("workloadSelector: {labels: {app: a}}\n  resolution: STATIC")

    assert checked(USED + selecting + POD) == [
        "22:3 warning CP0332: no endpoint of a.default.svc.cluster.local can be used: requests to "
        "it get 503"
    ]


def test_what_only_the_mesh_uses_is_not_in_use() -> None:
    of_mesh = USED.replace('hosts: ["*"]\n  gateways: [istio-system/gw]', "hosts: [b]")

    assert [line for line in checked(of_mesh + LISTED) if "CP0369" not in line] == []


def test_one_port_with_endpoints_will_do_where_the_destination_names_none() -> None:
    two = LISTED.replace("targetPort: 9080}", "targetPort: 9080}, {name: grpc, port: 81}")

    assert checked(USED + two + endpoint_slice()) == []
    named = USED.replace("{host: a}", "{host: a, port: {number: 81}}")
    assert checked(named + two + endpoint_slice()) == [
        '26:16 error CP0331: port 81 of Service default/a is named "grpc", and here ports are '
        '"http": requests to it get 503 -> name the port here "grpc" too'
    ]


def test_workloads_that_register_themselves_are_waited_for() -> None:
    group = """\
---
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: a-v1, namespace: default}
spec: {metadata: {labels: {app: a}}, template: {}}
"""
    selecting = """\
---
apiVersion: v1
kind: Service
metadata: {name: a, namespace: default}
spec: {selector: {app: a}, ports: [{name: http, port: 80}]}
"""
    lines = [line for line in checked(USED + selecting + group) if "CP0203" not in line]

    assert [line.partition(" ")[2] for line in lines] == [
        "info CP0328: no workload of WorkloadGroup default/a-v1 is connected: requests get 503 "
        "until one is -> start one with a token of the group: controlplane token … --group a-v1"
    ]
