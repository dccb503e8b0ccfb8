"""A host that a Gateway lists and no VirtualService routes is reported."""

import pytest

from tests.support.checked import checked


def gateway(hosts: str, rest: str = "") -> str:
    return f"""\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: gw, namespace: default}}
spec:
  selector: {{istio: ingressgateway}}
  servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: {hosts}{rest}}}]
---
"""


def virtual_service(host: str, gateway: str = "gw") -> str:
    return f"""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: shop, namespace: default}}
spec:
  hosts: ["{host}"]
  gateways: [{gateway}]
  http: [{{directResponse: {{status: 200}}}}]
---
"""


def reported(text: str) -> list[str]:
    return [line for line in checked(text) if "CP0319" in line]


def test_a_host_without_route() -> None:
    text = gateway("[a.example, b.example]") + virtual_service("a.example")

    assert checked(text) == [
        '6:81 warning CP0319: no VirtualService routes requests for "b.example" at this Gateway, '
        "so they get 404 -> bind a VirtualService for b.example to default/gw"
    ]


@pytest.mark.parametrize("host", ["b.example", "*.example", "*", "*b.example"])
def test_a_host_that_a_virtual_service_covers(host: str) -> None:
    assert reported(gateway("[b.example]") + virtual_service(host)) == []


def test_a_host_for_virtual_services_of_another_namespace() -> None:
    assert reported(gateway("[team/b.example]") + virtual_service("b.example")) != []


def test_a_wildcard_is_reported_where_nothing_is_bound_to_the_gateway() -> None:
    other = gateway("[a.example]").replace("name: gw", "name: other")

    assert reported(gateway('["*"]') + virtual_service("a.example")) == []
    assert reported(gateway('["*"]') + other + virtual_service("a.example", "other")) != []


def test_gateways_alone_are_a_part_of_a_mesh() -> None:
    assert checked(gateway("[a.example]")) == []


def test_a_server_that_redirects_needs_no_route() -> None:
    redirecting = gateway("[b.example]", ", tls: {httpsRedirect: true}")
    other = gateway("[a.example]").replace("name: gw", "name: other")

    assert reported(redirecting + other + virtual_service("a.example", "other")) == []


@pytest.mark.parametrize("named", ["other/gateway", "gatevay"])
def test_a_virtual_service_that_misspells_the_gateway_is_the_only_mistake(named: str) -> None:
    gateway_ = gateway('["a.example"]').replace("name: gw", "name: gateway")

    found = checked(gateway_ + virtual_service("a.example", named))

    assert [line.split()[1:3] for line in found] == [["error", "CP0304:"]]


def test_gateways_that_share_a_port_share_its_routes() -> None:
    other = gateway('["*"]').replace("name: gw", "name: other")
    apart = other.replace("number: 80", "number: 81")

    assert reported(gateway('["*"]') + other + virtual_service("a.example")) == []
    assert reported(gateway('["*"]') + apart + virtual_service("a.example")) != []


def test_a_server_that_loses_its_port_lacks_no_route() -> None:
    tcp = gateway('["*"]').replace("name: gw", "name: other").replace("HTTP", "TCP")

    found = checked(gateway('["*"]') + tcp + virtual_service("a.example"))

    assert [line.split()[1:3] for line in found] == [["error", "CP0310:"]]
