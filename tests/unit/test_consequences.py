"""What requests get because of a mistake, in a sentence."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from controlplane.base import codes
from controlplane.base.diagnostics import Code, Effect
from controlplane.base.locations import FieldRef
from controlplane.engine.consequences import ANSWERS, consequence
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from tests.support.backend_policies import tls_policy
from tests.support.http_routes import request_route

HARMLESS: Final = frozenset(
    {
        codes.POLICY_TARGET_UNKNOWN,
        codes.PROXY_CONFIG_FAULT,
        codes.LISTENER_CONFLICT,
        codes.LISTENER_ROUTE_KINDS,
        codes.GATEWAY_PARAMETERS,
        codes.GATEWAY_CLIENT_CERTIFICATE,
        codes.LUA_REFUSED,
    }
)
"""Errors in force by which no request fails; the last one keeps listeners as they were."""
SERVED: Final = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*"]
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec:
  ports: [{name: http, port: 80}]
"""


PORTS_DIFFER: Final = """
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: shop-1, labels: {kubernetes.io/service-name: shop}}
addressType: IPv4
ports: [{name: web, port: 80}]
endpoints: [{addresses: [10.0.0.1]}]
"""
NO_ENDPOINTS: Final = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: static}
spec:
  hosts: [static.example]
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
"""


def rules(http: str, *, hosts: str = "[shop.example]", gateways: str = "[gw]") -> str:
    return f"""{SERVED}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: shop}}
spec:
  hosts: {hosts}
  gateways: {gateways}
  {http}
"""


def server(rest: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: gw}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: 443, name: https, protocol: HTTPS}}
    hosts: ["*", "shop/a.example"]
    {rest}
"""


def listeners(rest: str, more: str = "") -> str:
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: edge}}
spec:
  gatewayClassName: istio
  {more}
  listeners:
  - {{name: https, port: 443, protocol: HTTPS, hostname: a.example, {rest}}}
"""


def said(text: str) -> list[str]:
    engine = Engine(MeshConfig(), now=datetime(2026, 6, 1, tzinfo=UTC))
    engine.apply([(Path("mesh.yaml"), text)])
    while engine.analyse():
        pass
    found = (
        consequence(engine.object(d.place.object), d)
        for d in engine.diagnostics()
        if isinstance(d.place, FieldRef)
    )
    return [sentence for sentence in found if sentence is not None]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            rules("http: [{route: [{destination: {host: nobody}}]}]"),
            "requests to shop.example get 503",
        ),
        (
            rules(
                "http: [{match: [{uri: {prefix: /a}}, {uri: {exact: /b}}, {uri: {regex: c+}}],"
                " route: [{destination: {host: nobody}}]}]"
            ),
            "requests to shop.example /a*, /b, ~c+ get 503",
        ),
        (
            rules(
                "http: [{match: [{uri: {prefix: /a}, method: {exact: GET}}],"
                " route: [{destination: {host: nobody}}]}]"
            ),
            "some requests to shop.example /a* get 503",
        ),
        (
            rules(
                "http: [{route: [{destination: {host: nobody}, weight: 1},"
                " {destination: {host: shop}, weight: 99}]}]"
            ),
            "some requests to shop.example get 503",
        ),
        (
            rules("http: [{route: [{destination: {host: shop}}]}]", gateways="[gw, other]"),
            "requests to shop.example get 404 at gateway other",
        ),
        (
            rules("http: [{delegate: {name: nobody}}]"),
            "requests to shop.example get 404",
        ),
        (
            rules("http: [{route: [{destination: {host: shop}}]}]"),
            "requests to shop.default get 503",
        ),
        (
            rules("http: [{route: [{destination: {host: shop}}]}]") + PORTS_DIFFER,
            "requests to shop.default get 503",
        ),
        (
            rules("http: [{directResponse: {status: 200}}]\n  exportTo: [other]"),
            "requests to shop.example get 404",
        ),
        (
            NO_ENDPOINTS,
            "requests to static.example get 503",
        ),
        (
            server("tls: {mode: SIMPLE, credentialName: none}"),
            "connections to port 443 for any host, a.example are closed",
        ),
        (
            listeners("tls: {certificateRefs: [{name: none}]}"),
            "connections to port 443 for a.example are closed",
        ),
        (
            listeners(
                "tls: {certificateRefs: [{name: none}]}", "addresses: [{type: Hostname, value: x}]"
            ),
            "connections to port 443 are closed",
        ),
        (
            tls_policy(ca="group: '', kind: ConfigMap, name: none"),
            "requests to shop get 503",
        ),
        (
            request_route("{backendRefs: [{name: none, port: 80}]}"),
            "requests to shop.example.com get 500",
        ),
        (
            request_route(
                "{backendRefs: [{name: none, port: 80}, {name: shop, namespace: a, port: 80}]}",
                hosts="[]",
            ),
            "some requests to any host get 500",
        ),
        (
            request_route("{}", parents="[{name: nobody}]"),
            "requests to shop.example.com get 404",
        ),
    ],
)
def test_who_gets_what(text: str, sentence: str) -> None:
    assert sentence in said(text)


def test_a_mirror_that_leads_nowhere_takes_no_answer_away() -> None:
    mirrored = rules("http: [{directResponse: {status: 200}, mirror: {host: nobody}}]")

    assert [sentence for sentence in said(mirrored) if "503" in sentence] == []


def test_a_server_with_a_second_certificate_closes_no_connection() -> None:
    assert said(server("tls: {mode: SIMPLE, credentialNames: [none, other]}")) == []


def test_every_error_in_force_says_what_requests_get() -> None:
    dangling = {
        code
        for code in vars(codes).values()
        if isinstance(code, Code) and code.effect is Effect.DANGLING
    }

    assert sorted(str(code) for code in dangling - ANSWERS.keys() - HARMLESS) == []
