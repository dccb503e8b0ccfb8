"""An edit runs what it affects: the listener of its port, the secret that changed, nothing else."""

from dataclasses import replace
from datetime import UTC, datetime

from controlplane.model.proxy import Locality
from controlplane.queries.listeners.listeners import listeners
from controlplane.queries.listeners.plans import proxy_plan
from controlplane.queries.listeners.secrets import secrets
from tests.support.declared import INGRESS, Declared
from tests.support.pki import Authority

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROOT = Authority(now=NOW)
ENCODING = ("listener(", "credential_resource(")


def gateway(name: str, port: int, host: str = "a.com", *, tls: str = "") -> str:
    protocol = "HTTPS" if tls else "HTTP"
    return f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: apps}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: {port}, name: s, protocol: {protocol}}}
    hosts: [{host}]
    {f"tls: {{mode: SIMPLE, credentialName: {tls}}}" if tls else ""}
---
"""


def virtual_service(path: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: s, namespace: apps}}
spec:
  hosts: [a.com]
  gateways: [one]
  http: [{{match: [{{uri: {{prefix: {path}}}}}], route: [{{destination: {{host: x}}}}]}}]
---
"""


def read(declared: Declared) -> list[str]:
    """Read what a client is to have; the functions that encode, of those that ran."""
    ran: list[str] = []
    declared.graph.trace = ran
    view = declared.view()
    plan = proxy_plan(declared.graph, view.gateway, view.outbound)
    listeners(declared.graph, plan.listeners)
    secrets(declared.graph, plan.listeners, view.outbound)
    declared.graph.trace = None
    return [name for name in ran if name.startswith(ENCODING)]


def test_an_edit_of_a_gateway_encodes_the_listener_of_its_port_only() -> None:
    declared = Declared(gateway("one", 80) + gateway("two", 81) + gateway("three", 82))
    assert len(read(declared)) == 3

    declared.edit(gateway("two", 81, "b.com"))
    assert read(declared) == []  # the hosts of plain HTTP are the route table's affair

    declared.edit(gateway("two", 81, tls="c"))
    ran = [name for name in read(declared) if name.startswith("listener(")]
    assert len(ran) == 1
    assert "0.0.0.0_81" in ran[0]


def test_an_edit_of_http_routes_encodes_no_listener() -> None:
    declared = Declared(gateway("one", 80) + virtual_service("/a"))
    read(declared)

    declared.edit(virtual_service("/b"))

    assert read(declared) == []


def test_a_renewed_certificate_encodes_that_secret_and_nothing_else() -> None:
    declared = Declared(
        gateway("one", 443, tls="c")
        + gateway("two", 444, tls="d")
        + ROOT.leaf("a.com").secret("c")
        + ROOT.leaf("a.com").secret("d"),
        now=NOW,
    )
    read(declared)

    declared.edit(ROOT.leaf("a.com").secret("c"))

    (ran,) = read(declared)
    assert ran.startswith("credential_resource(")
    assert "kubernetes://c" in ran


def test_clients_that_differ_in_their_locality_share_listeners() -> None:
    declared = Declared(gateway("one", 80))
    read(declared)
    ran: list[str] = []
    declared.graph.trace = ran

    declared.resources(replace(INGRESS, locality=Locality("r", "z")))

    assert [name for name in ran if name.startswith(ENCODING)] == []
