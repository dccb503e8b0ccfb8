"""Which declaration of a host a client gets, which endpoints, and which rule governs it."""

from dataclasses import replace
from functools import partial

import pytest

from controlplane.base.names import Host
from controlplane.base.names import Namespace
from controlplane.kinds.istio.mesh_config import EntryVisibility
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.mesh_config import NamespaceSelector
from controlplane.kinds.istio.mesh_config import Operator
from controlplane.kinds.istio.mesh_config import Requirement
from controlplane.kinds.istio.mesh_config import ServiceEntryVisibility
from controlplane.kinds.istio.mesh_config import VisibilityPolicy
from controlplane.kinds.istio.mesh_config import VisibilityRule
from controlplane.model.outbound_view import RuleScope
from controlplane.model.proxy import Locality
from controlplane.model.proxy import Proxy
from controlplane.model.proxy import ResolvedProxy
from controlplane.model.proxy import Role
from controlplane.model.proxy import Target
from controlplane.model.service import Nearness
from controlplane.model.service import Resolution
from controlplane.model.service import Service
from controlplane.queries.proxies import resolved
from controlplane.queries.rules import governing_rules
from controlplane.queries.rules import selected_rules
from controlplane.queries.services import service
from tests.support.declared import Declared

CAPPED = partial(ServiceEntryVisibility, apply_to_sidecars=True)
EDGE = Namespace("edge")
ROOT = Namespace("istio-system")


def entry(name: str, namespace: str = "default", **fields: str) -> str:
    body = {
        "hosts": "[api.partner.com]",
        "resolution": "STATIC",
        "ports": "[{number: 80, name: http, protocol: HTTP}]",
    } | fields
    lines = "\n".join(f"  {key}: {value}" for key, value in body.items())
    return (
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\nspec:\n{lines}\n---\n"
    )


def seen(text: str, namespace: Namespace = EDGE, host: str = "api.partner.com") -> str | None:
    """The namespace whose declaration a gateway in ``namespace`` gets."""
    found = service(Declared(text).graph, Host(host), namespace)
    return None if found is None else found.namespace


@pytest.mark.parametrize(
    ("text", "namespace"),
    [
        (entry("a", "one"), "one"),
        (entry("a", "one", exportTo='["."]'), None),
        (entry("a", "edge", exportTo='["."]'), "edge"),
        (entry("a", "one", exportTo="[edge]"), "one"),
        (entry("a", "one", exportTo='["~"]'), None),
        (entry("a", "one") + entry("b", "two", exportTo="[edge]"), "two"),
        (entry("a", "edge") + entry("b", "a-first"), "a-first"),
        (entry("a", "edge", exportTo='["."]') + entry("b", "a-first", exportTo="[edge]"), "edge"),
    ],
    ids=[
        "exported to all unless said",
        "private to another namespace",
        "private to its own",
        "exported by name",
        "exported to nobody",
        "by name before to all",
        "a gateway does not prefer its own namespace",
        "private before exported by name",
    ],
)
def test_visibility(text: str, namespace: str | None) -> None:
    assert seen(text) == namespace


@pytest.mark.parametrize(
    ("export_to", "written", "namespace"),
    [
        ((), {}, "one"),
        (("~",), {}, None),
        ((".",), {}, None),
        (("edge",), {}, "one"),
        (("~",), {"exportTo": '["*"]'}, "one"),
    ],
    ids=["not said", "to nobody", "private", "by name", "the entry says more"],
)
def test_the_mesh_says_who_sees_services_that_do_not(
    export_to: tuple[str, ...], written: dict[str, str], namespace: str | None
) -> None:
    declared = Declared(
        entry("a", "one", **written), mesh=MeshConfig(default_service_export_to=export_to)
    )

    found = service(declared.graph, Host("api.partner.com"), EDGE)

    assert (None if found is None else found.namespace) == namespace


OPEN = """
apiVersion: v1
kind: Namespace
metadata: {name: one, labels: {entries: open}}
---
"""
BY_LABEL = NamespaceSelector(match_labels={"entries": "open"})
UNLABELLED = NamespaceSelector(
    match_expressions=(Requirement(key="entries", operator=Operator.DOES_NOT_EXIST),)
)


def policy(visibility: EntryVisibility, *selectors: NamespaceSelector) -> VisibilityPolicy:
    rules = tuple(VisibilityRule(namespace_selector=selector) for selector in selectors)
    return VisibilityPolicy(visibility=visibility, matching_rules=rules)


