"""Gateways in the words of Kubernetes Gateways, and what must change together."""

from typing import Any

import pytest
import yaml

from controlplane.kinds.istio.mesh_config import GatewayTopology, MeshConfig, ProxyConfig
from tests.support.migrated import GATEWAY, Migrated, migration, virtual_service

TO_SHOP = "[{route: [{destination: {host: shop}}]}]"


def of_servers(servers: str, *, service: str = "", mesh: MeshConfig | None = None) -> Migrated:
    return migration(
        f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: shop, namespace: istio-system}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
{servers}
---{virtual_service(TO_SHOP)}""",
        service=service,
        mesh=mesh,
    )


def listeners(found: Migrated) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = found.one("Gateway")["spec"]["listeners"]
    return listed


def test_a_gateway_is_bound_to_the_service_of_its_proxies() -> None:
    found = migration(f"{GATEWAY}---{virtual_service(TO_SHOP)}")

    assert found.kinds() == ["Gateway istio-system/shop", "HTTPRoute default/shop"]
    assert found.one("Gateway")["spec"] == {
        "gatewayClassName": "istio",
        "addresses": [
            {"type": "Hostname", "value": "ingressgateway.istio-system.svc.cluster.local"}
        ],
        "listeners": [
            {
                "name": "http",
                "port": 80,
                "protocol": "HTTP",
                "allowedRoutes": {"namespaces": {"from": "All"}},
            }
        ],
    }
    assert found.one("HTTPRoute")["spec"]["parentRefs"] == [
        {"name": "shop", "namespace": "istio-system"}
    ]


def test_each_host_of_a_server_is_a_listener() -> None:
    found = of_servers(
        '  - {port: {number: 80, name: HTTP_web, protocol: http}, hosts: ["*.example.com", a.org]}'
    )

    assert [(one["name"], one["hostname"]) for one in listeners(found)] == [
        ("http-web", "*.example.com"),
        ("http-web-2", "a.org"),
    ]


@pytest.mark.parametrize(
    ("hosts", "admitted"),
    [
        ("['*/*']", "{from: All}"),
        (
            "[./shop.example.com, default/shop.example.com]",
            "{from: Selector, selector: {matchExpressions: [{key: kubernetes.io/metadata.name,"
            " operator: In, values: [default, istio-system]}]}}",
        ),
        (
            "[default/shop.example.com]",
            "{from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: default}}}",
        ),
    ],
)
def test_namespaces_of_hosts_are_those_that_a_listener_admits(hosts: str, admitted: str) -> None:
    found = of_servers(f"  - {{port: {{number: 80, name: http, protocol: HTTP}}, hosts: {hosts}}}")

    assert found.reasons == []
    assert listeners(found)[0]["allowedRoutes"]["namespaces"] == yaml.safe_load(admitted)


@pytest.mark.parametrize(
    ("tls", "migrated"),
    [
        (
            "{mode: SIMPLE, credentialName: web}",
            {"mode": "Terminate", "certificateRefs": [{"name": "web"}]},
        ),
        (
            "{mode: MUTUAL, credentialName: web}",
            {
                "mode": "Terminate",
                "certificateRefs": [{"name": "web"}],
                "options": {"gateway.istio.io/tls-terminate-mode": "MUTUAL"},
            },
        ),
        (
            "{mode: ISTIO_MUTUAL}",
            {
                "mode": "Terminate",
                "options": {"gateway.istio.io/tls-terminate-mode": "ISTIO_MUTUAL"},
            },
        ),
    ],
)
def test_a_server_with_tls_shows_the_same_certificate(tls: str, migrated: dict[str, Any]) -> None:
    found = of_servers(
        "  - port: {number: 443, name: https, protocol: HTTPS}\n"
        f"    hosts: ['*.example.com']\n    tls: {tls}"
    )

    assert found.reasons == []
    assert (listeners(found)[0]["protocol"], listeners(found)[0]["tls"]) == ("HTTPS", migrated)


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (
            "{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*'], bind: 127.0.0.1}",
            "a listener has no bind",
        ),
        (
            "{port: {number: 81, name: http, protocol: HTTP}, hosts: ['*']}",
            "Service istio-system/ingressgateway has no port 81, and a Kubernetes Gateway is "
            "served on the ports of its Service alone",
        ),
        (
            "{port: {number: 443, name: tls, protocol: TLS}, hosts: ['*'],"
            " tls: {mode: SIMPLE, credentialName: web}}",
            "a server of protocol TLS that ends TLS, or is none of Gateway API's, has no "
            "counterpart",
        ),
        (
            "{port: {number: 443, name: tcp, protocol: TCP}, hosts: [a.com]}",
            "a listener for TCP has no hostname, so it would admit the routes of every host",
        ),
        (
            "{port: {number: 80, name: http, protocol: HTTP}, hosts: [default/shop.example.com],"
            " tls: {httpsRedirect: true}}",
            "hosts without a VirtualService of the namespace are not redirected, only 404",
        ),
        (
            "{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'],"
            " tls: {mode: SIMPLE, credentialName: web, minProtocolVersion: TLSV1_3}}",
            "a listener has no minProtocolVersion",
        ),
        (
            "{port: {number: 80, name: http, protocol: HTTP}, hosts: [Shop.example.com]}",
            'a listener takes no "Shop.example.com" as its hostname',
        ),
    ],
)
def test_a_server_without_a_counterpart_keeps_gateway_and_routes(server: str, reason: str) -> None:
    found = of_servers(f"  - {server}")

    assert found.kinds() == ["Gateway istio-system/shop", "VirtualService default/shop"]
    assert found.one("Gateway")["apiVersion"] == "networking.istio.io/v1"
    assert any(text.endswith(f": {reason}") for text in found.reasons), found.reasons


def test_hosts_of_one_port_that_admit_other_namespaces_keep_the_gateway() -> None:
    found = of_servers(
        "  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*', 'a/x.com']}"
    )

    assert '8 CP0780: "x.com" and "*" admit other namespaces' in found.reasons[0]


def test_without_a_service_the_gateway_stays() -> None:
    found = migration(
        GATEWAY.replace("istio: ingressgateway", "istio: egressgateway")
        + "---"
        + virtual_service(TO_SHOP)
    )

    assert found.reasons == [
        "6 CP0783: a Kubernetes Gateway needs a Service of its proxies, and none selects "
        "istio: egressgateway",
        "16 CP0782: Gateway istio-system/shop stays",
    ]


def test_a_named_service_is_written_where_there_is_none() -> None:
    found = migration(
        GATEWAY.replace("istio: ingressgateway", "istio: egressgateway")
        + "---"
        + virtual_service(TO_SHOP),
        service="edge/egress",
    )

    assert found.reasons == []
    assert found.objects[0] == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "egress", "namespace": "edge"},
        "spec": {
            "selector": {"istio": "egressgateway"},
            "ports": [{"name": "http-80", "port": 80, "targetPort": 80}],
        },
    }
    assert found.kinds()[0] == "Gateway edge/shop"


def test_a_gateway_of_plain_http_may_stay_beside() -> None:
    faulty = virtual_service(
        "[{fault: {abort: {httpStatus: 503, percentage: {value: 1}}},"
        " route: [{destination: {host: shop}}]}]",
        hosts="[faulty.example.com]",
    ).replace("name: shop}", "name: faulty}")
    found = migration(f"{GATEWAY}---{virtual_service(TO_SHOP)}---{faulty}")

    assert found.kinds() == [
        "Gateway istio-system/shop",
        "Gateway istio-system/shop",
        "HTTPRoute default/shop",
        "VirtualService default/faulty",
    ]


def test_a_gateway_with_tls_stays_with_any_of_its_virtual_services() -> None:
    faulty = virtual_service(
        "[{directResponse: {status: 200}}]", hosts="[faulty.example.com]"
    ).replace("name: shop}", "name: faulty}")
    found = of_servers(
        "  - port: {number: 443, name: https, protocol: HTTPS}\n"
        "    hosts: ['*']\n    tls: {mode: SIMPLE, credentialName: web}\n"
        f"---{faulty}"
    )

    assert found.kinds() == [
        "Gateway istio-system/shop",
        "VirtualService default/faulty",
        "VirtualService default/shop",
    ]
    because = "default/faulty stays, and a host with TLS, or that is redirected to it, is served by"
    assert any(because in text for text in found.reasons)


@pytest.mark.parametrize(
    ("hosts", "mode", "is_told"),
    [
        ("[shop.example.com, pay.example.com]", "SIMPLE", True),
        ("['*.example.com']", "SIMPLE", False),
        ("[shop.example.com, pay.example.com]", "PASSTHROUGH", False),
    ],
)
def test_hosts_that_share_connections_no_more_are_reported(
    hosts: str, mode: str, is_told: bool
) -> None:
    found = of_servers(
        "  - port: {number: 443, name: https, protocol: HTTPS}\n"
        f"    hosts: {hosts}\n    tls: {{mode: {mode}, credentialName: web}}\n"
    )

    because = "on a connection that was opened for another is answered with 404"
    assert any(because in text for text in found.reasons) == is_told


def test_virtual_services_that_share_a_host_stay_together() -> None:
    other = virtual_service("[{directResponse: {status: 200}}]").replace(
        "name: shop}", "name: other}"
    )
    found = migration(f"{GATEWAY}---{virtual_service(TO_SHOP)}---{other}")

    assert "HTTPRoute default/shop" not in found.kinds()
    assert any(
        'VirtualService default/other stays, and its rules for "shop.example.com" are merged'
        in text
        for text in found.reasons
    )


def test_comments_and_documents_that_stay_keep_every_byte() -> None:
    text = f"# The shop.{GATEWAY}---\n# A note.\napiVersion: v1\nkind: Service\n" + (
        "metadata: {name: x}   # kept\nspec: {ports: [{port: 80}]}\n"
    )

    found = migration(text)

    assert found.text.endswith(
        "---\n# A note.\napiVersion: v1\nkind: Service\n"
        "metadata: {name: x}   # kept\nspec: {ports: [{port: 80}]}\n"
    )
    assert found.kinds() == ["Gateway istio-system/shop"]


REDIRECTING = """\
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*'], tls: {httpsRedirect: true}}
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ['*.example.com']
    tls: {mode: SIMPLE, credentialName: web}
