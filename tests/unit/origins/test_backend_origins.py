"""Which fields a cluster, its endpoints and a secret come from."""

from controlplane.base.provenance import BuiltIn, Provenance
from controlplane.envoy.resource import TypeUrl
from controlplane.queries.snapshot.origins import origins_by_name
from tests.support.declared import Declared
from tests.support.pki import Authority

SHOP = "outbound|80||shop.default.svc.cluster.local"
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: default}
spec:
  clusterIP: 10.96.1.1
  selector: {app: shop}
  ports:
  - {name: admin, port: 8000}
  - {name: http, port: 80, targetPort: 9080}
---
"""
RULES = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: first, namespace: default, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  host: shop
  subsets: [{name: v1, labels: {version: v1}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: second, namespace: default, creationTimestamp: "2026-01-02T00:00:00Z"}
spec:
  host: shop
  trafficPolicy: {connectionPool: {tcp: {maxConnections: 5}}}
  subsets: [{name: v0, labels: {version: v0}}, {name: v2, labels: {version: v2}}]
---
"""


def found(declared: Declared, type_url: TypeUrl) -> dict[str, Provenance]:
    view = declared.view()
    return dict(origins_by_name(declared.graph, view, type_url))


def spoken(provenance: Provenance) -> list[str]:
    return list(map(str, provenance.origins))


def parts(provenance: Provenance) -> dict[str, list[str]]:
    return {part.name: spoken(part) for part in provenance.parts}


def test_a_cluster_comes_from_a_port_of_its_service() -> None:
    clusters = found(Declared(SERVICE), TypeUrl.CLUSTER)

    assert spoken(clusters[SHOP]) == ["Service/default/shop.spec.ports[1]"]


def test_a_cluster_comes_from_the_subset_and_the_policy_of_merged_rules() -> None:
    clusters = found(Declared(SERVICE + RULES), TypeUrl.CLUSTER)

    assert spoken(clusters["outbound|80|v2|shop.default.svc.cluster.local"]) == [
        "Service/default/shop.spec.ports[1]",
        "DestinationRule/default/second.spec.subsets[1]",
        "DestinationRule/default/second.spec.trafficPolicy",
        "DestinationRule/default/first.spec.host",
    ]


def test_a_cluster_of_several_entries_comes_from_the_port_of_each() -> None:
    entry = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: default, creationTimestamp: "2026-01-0{day}T00:00:00Z"}}
spec:
  hosts: [other.example.com, api.example.com]
  ports: {ports}
  resolution: STATIC
  endpoints: {endpoints}
---
"""
    first = entry.format(
        name="a", day=1, ports="[{number: 80, name: http, protocol: HTTP}]", endpoints="[]"
    )
    second = entry.format(
        name="b",
        day=2,
        ports="[{number: 443, name: tls, protocol: TLS}]",
        endpoints="[{address: 10.0.0.1}, {address: 10.0.0.2}]",
    )
    declared = Declared(first + second)

    clusters = found(declared, TypeUrl.CLUSTER)
    assert spoken(clusters["outbound|443||api.example.com"]) == [
        "ServiceEntry/default/a.spec.hosts[1]",
        "ServiceEntry/default/b.spec.ports[0]",
    ]
    endpoints = found(declared, TypeUrl.ENDPOINT)
    assert parts(endpoints["outbound|443||api.example.com"]) == {
        "10.0.0.1:443": ["ServiceEntry/default/b.spec.endpoints[0]"],
        "10.0.0.2:443": ["ServiceEntry/default/b.spec.endpoints[1]"],
    }


def test_a_cluster_that_looks_names_up_has_its_endpoints_as_parts() -> None:
    declared = Declared(
        """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api, namespace: default}
