"""Protocols that contradict each other, ports without one, annotations that nobody reads."""

import pytest

from tests.support.checked import checked


def entry(name: str, protocol: str, export: str = "*", namespace: str = "default") -> str:
    return f"""\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  hosts: [api.example]
  exportTo: ["{export}"]
  resolution: DNS
  ports: [{{number: 443, name: {protocol.lower()}, protocol: {protocol}}}]
---
"""


def test_two_entries_that_give_a_port_different_protocols() -> None:
    assert checked(entry("a", "HTTPS") + entry("b", "HTTP")) == [
        "17:47 warning CP0334: port 443 of api.example is HTTPS in ServiceEntry default/a, which "
        "comes first, and HTTP here: only one of them is used -> write HTTPS, or give the port "
        "another number"
    ]
    assert checked(entry("a", "HTTPS") + entry("b", "https")) == []


def test_entries_that_no_client_sees_together() -> None:
    apart = entry("a", "HTTPS", ".") + entry("b", "HTTP", ".", "team")

    assert checked(apart) == []
    assert {line.split()[2] for line in checked(apart.replace('"."', '"*"', 1))} == {
        "CP0323:",
        "CP0334:",
    }


USED = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: all, namespace: default}
spec:
  hosts: ["*"]
  gateways: [gw]
  http: [{route: [{destination: {host: a}}]}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: a, namespace: default}
spec: {address: 10.0.0.1, labels: {app: a}}
---
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: a, namespace: default, annotations: {%s}}
spec:
  selector: {app: a}
  ports: [{port: 80%s}]
"""


@pytest.mark.parametrize(
    ("port", "named"), [("", "no name"), (", name: web", 'the name "web"')], ids=["none", "unknown"]
)
def test_a_port_in_use_without_a_protocol_is_mentioned(port: str, named: str) -> None:
    service = SERVICE % ("", port)

    assert checked(USED + service) == [
        f"26:11 info CP0335: port 80 has {named} and so no known protocol: gateways speak HTTP/1.1 "
        "to it -> set appProtocol: http, http2, grpc or tcp"
    ]
    assert checked(USED + SERVICE % ("", ", appProtocol: http")) == []


@pytest.mark.parametrize(
    ("annotation", "hint"),
    [
        ("networking.istio.io/exportTO", " -> write networking.istio.io/exportTo"),
        ("networking.istio.io/exportThree", ""),
        ("networking.isto.io/exportTo", None),
        ("networking.istio.io/exportTo", None),
        ("sidecar.istio.io/inject", None),
    ],
)
def test_annotations_that_istio_does_not_have(annotation: str, hint: str | None) -> None:
    found = checked(USED + SERVICE % (f'{annotation}: "*"', ", name: http"))

    expected = (
        f'23:55 warning CP0336: Istio has no annotation "{annotation}", so it has no effect{hint}'
    )
    assert found == ([] if hint is None else [expected])
