"""A VirtualService, or a part of one, that no gateway serves is reported at its place."""

import pytest

from controlplane.base.names import Namespace
from controlplane.kinds.istio.mesh_config import GatewayTopology, MeshConfig, ProxyConfig
from controlplane.model.proxy_view import ConnectedGateway, GatewayInstance
from controlplane.queries.inputs.connected_gateways import CONNECTED
from controlplane.queries.views.views import gateway_view
from tests.support.checked import checked
from tests.support.declared import Declared

SHOP = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: shop, namespace: default}}
spec:
  hosts: [shop.example]
{rest}
---
"""
ANSWER = "  http: [{directResponse: {status: 200}}]"
HTTP = "- {port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.example]}"
REDIRECT = (
    "- {port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.example], "
    "tls: {httpsRedirect: true}}"
)
PASSTHROUGH = (
    "- {port: {number: 443, name: tls, protocol: TLS}, hosts: [shop.example], "
    "tls: {mode: PASSTHROUGH}}"
)
TCP = "- {port: {number: 5432, name: db, protocol: TCP}, hosts: [shop.example]}"


def gateway(*servers: str, name: str = "gw") -> str:
    head = f"""\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: istio-system}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
"""
    return head + "".join(f"  {server}\n" for server in servers) + "---\n"


def found(rest: str, *others: str, mesh: MeshConfig | None = None) -> list[str]:
    """What is reported of the VirtualService alone, which comes first."""
    text = SHOP.format(rest=rest)
    lines = checked(text + "".join(others), mesh=mesh)
    return [line for line in lines if int(line.partition(":")[0]) <= text.count("\n")]


def test_gateways_left_out_where_a_gateway_has_the_host() -> None:
    assert found(ANSWER, gateway(HTTP)) == [
        "5:11 warning CP0369: gateways is left out, so this is for sidecars, and no Service and no "
        'ServiceEntry has the host "shop.example": its rules apply to requests on port 80 alone '
        "-> add gateways: [istio-system/gw]"
    ]


def test_no_gateway_is_proposed_for_a_service_within_the_mesh() -> None:
    service = """\
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {ports: [{name: http, port: 80}]}
---
"""
    text = SHOP.replace("shop.example", "reviews").format(rest=f"  gateways: [mesh]\n{ANSWER}")

    assert checked(text + service + gateway(HTTP.replace("shop.example", '"*"'))) == []


def test_an_export_away_from_the_proxies() -> None:
    private = f'  exportTo: ["."]\n  gateways: [istio-system/gw]\n{ANSWER}'

    assert found(private, gateway(HTTP)) == [
        "6:3 warning CP0345: no gateway serves this VirtualService: it is exported to default "
        "only, and the proxies of Gateway istio-system/gw are likely in istio-system "
        '-> add "istio-system" to exportTo'
    ]
    assert found(private.replace('"."', '".", istio-system'), gateway(HTTP)) == []


def test_a_service_in_front_of_the_gateway_says_where_its_proxies_are() -> None:
    in_front = """\
apiVersion: v1
kind: Service
metadata: {name: ingress, namespace: default}
spec: {selector: {istio: ingressgateway, app: ingress}, ports: [{name: http, port: 80}]}
---
"""
    private = f'  exportTo: ["."]\n  gateways: [istio-system/gw]\n{ANSWER}'

    assert found(private, gateway(HTTP), in_front) == []


def test_connected_proxies_say_where_they_are() -> None:
    private = f'  exportTo: ["."]\n  gateways: [istio-system/gw]\n{ANSWER}'
    declared = Declared(SHOP.format(rest=private) + gateway(HTTP))
    proxy = ConnectedGateway(
        namespace=Namespace("edge"),
        labels=(("istio", "ingressgateway"),),
        instance=GatewayInstance(),
        view=gateway_view(Namespace("edge")),
    )
    declared.graph.edit()
    declared.graph.set(CONNECTED, "gateways", (proxy,))

    (found,) = declared.diagnostics()

    assert found.message == (
        "no gateway serves this VirtualService: it is exported to default only, and the proxies of "
        "Gateway istio-system/gw are in edge"
    )


def test_one_of_two_gateways_that_has_none_of_the_hosts() -> None:
    both = f"  gateways: [istio-system/gw, istio-system/other]\n{ANSWER}"
    other = gateway(HTTP.replace("shop.example", "team/shop.example, b.example"), name="other")

    assert found(both, gateway(HTTP), other) == [
        "6:31 warning CP0306: Gateway istio-system/other serves none of the hosts for "
        "VirtualServices of namespace default (its servers have team/shop.example, b.example)"
    ]


def test_a_host_that_only_the_mesh_has_beside_a_gateway() -> None:
    both = f"  gateways: [mesh, istio-system/gw]\n{ANSWER}"

    assert found(both, gateway(HTTP.replace("shop.example", "b.example"))) == [
        '5:11 warning CP0306: host "shop.example" is not served: no server of Gateway '
        "istio-system/gw serves it for VirtualServices of namespace default "
        "(its servers have b.example)"
    ]


TO_DB = "route: [{destination: {host: db.default.svc.cluster.local}}]"
DB = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: db, namespace: default}
spec:
  hosts: [db.default.svc.cluster.local]
  resolution: STATIC
  ports: [{number: 5432, name: tcp, protocol: TCP}]
  endpoints: [{address: 10.0.0.1}]
---
"""