@pytest.mark.parametrize(
    ("settings", "namespace", "expected"),
    [
        (ServiceEntryVisibility(default_visibility=EntryVisibility.NONE), EDGE, "one"),
        (CAPPED(default_visibility=EntryVisibility.NONE), EDGE, None),
        (CAPPED(default_visibility=EntryVisibility.NAMESPACE), EDGE, None),
        (CAPPED(default_visibility=EntryVisibility.NAMESPACE), Namespace("one"), "one"),
        (CAPPED(), EDGE, "one"),
        (
            CAPPED(
                default_visibility=EntryVisibility.NONE,
                policies=(policy(EntryVisibility.PUBLIC, BY_LABEL),),
            ),
            EDGE,
            "one",
        ),
        (CAPPED(policies=(policy(EntryVisibility.NONE, BY_LABEL, UNLABELLED),)), EDGE, "one"),
        (CAPPED(policies=(policy(EntryVisibility.NONE),)), EDGE, None),
    ],
    ids=[
        "for ambient meshes alone",
        "nobody",
        "its own namespace, not another",
        "its own namespace",
        "not said",
        "a policy before the default",
        "a policy wants all of its rules",
        "a policy without rules takes all",
    ],
)
def test_the_mesh_limits_who_sees_service_entries(
    settings: ServiceEntryVisibility, namespace: Namespace, expected: str | None
) -> None:
    declared = Declared(
        OPEN + entry("a", "one"), mesh=MeshConfig(service_entry_visibility=settings)
    )

    found = service(declared.graph, Host("api.partner.com"), namespace)

    assert (None if found is None else found.namespace) == expected


def test_a_sidecar_prefers_its_own_namespace() -> None:
    text = entry("a", "edge") + entry("b", "a-first")
    sidecar = ResolvedProxy(role=Role.SIDECAR, namespace=EDGE)

    found = Declared(text).clusters(sidecar)["outbound|80||api.partner.com"]

    assert found["metadata"]["filter_metadata"]["istio"]["services"][0]["namespace"] == "edge"


def test_a_service_comes_before_service_entries() -> None:
    kubernetes = """
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {ports: [{name: http, port: 80}]}
---
"""
    host = "reviews.default.svc.cluster.local"
    text = kubernetes + entry("a", "edge", hosts=f"[{host}]", exportTo='["."]')

    assert seen(text, EDGE, host) == "default"


def test_an_entry_for_a_services_host_adds_its_names_and_nothing_else() -> None:
    kubernetes = """
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]}
---
"""
    host = "reviews.default.svc.cluster.local"
    text = kubernetes + entry("a", hosts=f"[{host}]", subjectAltNames="[a.com]", ports=WEB_TOO)

    found = service(Declared(text).graph, Host(host), EDGE)

    assert found is not None
    assert [port.number for port in found.ports] == [80]
    assert found.subject_alt_names == ("a.com",)


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
WEB_TOO = "[{number: 80, name: http, protocol: HTTP}, {number: 81, name: web, protocol: HTTP}]"


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


