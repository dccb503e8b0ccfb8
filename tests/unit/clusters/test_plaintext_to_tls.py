"""Requests that a gateway sends as plaintext to a port of TLS are reported."""

import pytest

from tests.support.checked import checked

MESH = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: default}
spec:
  selector: {app: gw}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default}
spec:
  hosts: [a.example]
  gateways: [gw]
  http: [{route: [{destination: {host: api.example, port: {number: 443}}}]}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api, namespace: default}
spec:
  hosts: [api.example]
  ports: [{number: 443, name: https, protocol: PROTOCOL}]
  resolution: DNS
"""
RULE = """\
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api, namespace: default}
spec: {host: api.example, trafficPolicy: POLICY}
"""


def test_plaintext_to_a_port_of_tls() -> None:
    assert checked(MESH.replace("PROTOCOL", "HTTPS")) == [
        "14:68 warning CP0337: port 443 of api.example speaks HTTPS, and gateways send requests to "
        "it as plaintext -> add a DestinationRule for api.example with "
        "trafficPolicy: {tls: {mode: SIMPLE}}"
    ]


def test_a_rule_that_says_nothing_of_tls() -> None:
    rule = RULE.replace("POLICY", "{loadBalancer: {simple: RANDOM}}")

    assert [
        line.partition(" -> ")[2] for line in checked(MESH.replace("PROTOCOL", "HTTPS") + rule)
    ] == ["add trafficPolicy: {tls: {mode: SIMPLE}} to DestinationRule default/api"]


@pytest.mark.parametrize(
    ("protocol", "policy"),
    [
        ("HTTP", "{loadBalancer: {simple: RANDOM}}"),
        ("HTTPS", "{tls: {mode: SIMPLE}}"),
        ("HTTPS", "{tls: {mode: DISABLE}}"),
        ("TLS", "{portLevelSettings: [{port: {number: 443}, tls: {mode: SIMPLE}}]}"),
    ],
)
def test_what_a_port_may_get(protocol: str, policy: str) -> None:
    text = MESH.replace("PROTOCOL", protocol) + RULE.replace("POLICY", policy)

    assert checked(text) == []
