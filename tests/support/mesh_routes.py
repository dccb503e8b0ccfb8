"""The route tables of a sidecar as a test reads them, and short YAML for what they are made of."""

from collections.abc import Mapping
from typing import Final

from envoy.config.route.v3.route_components_pb2 import Route, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from controlplane.base.names import Namespace
from controlplane.envoy.resource import packed
from controlplane.model.proxy import Labels, ResolvedProxy, Role
from tests.support.declared import Declared

Tables = Mapping[str, RouteConfiguration]


def sidecar(namespace: str = "shop", labels: Labels = ()) -> ResolvedProxy:
    return ResolvedProxy(role=Role.SIDECAR, namespace=Namespace(namespace), labels=labels)


CLIENT: Final = sidecar()


def tables(declared: Declared, proxy: ResolvedProxy = CLIENT) -> Tables:
    """The route tables of a sidecar by name, as Envoy reads them."""
    found = declared.resources(proxy).routes
    return {
        name: RouteConfiguration.FromString(packed(found[name]).value) for name in sorted(found)
    }


def domains(declared: Declared, name: str, proxy: ResolvedProxy = CLIENT) -> dict[str, list[str]]:
    """The domains of each virtual host of a table."""
    return {each.name: list(each.domains) for each in tables(declared, proxy)[name].virtual_hosts}


def clusters(
    declared: Declared, name: str, domain: str, proxy: ResolvedProxy = CLIENT
) -> list[str]:
    """Where the routes of the virtual host with a domain lead, in their order."""
    return [_leads_to(route) for route in virtual_host(declared, name, domain, proxy).routes]


def virtual_host(
    declared: Declared, name: str, domain: str, proxy: ResolvedProxy = CLIENT
) -> VirtualHost:
    """The virtual host of a table that has exactly this domain, else the one for all others."""
    hosts = tables(declared, proxy)[name].virtual_hosts
    own = [each for each in hosts if domain in each.domains]
    rest = [each for each in hosts if "*" in each.domains]
    assert len(own) <= 1, "Envoy refuses a domain that two virtual hosts have"
    return (own or rest)[0]


def _leads_to(route: Route) -> str:
    if route.HasField("direct_response"):
        return str(route.direct_response.status)
    return route.route.cluster


def service(
    name: str,
    namespace: str = "shop",
    *,
    ports: str = "[{name: http, port: 80}]",
    ip: str = "",
    spec: str = "",
) -> str:
    """A Service; ``spec`` is YAML of further fields, in braces without the braces."""
    address = f"clusterIP: {ip}, " if ip else ""
    more = f", {spec}" if spec else ""
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{{address}ports: {ports}{more}}}
---
"""


def entry(
    host: str,
    namespace: str = "shop",
    *,
    ports: str = "[{number: 80, name: http, protocol: HTTP}]",
    spec: str = "",
) -> str:
    """A ServiceEntry for one host."""
    more = f", {spec}" if spec else ""
    name = host.replace("*", "any").replace(".", "-").lower()
    return f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{hosts: ["{host}"], resolution: STATIC, ports: {ports}{more}}}
---
"""


def routed(
    name: str,
    hosts: str,
    to: str,
    namespace: str = "shop",
    *,
    match: str = "",
    spec: str = "",
) -> str:
    """A VirtualService of the mesh with one rule; ``hosts`` and ``match`` are YAML lists."""
    matched = f"match: {match}, " if match else ""
    more = f", {spec}" if spec else ""
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  {{hosts: {hosts}, http: [{{{matched}route: [{{destination: {{host: {to}}}}}]}}]{more}}}
---
"""