def rule(name: str, namespace: str = "default", host: str = "api.partner.com", **more: str) -> str:
    lines = "\n".join(f"  {key}: {value}" for key, value in more.items())
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  host: "{host}"
  trafficPolicy: {{tls: {{}}}}
{lines}
---
"""


GOLD = (("tier", "gold"),)


@pytest.mark.parametrize(
    ("rules", "namespace", "expected"),
    [
        (rule("a", "edge") + rule("b"), EDGE, ["edge/a"]),
        (rule("a", "edge", host="*.com") + rule("b"), EDGE, ["edge/a"]),
        (rule("a", "elsewhere") + rule("b"), EDGE, ["default/b"]),
        (rule("a", exportTo='["."]') + rule("b", "istio-system"), EDGE, ["istio-system/b"]),
        (rule("a", "istio-system") + rule("b"), ROOT, ["default/b"]),
        (rule("a", "istio-system", exportTo='["."]') + rule("b"), ROOT, ["istio-system/a"]),
        (rule("a", host="*.com") + rule("b", host="*.partner.com"), EDGE, ["default/b"]),
        (rule("a") + rule("b"), EDGE, ["default/a", "default/b"]),
        (rule("a", exportTo="[edge]") + rule("b"), EDGE, ["default/b"]),
        (rule("a", exportTo="[edge]") + rule("b", exportTo="[edge, x]"), Namespace("x"), []),
        (
            rule("a", "edge") + rule("b", "edge", workloadSelector="{matchLabels: {tier: gold}}"),
            EDGE,
            ["edge/b"],
        ),
        (rule("a") + rule("b", "edge", workloadSelector="{matchLabels: {tier: x}}"), EDGE, []),
        (
            rule("a", "edge", workloadSelector="{matchLabels: {tier: gold}}")
            + rule("b", "edge", workloadSelector="{matchLabels: {tier: gold}}"),
            EDGE,
            ["edge/a", "edge/b"],
        ),
        (
            rule("a", "edge", workloadSelector="{matchLabels: {tier: gold}}")
            + rule("b", "edge", workloadSelector="{matchLabels: {tier: x}}"),
            EDGE,
            ["edge/a"],
        ),
    ],
    ids=[
        "the client's namespace first",
        "even by a wildcard",
        "then the service's, never another",
        "then the root namespace",
        "for clients in the root namespace its public rules come last",
        "but its private ones first",
        "the narrower wildcard",
        "rules with equal exports are merged",
        "others are not, and the last one counts",
        "a rule seen by more joins one seen by fewer, and is lost to the rest",
        "a rule that selects the client",
        "a rule that selects others ends the search",
        "rules with equal selectors are merged",
        "others are not",
    ],
)
def test_which_rules_govern(rules: str, namespace: Namespace, expected: list[str]) -> None:
    graph = Declared(entry("a") + rules).graph
    host, declaring = Host("api.partner.com"), Namespace("default")

    scope = RuleScope(namespace, selected_rules(graph, namespace, GOLD))
    found = governing_rules(graph, host, declaring, scope)

    assert [f"{key.namespace}/{key.name}" for key in found] == expected


@pytest.mark.parametrize(
    ("mesh", "namespace", "expected"),
    [
        (MeshConfig(root_namespace="infra"), EDGE, ["infra/a"]),
        (MeshConfig(), EDGE, []),
        (
            MeshConfig(root_namespace="infra", default_destination_rule_export_to=(".",)),
            EDGE,
            [],
        ),
    ],
    ids=["its root namespace", "another namespace is none", "who sees rules that do not say"],
)
def test_the_mesh_says_where_rules_for_all_are(
    mesh: MeshConfig, namespace: Namespace, expected: list[str]
) -> None:
    graph = Declared(entry("a") + rule("a", "infra"), mesh=mesh).graph
    host, declaring = Host("api.partner.com"), Namespace("default")

    scope = RuleScope(namespace, selected_rules(graph, namespace, GOLD))
    found = governing_rules(graph, host, declaring, scope)

    assert [f"{key.namespace}/{key.name}" for key in found] == expected


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
def test_labels_say_where_a_proxy_stands_before_its_node_does(
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


def test_of_two_ports_that_arrive_at_one_the_first_counts() -> None:
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


REVIEWS = "reviews.default.svc.cluster.local"


def of_kubernetes(spec: str = "", annotations: str = "", namespace: str = "") -> Service:
    """What a Service of Kubernetes is to a gateway."""
    text = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: default, annotations: {{{namespace}}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: reviews, namespace: default, annotations: {{{annotations}}}}}
spec: {{ports: [{{name: http, port: 80}}]{spec}}}
"""
    found = service(Declared(text).graph, Host(REVIEWS), EDGE)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("spec", "resolution", "addresses"),
    [
        (", clusterIP: None", Resolution.HEADLESS, ()),
        (", clusterIP: 10.0.0.1", Resolution.ENDPOINTS, ("10.0.0.1",)),
        (
            ", clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1, 'fd00::1']",
            Resolution.ENDPOINTS,
            ("10.0.0.1", "fd00::1"),
        ),
        ("", Resolution.ENDPOINTS, ()),
        (", type: ExternalName, externalName: a.example.org", Resolution.ALIAS, ()),
    ],
    ids=["headless", "an address", "two addresses", "no address", "another name"],
)
def test_how_a_service_is_reached(
    spec: str, resolution: Resolution, addresses: tuple[str, ...]
) -> None:
    found = of_kubernetes(spec)

    assert (found.resolution, found.addresses) == (resolution, addresses)
    assert found.host == REVIEWS


def test_a_service_may_name_the_accounts_of_its_endpoints() -> None:
    found = of_kubernetes(
        annotations="alpha.istio.io/canonical-serviceaccounts: 'spiffe://a/ns/b/sa/c',"
        " alpha.istio.io/kubernetes-serviceaccounts: 'd, e'"
    )

    assert found.subject_alt_names == (
        "spiffe://a/ns/b/sa/c",
        "spiffe://cluster.local/ns/default/sa/d",
        "spiffe://cluster.local/ns/default/sa/e",
    )


NEAR_NODE = "networking.istio.io/traffic-distribution: PreferSameNode"
NEAR_ZONE = "networking.istio.io/traffic-distribution: PreferClose"


@pytest.mark.parametrize(
    ("spec", "annotation", "namespace", "expected"),
    [
        (", trafficDistribution: PreferClose", NEAR_NODE, NEAR_NODE, Nearness.ZONE),
        (", trafficDistribution: PreferSameZone", "", "", Nearness.ZONE),
        ("", NEAR_NODE, NEAR_ZONE, Nearness.NODE),
        ("", "", NEAR_NODE, Nearness.NODE),
        ("", "", "", None),
    ],
    ids=["the spec first", "its other word", "then its annotation", "then its namespace", "no one"],
)
def test_who_says_how_near_traffic_stays(
    spec: str, annotation: str, namespace: str, expected: Nearness | None
) -> None:
    assert of_kubernetes(spec, annotation, namespace).nearness is expected