"""


def test_a_redirect_to_https_is_a_route_of_its_own() -> None:
    found = of_servers(REDIRECTING)

    assert found.kinds() == [
        "Gateway istio-system/shop",
        "HTTPRoute istio-system/shop-https-redirect",
        "HTTPRoute default/shop",
    ]
    redirect, route = (o["spec"] for o in found.objects if o["kind"] == "HTTPRoute")
    assert redirect == {
        "parentRefs": [{"name": "shop", "sectionName": "http"}],
        "rules": [
            {
                "filters": [
                    {
                        "type": "RequestRedirect",
                        "requestRedirect": {"scheme": "https", "statusCode": 301},
                    }
                ]
            }
        ],
    }
    assert route["parentRefs"] == [
        {"name": "shop", "namespace": "istio-system", "sectionName": "https"}
    ]
    assert listeners(found)[0]["allowedRoutes"] == {"namespaces": {"from": "Same"}}


def test_a_redirect_stays_where_proxies_in_front_are_trusted() -> None:
    topology = GatewayTopology(num_trusted_proxies=1)
    mesh = MeshConfig(default_config=ProxyConfig(gateway_topology=topology))

    found = of_servers(REDIRECTING, mesh=mesh)

    assert found.reasons[0] == (
        "8 CP0780: MeshConfig trusts proxies in front, and what these received by HTTPS an "
        "HTTPRoute would redirect as well"
    )


def test_a_redirect_stays_beside_another_gateway_with_its_host() -> None:
    other = GATEWAY.replace("name: shop,", "name: other,").replace('"*"', "a.example.com")
    found = of_servers(f"{REDIRECTING}---{other}")

    assert (
        "8 CP0780: Gateway istio-system/other has its hosts on this port, too, and is redirected"
        in (found.reasons)
    )