@pytest.mark.parametrize(
    ("rules", "servers", "expected"),
    [
        pytest.param(
            f"{ANSWER}\n  tcp: [{{{TO_DB}}}]",
            (HTTP,),
            '8:3 warning CP0346: the tcp rules have no effect: server "http" of Gateway '
            "istio-system/gw is an HTTP server -> add a server of protocol TCP, on a port of its "
            "own, for its hosts",
            id="tcp rules at an HTTP server",
        ),
        pytest.param(
            f"{ANSWER}\n  tls: [{{match: [{{sniHosts: [shop.example]}}], {TO_DB}}}]",
            (HTTP,),
            '8:3 warning CP0346: the tls rules have no effect: server "http" of Gateway '
            "istio-system/gw is an HTTP server -> add a server with tls.mode PASSTHROUGH for its "
            "hosts",
            id="tls rules at an HTTP server",
        ),
        pytest.param(
            ANSWER,
            (PASSTHROUGH,),
            '7:3 warning CP0346: the http rules have no effect: server "tls" of Gateway '
            "istio-system/gw passes TLS through unread -> add a server of protocol HTTP, or HTTPS "
            "with tls.mode SIMPLE, for its hosts",
            id="http rules at a server that does not end TLS",
        ),
        pytest.param(
            ANSWER,
            (PASSTHROUGH, TCP),
            "7:3 warning CP0346: the http rules have no effect: each server for its hosts passes "
            "TLS through unread or forwards connections unread -> add a server of protocol HTTP, "
            "or HTTPS with tls.mode SIMPLE, for its hosts",
            id="http rules where no server is HTTP",
        ),
        pytest.param(
            "  http: [{match: [{port: 8080}, {port: 80}], directResponse: {status: 200}}]",
            (HTTP,),
            "7:26 warning CP0346: the match never applies: no server for these hosts is on port "
            "8080 (the servers are on 80) -> write 80",
            id="a port that no server has",
        ),
    ],
)
def test_rules_that_no_server_reads(rules: str, servers: tuple[str, ...], expected: str) -> None:
    assert found(f"  gateways: [istio-system/gw]\n{rules}", gateway(*servers), DB) == [expected]


def test_each_sort_of_rules_has_its_server() -> None:
    rules = f"{ANSWER}\n  tcp: [{{match: [{{port: 5432}}], {TO_DB}}}]"

    assert found(f"  gateways: [istio-system/gw]\n{rules}", gateway(HTTP, TCP), DB) == []


BOUND = f"  gateways: [istio-system/gw]\n{ANSWER}"


def test_rules_behind_a_redirect_to_https() -> None:
    assert found(BOUND, gateway(REDIRECT)) == [
        '7:3 warning CP0347: no request gets to these rules: server "http" of Gateway '
        "istio-system/gw redirects every one to HTTPS -> bind it to an HTTPS server for "
        'shop.example too, or remove httpsRedirect from server "http" of Gateway istio-system/gw'
    ]


def test_one_rule_behind_a_redirect_to_https() -> None:
    https = (
        "- {port: {number: 443, name: https, protocol: HTTPS}, hosts: [shop.example], "
        "tls: {mode: SIMPLE, serverCertificate: /c.pem, privateKey: /k.pem}}"
    )
    rules = (
        "  gateways: [istio-system/gw]\n  http:\n"
        "  - {match: [{port: 80, uri: {prefix: /.well-known/}}], directResponse: {status: 200}}\n"
        "  - directResponse: {status: 204}"
    )

    assert found(rules, gateway(REDIRECT, https)) == [
        '8:5 warning CP0347: no request gets to this rule: server "http" of Gateway '
        "istio-system/gw redirects every one to HTTPS -> bind it to an HTTPS server for "
        'shop.example too, or remove httpsRedirect from server "http" of Gateway istio-system/gw'
    ]
    assert found(BOUND, gateway(REDIRECT, https)) == []


def test_a_redirect_that_a_load_balancer_may_make_unneeded() -> None:
    topology = GatewayTopology(num_trusted_proxies=1)
    mesh = MeshConfig(default_config=ProxyConfig(gateway_topology=topology))

    assert found(BOUND, gateway(REDIRECT), mesh=mesh) == []


def test_rules_that_redirect_themselves_lose_nothing_by_it() -> None:
    redirect = "  gateways: [istio-system/gw]\n  http: [{redirect: {scheme: https}}]"

    assert found(redirect, gateway(REDIRECT)) == []


def test_rules_that_others_cover_on_each_port() -> None:
    rules = (
        "  gateways: [istio-system/gw]\n  http:\n"
        "  - {match: [{port: 80}], directResponse: {status: 200}}\n"
        "  - {match: [{uri: {prefix: /a}}], directResponse: {status: 204}}"
    )
    second = HTTP.replace("80", "81").replace("name: http", "name: http-81")

    assert found(rules, gateway(HTTP)) == [
        "9:5 warning CP0216: this rule is unreachable: on each port of its servers (80) earlier "
        "rules match every request it would -> move it up, or remove it"
    ]
    assert found(rules, gateway(HTTP, second)) == []
