"""A route leads to ports of the protocol that it forwards."""

import pytest

from tests.support.declared import Declared
from tests.support.kubernetes_gateways import gateway

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: dns, namespace: default}
spec:
  ports:
  - {name: both, port: 53, protocol: UDP}
  - {name: both-tcp, port: 53}
  - {name: datagrams, port: 54, protocol: UDP}
  - {name: connections, port: 55}
---
"""
LISTENERS = (
    "{name: http, port: 8080, protocol: HTTP}",
    "{name: tcp, port: 9000, protocol: TCP}",
    "{name: udp, port: 9000, protocol: UDP}",
)


def found(kind: str, rule: str) -> list[str]:
    route = (
        f"apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\n"
        "metadata: {name: a, namespace: default}\n"
        f"spec: {{parentRefs: [{{name: edge}}], rules: [{rule}]}}\n---\n"
    )
    declared = Declared(gateway(*LISTENERS) + SERVICE + route)
    return [each.message for each in declared.diagnostics() if each.code.id == "CP0737"]


@pytest.mark.parametrize(
    ("kind", "port", "message"),
    [
        ("UDPRoute", 53, None),
        ("UDPRoute", 54, None),
        ("UDPRoute", 55, "is for TCP, and the UDPRoute leads datagrams to it"),
        ("UDPRoute", 56, None),
        ("TCPRoute", 53, None),
        ("TCPRoute", 54, "is for UDP, and the TCPRoute leads connections to it"),
        ("TCPRoute", 55, None),
        ("HTTPRoute", 53, None),
        ("HTTPRoute", 54, "is for UDP, and the HTTPRoute leads connections to it"),
        ("HTTPRoute", 55, None),
        ("GRPCRoute", 54, "is for UDP, and the GRPCRoute leads connections to it"),
    ],
)
def test_a_port_of_another_protocol_is_reported(kind: str, port: int, message: str | None) -> None:
    said = found(kind, f"{{backendRefs: [{{name: dns, port: {port}}}]}}")

    assert said == ([f"port {port} of Service default/dns {message}"] if message else [])


def test_so_is_the_port_of_a_mirror() -> None:
    mirror = "{type: RequestMirror, requestMirror: {backendRef: {name: dns, port: 54}}}"

    assert len(found("HTTPRoute", f"{{filters: [{mirror}], backendRefs: []}}")) == 1
