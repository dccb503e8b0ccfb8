"""An edit of a service, an endpoint or a rule costs what it affects, however large the mesh is."""

from controlplane.base.names import Namespace
from controlplane.base.shelf import Shelf
from controlplane.envoy.resource import Resource
from controlplane.model.proxy import Locality, ResolvedProxy, Role
from controlplane.queries.clusters.cluster_shelves import cluster_secrets, clusters, endpoints
from tests.support.declared import INGRESS, Declared

SERVICES = 40


def service(name: str) -> str:
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec: {{clusterIP: 10.0.0.1, ports: [{{name: http, port: 80, targetPort: 9080}}]}}
---
"""


def slice_of(name: str, *addresses: str) -> str:
    return f"""
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}-1, namespace: default, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{name: http, port: 9080}}]
endpoints: [{", ".join(f"{{addresses: [{address}]}}" for address in addresses)}]
---
"""


def rule(name: str, policy: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name}, namespace: default}}
spec:
  host: {name}
  trafficPolicy: {policy}
  subsets: [{{name: v1, labels: {{version: v1}}}}]
---
"""


def mesh() -> Declared:
    names = [f"s{i}" for i in range(SERVICES)]
    return Declared(
        "".join(service(n) + slice_of(n, "10.0.1.1") + rule(n, "{tls: {}}") for n in names)
    )


def both(
    declared: Declared, proxy: ResolvedProxy = INGRESS
) -> tuple[Shelf[Resource], Shelf[Resource]]:
    view = declared.view(proxy)
    seen = view.outbound.for_clusters
    return clusters(declared.graph, seen, view.locality), endpoints(
        declared.graph, seen, view.locality
    )


def ran(declared: Declared, *functions: str, proxy: ResolvedProxy = INGRESS) -> list[str]:
    """The functions of these names that ran to bring clusters and endpoints up to date."""
    declared.graph.trace = []
    both(declared, proxy)
    return [name for call in declared.graph.trace if (name := call.partition("(")[0]) in functions]


ENCODING = ("cluster", "assignment")


def test_a_new_endpoint_encodes_the_endpoints_of_its_service_only() -> None:
    declared = mesh()
    before = both(declared)

    declared.edit(slice_of("s7", "10.0.1.1", "10.0.1.2"))

    assert ran(declared, *ENCODING) == ["assignment", "assignment"]
    after = both(declared)
    assert not after[0].difference(before[0])
    assert [name for name, _ in after[1].difference(before[1]).put] == [
        "outbound|80||s7.default.svc.cluster.local"
    ]


def test_a_new_endpoint_runs_less_than_a_fiftieth_of_a_load() -> None:
    declared = mesh()
    declared.graph.trace = []
    both(declared)
    load = len(declared.graph.trace)

    declared.edit(slice_of("s7", "10.0.1.1", "10.0.1.2"))
    declared.graph.trace = []
    both(declared)

    assert len(declared.graph.trace) < load / 50


def test_an_edit_of_a_rule_encodes_the_clusters_of_its_host_only() -> None:
    declared = mesh()
    before = both(declared)

    declared.edit(rule("s7", "{connectionPool: {tcp: {connectTimeout: 1s}}}"))

    assert ran(declared, "cluster") == ["cluster", "cluster"]
    after = both(declared)
    assert [name for name, _ in after[0].difference(before[0]).put] == [
        "outbound|80|v1|s7.default.svc.cluster.local",
        "outbound|80||s7.default.svc.cluster.local",
    ]
    assert not after[1].difference(before[1])


def test_a_new_service_runs_nothing_of_the_others() -> None:
    declared = mesh()
    both(declared)

    declared.edit(service("new") + slice_of("new", "10.0.1.9"))

    assert sorted(ran(declared, "service_of", "cluster_keys", *ENCODING)) == [
        "assignment",
        "cluster",
        "cluster_keys",
        "service_of",
    ]


def test_a_service_that_goes_takes_its_clusters_along() -> None:
    declared = mesh()
    before = both(declared)

    declared.remove(service("s7") + slice_of("s7", "10.0.1.1") + rule("s7", "{tls: {}}"))

    after = both(declared)
    gone = (
        "outbound|80|v1|s7.default.svc.cluster.local",
        "outbound|80||s7.default.svc.cluster.local",
    )
    assert after[0].difference(before[0]).removed == gone
    assert after[1].difference(before[1]).removed == gone


def test_clients_of_one_namespace_share_every_byte() -> None:
    declared = mesh()
    other = ResolvedProxy(
        role=Role.GATEWAY, namespace=Namespace("istio-system"), labels=(("istio", "other"),)
    )
    first = both(declared)

    assert ran(declared, *ENCODING, proxy=other) == []
    assert both(declared, other) == first


def test_clients_elsewhere_share_what_does_not_depend_on_where_they_are() -> None:
    declared = mesh()
    declared.edit(rule("s7", "{outlierDetection: {interval: 1s}}"))
    both(declared)
    elsewhere = ResolvedProxy(
        role=Role.GATEWAY, namespace=Namespace("istio-system"), locality=Locality("r2")
    )

    assert ran(declared, *ENCODING, proxy=elsewhere) == ["assignment", "assignment"]


def test_an_annotation_of_no_meaning_encodes_nothing() -> None:
    declared = mesh()
    both(declared)

    declared.edit(service("s7").replace("default}", "default, annotations: {note: changed}}"))

    assert ran(declared, *ENCODING) == []


def test_identities_of_endpoints_change_a_cluster_only_when_they_are_others() -> None:
    declared = Declared(service("web") + slice_of("web", "10.0.1.1"))
    both(declared)

    declared.edit(
        slice_of("web", "10.0.1.1", "10.0.1.2")
        + """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default}
spec: {serviceAccountName: web}
status: {podIP: 10.0.1.2}
"""
    )

    assert sorted(ran(declared, *ENCODING)) == ["assignment", "cluster"]


def test_only_secrets_that_clusters_name_are_asked_for() -> None:
    declared = mesh()
    declared.edit(rule("s7", "{tls: {mode: MUTUAL, credentialName: partner}}"))

    named = cluster_secrets(declared.graph, declared.view().outbound)

    assert sorted((use.value, name) for use, name in named) == [
        ("certificate", "kubernetes://partner"),
        ("trust", "kubernetes://partner-cacert"),
    ]
