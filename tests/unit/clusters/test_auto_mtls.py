"""With which endpoints callers use the mesh's mutual TLS, by what their workloads accept."""

import pytest

from controlplane.base.names import Host, Namespace
from controlplane.model.proxy import ResolvedProxy, Role
from controlplane.queries.policy.mutual_tls import called_endpoints
from controlplane.queries.registry.endpoints import endpoints_of
from tests.support.declared import INGRESS, Declared
from tests.unit.inbound.given import peer_authentication

HOST = Host("web.default.svc.cluster.local")
NAME = f"outbound|80||{HOST}"
CLIENT = ResolvedProxy(role=Role.SIDECAR, namespace=Namespace("other"))
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  clusterIP: 10.96.0.1
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Pod
metadata:
  name: a
  namespace: default
  labels: {app: web, version: v1, security.istio.io/tlsMode: istio}
spec: {containers: [{name: a}]}
status: {podIP: 10.0.0.1, phase: Running, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Pod
metadata:
  name: b
  namespace: default
  labels: {app: web, version: v2, security.istio.io/tlsMode: istio}
spec: {containers: [{name: b}]}
status: {podIP: 10.0.0.2, phase: Running, conditions: [{type: Ready, status: "True"}]}
---
"""
V1 = "{version: v1}"


def mutual(text: str, proxy: ResolvedProxy = CLIENT) -> list[str]:
    """The addresses of the endpoints that get mutual TLS."""
    groups = Declared(SERVICE + text).endpoints(proxy)[NAME]
    return [
        each["endpoint"]["address"]["socket_address"]["address"]
        for group in groups
        for each in group["lb_endpoints"]
        if "metadata" in each
    ]


@pytest.mark.parametrize("proxy", [CLIENT, INGRESS], ids=["sidecar", "gateway"])
@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        pytest.param("", ["10.0.0.1", "10.0.0.2"], id="nothing said"),
        pytest.param(peer_authentication("STRICT"), ["10.0.0.1", "10.0.0.2"], id="strict"),
        pytest.param(peer_authentication("DISABLE"), [], id="namespace"),
        pytest.param(peer_authentication("DISABLE", namespace="istio-system"), [], id="mesh"),
        pytest.param(
            peer_authentication("DISABLE", namespace="istio-system", selector=V1),
            ["10.0.0.1", "10.0.0.2"],
            id="selector in the root namespace",
        ),
        pytest.param(peer_authentication("DISABLE", selector=V1), ["10.0.0.2"], id="workload"),
        pytest.param(
            peer_authentication("STRICT", selector=V1, ports="{8080: {mode: DISABLE}}"),
            ["10.0.0.2"],
            id="port of the workload",
        ),
        pytest.param(
            peer_authentication("STRICT", selector=V1, ports="{80: {mode: DISABLE}}"),
            ["10.0.0.1", "10.0.0.2"],
            id="port of the service",
        ),
        pytest.param(
            peer_authentication("DISABLE", name="all")
            + peer_authentication("PERMISSIVE", selector=V1, name="one"),
            ["10.0.0.1"],
            id="a workload apart from its namespace",
        ),
    ],
)
def test_endpoints_that_accept_plaintext_alone_get_it(
    proxy: ResolvedProxy, policies: str, expected: list[str]
) -> None:
    assert mutual(policies, proxy) == expected


def test_a_namespace_of_plaintext_has_clusters_without_tls() -> None:
    policies = peer_authentication("DISABLE", name="all") + peer_authentication(
        "PERMISSIVE", selector=V1, name="one"
    )

    assert "transport_socket_matches" in Declared(SERVICE).clusters(CLIENT)[NAME]
    found = Declared(SERVICE + policies).clusters(CLIENT)[NAME]
    assert "transport_socket_matches" not in found


def test_a_headless_service_has_mutual_tls_only_if_every_endpoint_accepts_it() -> None:
    headless = SERVICE.replace("clusterIP: 10.96.0.1", "clusterIP: None")

    def socket(policies: str) -> bool:
        return "transport_socket" in Declared(headless + policies).clusters(CLIENT)[NAME]

    assert socket("")
    assert not socket(peer_authentication("DISABLE", selector=V1))


def test_a_policy_that_callers_need_not_know_changes_no_endpoint() -> None:
    declared = Declared(SERVICE)
    before = called_endpoints(declared.graph, HOST, Namespace("default"), 80)

    declared.edit(peer_authentication("STRICT", selector=V1))

    after = called_endpoints(declared.graph, HOST, Namespace("default"), 80)
    assert after is before
    assert after is endpoints_of(declared.graph, HOST, Namespace("default"), 80)
