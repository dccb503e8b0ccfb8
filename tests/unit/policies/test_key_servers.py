"""Where an issuer of the mesh is dialled, which DNS of the control plane may not know."""

import pytest

from controlplane.queries.registry.key_servers import key_server
from tests.support.declared import Declared

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: NAMESPACE}
spec: {OPTIONS ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: NAME, namespace: NAMESPACE, labels: {kubernetes.io/service-name: NAME}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
- {addresses: [10.0.0.1]}
- {addresses: [10.0.0.2], conditions: {ready: false}}
---
"""
ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: id, namespace: shop}
spec:
  hosts: [id.example.com]
  ports: [{number: 443, name: https, protocol: HTTPS}]
  OPTIONS
---
"""


def service(name: str = "keys", namespace: str = "shop", options: str = "") -> str:
    text = SERVICE.replace("NAMESPACE", namespace).replace("NAME", name)
    return text.replace("OPTIONS", options)


def entry(options: str) -> str:
    return ENTRY.replace("OPTIONS", options)


def dialled(text: str, host: str, port: int = 80) -> tuple[tuple[str, int], ...] | None:
    return key_server(Declared(text).graph, host, port)


READY = (("10.0.0.1", 8080),)


@pytest.mark.parametrize(
    "host",
    [
        "keys.shop",
        "keys.shop.svc",
        "keys.shop.svc.cluster.local",
        "keys.shop.svc.cluster.local.",
        "KEYS.shop",
    ],
)
def test_a_service_by_the_names_that_dns_of_kubernetes_takes(host: str) -> None:
    assert dialled(service(), host) == READY


def test_a_name_alone_is_a_service_of_the_root_namespace() -> None:
    assert dialled(service(namespace="istio-system"), "keys") == READY
    assert dialled(service(), "keys") is None


def test_a_headless_service_is_dialled_at_its_endpoints() -> None:
    assert dialled(service(options="clusterIP: None,"), "keys.shop") == READY


def test_a_port_that_the_service_lacks_has_no_endpoint() -> None:
    assert dialled(service(), "keys.shop", 81) == ()


def test_what_the_root_namespace_does_not_see_is_left_to_dns() -> None:
    hidden = service().replace(
        "namespace: shop}\nspec",
        "namespace: shop, annotations: {networking.istio.io/exportTo: .}}\nspec",
    )

    assert dialled(hidden, "keys.shop") is None


def test_an_unknown_host_is_left_to_dns() -> None:
    assert dialled(service(), "id.example.com", 443) is None


@pytest.mark.parametrize(
    ("options", "at"),
    [
        ("resolution: STATIC\n  endpoints: [{address: 10.0.0.3}]", (("10.0.0.3", 443),)),
        ("resolution: DNS\n  endpoints: [{address: id.internal}]", (("id.internal", 443),)),
        ("resolution: DNS", (("id.example.com", 443),)),
        ("resolution: NONE", None),
    ],
)
def test_a_service_entry_says_where_its_host_is(
    options: str, at: tuple[tuple[str, int], ...] | None
) -> None:
    assert dialled(entry(options), "id.example.com", 443) == at
