"""PeerAuthentications that do not decide what they are meant to."""

import pytest

from tests.support.checked import checked
from tests.unit.clusters.test_peer_policies import WEB, peers

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: TARGET}]}
---
"""
WORKLOAD = """\
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web, namespace: shop}
spec: {address: 10.0.0.1, labels: {app: web, tier: front}PORTS}
---
"""


def service(target: str = "8080") -> str:
    return SERVICE.replace("TARGET", target)


def workload(ports: str = "") -> str:
    return WORKLOAD.replace("PORTS", ports)


def found(text: str) -> list[str]:
    lines = [line for line in checked(text) if "CP036" in line or "CP0324" in line]
    return [line.partition(" ")[2] for line in lines]


def test_a_second_one_for_a_namespace_has_no_effect() -> None:
    assert found(peers("b") + peers("a") + peers("c", "other")) == [
        "warning CP0364: PeerAuthentication shop/a is for the whole namespace shop too and comes "
        "first, so this one has no effect -> keep one of them, or give this one a selector"
    ]


def test_a_second_one_for_the_mesh_has_no_effect() -> None:
    assert found(peers("b", "istio-system") + peers("a", "istio-system")) == [
        "warning CP0364: PeerAuthentication istio-system/a is for the whole mesh too and comes "
        "first, so this one has no effect -> keep one of them, or give this one a selector"
    ]


def test_two_that_select_one_workload() -> None:
    text = peers("a", selector=WEB) + peers("b", selector="{matchLabels: {tier: front}}")

    assert found(text + workload()) == [
        "warning CP0364: PeerAuthentication shop/a comes first for WorkloadEntry shop/web, which "
        "both select -> let the selectors exclude each other"
    ]


def test_one_of_each_level_is_as_it_is_meant() -> None:
    text = peers("mesh", "istio-system") + peers("all") + peers("web", selector=WEB)

    assert found(text + workload()) == []


def test_a_selector_in_the_root_namespace_is_ignored() -> None:
    assert found(peers("web", "istio-system", selector=WEB)) == [
        "warning CP0365: istio-system is the root namespace, where Istio ignores a "
        "PeerAuthentication with a selector -> put it into the namespace of the workloads, or "
        "remove the selector to make it the mesh's"
    ]


def test_a_selector_that_no_declared_workload_has() -> None:
    assert found(peers("api", selector="{matchLabels: {app: wbe}}") + workload()) == [
        "warning CP0324: no workload of shop is declared that has app: wbe (Pod, WorkloadEntry, "
        "WorkloadGroup or Deployment) -> write app: web"
    ]


def test_the_port_of_a_service_where_that_of_the_workload_belongs() -> None:
    policy = peers("web", selector=WEB, portLevelMtls="{80: {mode: DISABLE}}")

    assert found(policy + service() + workload()) == [
        "warning CP0366: no Service leads to port 80 of these workloads, so the mode is only for "
        "who connects to that port directly (Service shop/web leads to 8080) -> write 8080, where "
        "port 80 of web.shop arrives"
    ]


@pytest.mark.parametrize(
    ("port", "target", "ports"),
    [
        ("8080", "8080", ""),
        ("8081", "8080", ", ports: {http: 8081}"),
        ("8082", "web", ", ports: {web: 8082}"),
        ("8083", "unknown", ""),
    ],
)
def test_ports_that_a_service_may_lead_to(port: str, target: str, ports: str) -> None:
    policy = peers("web", selector=WEB, portLevelMtls=f"{{{port}: {{mode: DISABLE}}}}")

    assert found(policy + service(target) + workload(ports)) == []


def test_without_a_service_in_front_no_port_is_wrong() -> None:
    policy = peers("web", selector=WEB, portLevelMtls="{80: {mode: DISABLE}}")

    assert found(policy + workload()) == []


def test_a_port_that_a_sidecar_listens_on_is_no_mistake() -> None:
    policy = peers("web", selector=WEB, portLevelMtls="{9000: {mode: DISABLE}}")
    sidecar = """\
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: web, namespace: shop}
spec: {workloadSelector: {labels: {app: web}}, ingress: [{port: {number: 9000}}]}
---
"""

    assert len(found(policy + service() + workload())) == 1
    assert found(policy + service() + workload() + sidecar) == []
