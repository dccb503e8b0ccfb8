"""The clusters of a sidecar are those of what its Sidecar imports, and of where imported rules
lead.
"""

import pytest

from controlplane.base.names import Namespace
from controlplane.kinds.istio.mesh_config import MeshConfig, OutboundMode, OutboundTrafficPolicy
from controlplane.kinds.istio.traffic_policy import ClientTls, ClientTlsMode
from controlplane.model.proxy import ResolvedProxy, Role
from tests.support.declared import Declared
from tests.unit.clusters.given import HTTP_OPTIONS


def client(namespace: str = "shop") -> ResolvedProxy:
    return ResolvedProxy(
        role=Role.SIDECAR,
        namespace=Namespace(namespace),
        metadata=(("INTERCEPTION_MODE", "REDIRECT"),),
    )


def service(name: str, namespace: str, ports: str = "{name: http, port: 80}") -> str:
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{clusterIP: 10.96.0.1, ports: [{ports}]}}
---
"""


def rules(spec: str, *, namespace: str = "shop", name: str = "rules") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: {namespace}}}
spec: {spec}
---
"""


def sidecar(hosts: str, *, port: str = "", namespace: str = "shop") -> str:
    listener = f"{{{port}hosts: [{hosts}]}}"
    return (
        "apiVersion: networking.istio.io/v1\nkind: Sidecar\n"
        f"metadata: {{name: default, namespace: {namespace}}}\n"
        f"spec: {{egress: [{listener}]}}\n---\n"
    )


TWO_PORTS = "{name: http, port: 80}, {name: http-admin, port: 81}"
SERVICES = (
    service("cart", "shop")
    + service("search", "catalog", TWO_PORTS)
    + service("pay", "bank", TWO_PORTS)
)
CART = "80 cart.shop"


def clusters(text: str, proxy: ResolvedProxy) -> list[str]:
    """``port host`` of each cluster and assignment of a service, which must agree."""
    declared = Declared(text)
    names = [name for name in declared.clusters(proxy) if name.startswith("outbound|")]
    assert names == list(declared.endpoints(proxy))
    parts = (name.split("|") for name in names)
    return [f"{port} {host.removesuffix('.svc.cluster.local')}" for _, port, _, host in parts]


def test_without_a_sidecar_there_is_a_cluster_for_everything() -> None:
    assert clusters(SERVICES, client()) == [
        CART,
        "80 pay.bank",
        "80 search.catalog",
        "81 pay.bank",
        "81 search.catalog",
    ]


def test_what_is_not_imported_has_no_cluster() -> None:
    assert clusters(SERVICES + sidecar("./*"), client()) == [CART]
    assert len(clusters(SERVICES + sidecar("./*"), client("other"))) == 5


def test_a_listener_for_a_port_has_a_cluster_for_that_port_alone() -> None:
    scoped = SERVICES + sidecar("'*/*'", port="port: {number: 81, protocol: HTTP, name: a}, ")

    assert clusters(scoped, client()) == ["81 pay.bank", "81 search.catalog"]


TO_PAY = "http: [{route: [{destination: {host: pay.bank.svc.cluster.local, port: {number: 81}}}]}]"


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (rules(f"{{hosts: [cart], {TO_PAY}}}"), [CART, "81 pay.bank"]),
        (
            rules(
                "{hosts: [cart], http: [{route: [{destination: {host: cart}}],"
                " mirror: {host: pay.bank.svc.cluster.local}}]}"
            ),
            [CART, "80 pay.bank", "81 pay.bank"],
        ),
        (
            rules(
                "{hosts: [cart], tcp: [{route: [{destination:"
                " {host: pay.bank.svc.cluster.local, port: {number: 80}}}]}]}"
            ),
            [CART, "80 pay.bank"],
        ),
        (rules(f"{{hosts: [elsewhere.example.com], {TO_PAY}}}"), [CART, "81 pay.bank"]),
        (rules(f"{{hosts: [cart.shop.svc.cluster.local], {TO_PAY}}}", namespace="bank"), [CART]),
        (rules(f"{{hosts: [cart], gateways: [gw], {TO_PAY}}}"), [CART]),
        (rules(f"{{hosts: [cart], exportTo: [bank], {TO_PAY}}}"), [CART]),
        (
            rules(
                "{hosts: [cart], http: [{match: [{sourceNamespace: bank}], route: [{destination:"
                " {host: pay.bank.svc.cluster.local}}]}]}"
            ),
            [CART],
        ),
        (
            rules("{hosts: [cart], http: [{delegate: {name: leaf}}]}")
            + rules(f"{{{TO_PAY}}}", name="leaf"),
            [CART, "81 pay.bank"],
        ),
    ],
)
def test_where_imported_rules_lead_has_clusters_for_the_ports_that_they_name(
    rule: str, found: list[str]
) -> None:
    assert clusters(SERVICES + sidecar("./*") + rule, client()) == found


def test_what_rules_imply_has_no_listener() -> None:
    rule = rules(
        "{hosts: [cart], tcp: [{route: [{destination:"
        " {host: db.bank.svc.cluster.local, port: {number: 5000}}}]}]}"
    )
    text = service("cart", "shop", "{name: tcp, port: 5001}") + service(
        "db", "bank", "{name: tcp, port: 5000}"
    )
    listeners = Declared(text + sidecar("./*") + rule).listeners(client())

    assert [name for name in listeners if name.startswith("10.")] == ["10.96.0.1_5001"]


def test_a_sidecar_in_the_root_namespace_scopes_every_namespace() -> None:
    scoped = SERVICES + sidecar("./*, catalog/*", namespace="istio-system")

    assert clusters(scoped, client()) == [CART, "80 search.catalog", "81 search.catalog"]
    assert clusters(scoped, client("empty")) == ["80 search.catalog", "81 search.catalog"]


def test_hosts_of_which_nothing_is_known_may_be_called_by_tls() -> None:
    mesh = MeshConfig(
        outbound_traffic_policy=OutboundTrafficPolicy(
            mode=OutboundMode.ALLOW_ANY_DYNAMIC_DNS, tls=ClientTls(mode=ClientTlsMode.SIMPLE)
        )
    )
    declared = Declared("", mesh=mesh)
    found = declared.clusters(client())["AllowAnyDynamicDNSCluster"]

    options = found["typed_extension_protocol_options"][HTTP_OPTIONS]
    assert options["upstream_http_protocol_options"] == {
        "auto_sni": True,
        "auto_san_validation": True,
    }
    assert found["transport_socket"]["name"] == "envoy.transport_sockets.tls"
    assert list(declared.resources(client()).secrets) == [
        "file-root:/etc/ssl/certs/ca-certificates.crt"
    ]
