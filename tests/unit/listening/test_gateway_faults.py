"""A Gateway that does not fit its proxies, or whose servers take requests from each other."""

import pytest

from tests.support.checked import checked

HEAD = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: istio-system}}
spec:
  selector: {{istio: {selected}}}
  servers:
"""


def gateway(*servers: str, name: str = "gw", selected: str = "ingressgateway") -> str:
    head = HEAD.format(name=name, selected=selected)
    return head + "".join(f"  - {server}\n" for server in servers) + "---\n"


def https(host: str, certificate: str = "wild", name: str = "https", port: int = 443) -> str:
    return (
        f"{{port: {{number: {port}, name: {name}, protocol: HTTPS}}, hosts: [{host}], "
        f"tls: {{mode: SIMPLE, serverCertificate: /{certificate}.pem, privateKey: /k.pem}}}}"
    )


HTTP = "{port: {number: 8080, name: http, protocol: HTTP}, hosts: [a.example]}"
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: ingress, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, ports: [{name: http, port: 80, targetPort: 8081}]}
---
"""


def reuse(line: int, column: int, other: str, host: str) -> str:
    return (
        f"{line}:{column} warning CP0418: clients that have a connection to {other} reuse it for "
        "this server, or the other way round, and get 404: a certificate of one is for hosts of "
        f"both ({host}) -> give each server a certificate for its own hosts alone, or make them "
        "one server"
    )


def test_one_certificate_on_two_servers_of_a_port() -> None:
    text = gateway(https("one.example"), name="one") + gateway(https("two.example"), name="two")

    assert checked(text) == [
        reuse(15, 79, 'server "https" of Gateway istio-system/one', "two.example")
    ]


@pytest.mark.parametrize(
    "second",
    [
        gateway(https("two.example", certificate="own"), name="two"),
        gateway(https("two.example", port=8443), name="two"),
        gateway(https("two.example"), name="two", selected="other"),
    ],
    ids=["another certificate", "another port", "other proxies"],
)
def test_servers_that_share_no_connection(second: str) -> None:
    assert checked(gateway(https("one.example"), name="one") + second) == []


def test_servers_of_one_gateway_of_which_one_has_the_hosts_of_both() -> None:
    both = gateway(https('"*.example"', name="all"), https("a.example", name="one"))
    apart = gateway(https("b.example", name="all"), https("a.example", name="one"))

    assert checked(both) == []
    assert checked(apart) == [reuse(8, 75, 'server "all" of Gateway istio-system/gw', "a.example")]


def test_a_port_that_no_service_in_front_has() -> None:
    assert checked(gateway(HTTP) + SERVICE) == [
        "7:21 warning CP0317: no Service in front of the proxies has port 8080, so clients that "
        "come through one do not reach this server (Service istio-system/ingress has 80 and 8081) "
        "-> add port 8080 to Service istio-system/ingress"
    ]


@pytest.mark.parametrize("number", [80, 8081])
def test_a_port_of_a_service_in_front_or_where_it_leads(number: int) -> None:
    assert checked(gateway(HTTP.replace("8080", str(number))) + SERVICE) == []


def test_a_service_of_other_proxies_is_not_in_front() -> None:
    other = SERVICE.replace("{istio: ingressgateway}", "{istio: ingressgateway, app: x}")
    text = gateway(HTTP).replace("{istio: ingressgateway}", "{istio: ingressgateway, app: y}")

    assert [line for line in checked(text + other) if "CP0317" in line] == []


def test_a_selector_that_is_misspelled() -> None:
    found = checked(gateway(HTTP, selected="ingresgateway") + SERVICE)

    assert found[0] == (
        "5:21 warning CP0318: no Pod, no Service and no other Gateway has the label istio: "
        "ingresgateway, but Service istio-system/ingress has istio: ingressgateway "
        "-> write ingressgateway"
    )
    egress = gateway(HTTP, selected="egressgateway") + SERVICE.replace("8081", "8080")
    assert [line for line in checked(egress) if "CP0318" in line] == []
