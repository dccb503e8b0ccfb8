"""HTTPRoutes and GRPCRoutes for tests, and what a gateway makes of them."""

from typing import Any

from tests.support.declared import Declared
from tests.support.kubernetes_gateways import EDGE, gateway
from tests.support.routes import routes

HTTP = "{name: http, port: 8080, protocol: HTTP}"
SERVICES = "".join(
    f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{clusterIP: 10.96.2.{number}, ports: [{{name: http, port: 80, targetPort: 9080}}]}}
---
"""
    for number, (name, namespace) in enumerate(
        (("shop", "default"), ("pay", "default"), ("other", "other")), start=1
    )
)
TO_SHOP = "backendRefs: [{name: shop, port: 80}]"
SHOP = "outbound|80||shop.default.svc.cluster.local"
PAY = "outbound|80||pay.default.svc.cluster.local"


def request_route(
    *rules: str,
    kind: str = "HTTPRoute",
    name: str = "shop",
    namespace: str = "default",
    hosts: str = "[shop.example.com]",
    parents: str = "[{name: edge, namespace: default}]",
    created: str = "",
) -> str:
    """A route; ``rules``, ``hosts`` and ``parents`` are YAML in one line."""
    lines = "".join(f"  - {rule}\n" for rule in rules)
    dated = f', creationTimestamp: "{created}"' if created else ""
    return (
        f"apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\n"
        f"metadata: {{name: {name}, namespace: {namespace}{dated}}}\n"
        f"spec:\n  parentRefs: {parents}\n  hostnames: {hosts}\n  rules:\n{lines}---\n"
    )


def at_edge(*objects: str, listeners: tuple[str, ...] = (HTTP,)) -> Declared:
    """What is declared beside a Gateway and some Services."""
    return Declared(gateway(*listeners) + SERVICES + "".join(objects))


def routed(declared: Declared, domain: str = "shop.example.com") -> list[dict[str, Any]]:
    return routes(declared, domain, EDGE)


def route_of(rule: str, *, kind: str = "HTTPRoute") -> dict[str, Any]:
    """The only route of a rule with one match."""
    (found,) = routed(at_edge(request_route(rule, kind=kind)))
    return found


def names(declared: Declared, domain: str = "shop.example.com") -> list[str]:
    """The names of the routes of a domain, in order."""
    return [found["name"] for found in routed(declared, domain)]
