"""Services that give one port of a workload different protocols."""

import pytest

from tests.support.checked import checked

GROUP = """\
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: web, namespace: shop}
spec: {metadata: {labels: {app: web, tier: front}}, template: {}}
---
"""


def service(name: str, port: str, selector: str = "{app: web}") -> str:
    return f"""\
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec: {{selector: {selector}, ports: [{port}]}}
---
"""


def found(text: str) -> list[str]:
    return [line for line in checked(text) if "CP0372" in line]


HTTP = "{name: http, port: 80, targetPort: 8080}"


def test_the_second_service_is_reported() -> None:
    text = service("b", HTTP) + service("a", "{name: tcp, port: 90, targetPort: 8080}")

    assert found(text + GROUP) == [
        "4:38 warning CP0372: port 80 is HTTP and arrives at 8080, where port 90 of Service "
        "shop/a, which comes first, is TCP: the workload's sidecar takes it for that -> give both "
        "the protocol that is spoken on port 8080"
    ]


def test_services_that_share_some_workloads() -> None:
    other = service("a", "{name: tls, port: 443, targetPort: 8080}", "{tier: front}")

    assert len(found(service("b", HTTP) + other + GROUP)) == 1


@pytest.mark.parametrize(
    "other",
    [
        service("a", "{name: grpc, port: 90, targetPort: 8080}"),
        service("a", "{name: any, port: 90, targetPort: 8080}"),
        service("a", "{name: tcp, port: 80, targetPort: 8081}"),
        service("a", "{name: tcp, port: 80, targetPort: 8080}", "{app: api}"),
        service("a", "{name: udp, port: 80, targetPort: 8080, protocol: UDP}"),
    ],
)
def test_services_that_agree_or_do_not_meet(other: str) -> None:
    assert found(service("b", HTTP) + other + GROUP) == []


def test_without_sidecars_each_port_has_its_own_protocol() -> None:
    text = service("b", HTTP) + service("a", "{name: tcp, port: 90, targetPort: 8080}")

    assert found(text) == []