spec:
  hosts: [api.example.com]
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: DNS
"""
    )

    clusters = found(declared, TypeUrl.CLUSTER)
    assert parts(clusters["outbound|443||api.example.com"]) == {
        "api.example.com:443": ["ServiceEntry/default/api.spec.hosts"]
    }
    assert found(declared, TypeUrl.ENDPOINT) == {}


def test_the_cluster_that_leads_nowhere_is_built_in() -> None:
    (black_hole,) = found(Declared(""), TypeUrl.CLUSTER).values()

    assert black_hole.origins == (BuiltIn.BLACK_HOLE,)


def test_endpoints_come_from_slices_and_the_pods_behind_them() -> None:
    declared = Declared(
        SERVICE
        + """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: shop-1, namespace: default, labels: {kubernetes.io/service-name: shop}}
addressType: IPv4
ports: [{name: http, port: 9080}]
endpoints:
- addresses: [10.0.0.1]
- addresses: [10.0.0.2]
---
apiVersion: v1
kind: Pod
metadata: {name: shop-a, namespace: default}
spec: {containers: [{name: shop}]}
status: {podIP: 10.0.0.2}
"""
    )

    endpoints = found(declared, TypeUrl.ENDPOINT)
    assert spoken(endpoints[SHOP]) == ["Service/default/shop.spec.ports[1]"]
    assert parts(endpoints[SHOP]) == {
        "10.0.0.1:9080": ["EndpointSlice/default/shop-1.endpoints[0]"],
        "10.0.0.2:9080": [
            "EndpointSlice/default/shop-1.endpoints[1]",
            "Pod/default/shop-a.metadata.name",
        ],
    }


def test_endpoints_come_from_selected_pods_and_workload_entries() -> None:
    declared = Declared(
        SERVICE
        + """
apiVersion: v1
kind: Pod
metadata: {name: shop-a, namespace: default, labels: {app: shop}}
spec: {containers: [{name: shop}]}
status: {podIP: 10.0.0.1}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm, namespace: default}
spec: {address: 10.0.0.2, labels: {app: shop}}
"""
    )

    assert parts(found(declared, TypeUrl.ENDPOINT)[SHOP]) == {
        "10.0.0.1:9080": ["Pod/default/shop-a.status.podIP"],
        "10.0.0.2:9080": ["WorkloadEntry/default/vm.spec.address"],
    }


def test_a_secret_comes_from_its_object_and_whatever_names_it() -> None:
    gateway = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [shop.example.com]
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, credentialName: both}
---
"""
    rule = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: mutual, namespace: default}
spec:
  host: shop
  trafficPolicy:
    portLevelSettings:
    - port: {number: 80}
      tls: {mode: MUTUAL, credentialName: both}
---
"""
    root = Authority()
    held = root.leaf("shop.example.com").secret("both", authority=root.pem)

    secrets = found(Declared(gateway + SERVICE + rule + held), TypeUrl.SECRET)

    assert spoken(secrets["kubernetes://both"]) == [
        "Secret/istio-system/both.metadata.name",
        "Gateway/istio-system/gw.spec.servers[1].tls",
        "DestinationRule/default/mutual.spec.trafficPolicy.portLevelSettings[0].tls",
    ]
    assert spoken(secrets["kubernetes://both-cacert"]) == [
        "Secret/istio-system/both.metadata.name",
        "DestinationRule/default/mutual.spec.trafficPolicy.portLevelSettings[0].tls",
    ]


def test_a_secret_of_files_comes_from_the_settings_that_name_them() -> None:
    gateway = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, serverCertificate: /a.pem, privateKey: /b.pem}
"""

    (secret,) = found(Declared(gateway), TypeUrl.SECRET).values()

    assert spoken(secret) == ["Gateway/istio-system/gw.spec.servers[0].tls"]


def test_a_cluster_to_where_the_client_was_going_has_no_endpoints() -> None:
    passing = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: passing, namespace: default}
spec: {host: shop, trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}}
---
apiVersion: v1
kind: Pod
metadata: {name: shop-a, namespace: default, labels: {app: shop}}
spec: {containers: [{name: shop}]}
status: {podIP: 10.0.0.1}
"""

    cluster = found(Declared(SERVICE + passing), TypeUrl.CLUSTER)[SHOP]

    assert cluster.parts == ()
