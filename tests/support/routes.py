"""Route tables as a test reads them: by domain, without what every route has."""

from typing import Any

from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.json_format import MessageToDict

from controlplane.envoy.resource import packed
from controlplane.model.proxy import ResolvedProxy
from tests.support.declared import INGRESS, Declared

GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: ["*.example.com"]
---
"""
SERVICES = """
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: default}
spec:
  clusterIP: 10.96.1.1
  ports: [{name: http, port: 80, targetPort: 9080}]
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec:
  clusterIP: 10.96.1.2
  ports: [{name: http, port: 9080}]
---
"""


def virtual_service(rules: str, *, name: str = "shop", host: str = "shop.example.com") -> str:
    """A VirtualService at the gateway; ``rules`` is YAML, a list in square brackets."""
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: default}}
spec:
  hosts: ["{host}"]
  gateways: [istio-system/gw]
  http: {rules}
---
"""


def table(
    declared: Declared, name: str = "http.8080", proxy: ResolvedProxy = INGRESS
) -> RouteConfiguration:
    """A route table as Envoy reads it."""
    message = RouteConfiguration()
    packed(declared.resources(proxy).routes[name]).Unpack(message)
    return message


def routes(
    declared: Declared, domain: str = "shop.example.com", proxy: ResolvedProxy = INGRESS
) -> list[dict[str, Any]]:
    """The routes of one domain as Envoy's JSON."""
    found = [host for host in table(declared, proxy=proxy).virtual_hosts if domain in host.domains]
    assert len(found) == 1, [host.domains for host in table(declared, proxy=proxy).virtual_hosts]
    return [MessageToDict(route, preserving_proto_field_name=True) for route in found[0].routes]


def domains(
    declared: Declared, name: str = "http.8080", proxy: ResolvedProxy = INGRESS
) -> list[str]:
    hosts = table(declared, name, proxy).virtual_hosts
    return sorted(domain for host in hosts for domain in host.domains)


def route(rule: str) -> dict[str, Any]:
    """The only route of a VirtualService with one rule."""
    (found,) = routes(Declared(GATEWAY + SERVICES + virtual_service(f"[{rule}]")))
    return found


def clusters(declared: Declared, domain: str = "shop.example.com") -> list[str]:
    """Where the routes of a domain lead, in order."""
    return [found["route"]["cluster"] for found in routes(declared, domain)]
