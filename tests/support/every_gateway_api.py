"""The objects of the Gateway API in the small mesh of ``every_kind``, each with two forms of a part
of it.
"""

from collections.abc import Mapping
from typing import Final

from controlplane.base.names import ObjectKey, key_is_of
from controlplane.graph import Graph
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.gateway_api.gateway_class import GATEWAY_CLASS
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE
from controlplane.kinds.gateway_api.listener_set import LISTENER_SET
from controlplane.kinds.gateway_api.mesh import X_MESH
from controlplane.queries.gateway_api.route_status import route_status
from controlplane.queries.gateway_api.status import (
    gateway_class_status,
    gateway_status,
    listener_set_status,
    mesh_status,
)
from controlplane.queries.routes.http_routes import MERGE_CHUNK
from controlplane.queries.routes.routes import FEW_GATEWAYS

_MANY_ROUTES: Final = "".join(
    f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: many-{number}, namespace: default}}
spec:
  parentRefs: [{{name: edge, namespace: istio-system}}]
  hostnames: [many.edge.example.com]
  rules:
  - matches: [{{path: {{value: /{number}}}}}]
    backendRefs: [{{name: web, port: VALUE}}]
---
"""
    for number in range(MERGE_CHUNK + 1)
)
_MANY_LISTENERS: Final = """
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: many, namespace: default}
spec:
  parentRef: {name: edge, namespace: istio-system}
  listeners:
""" + "".join(
    f"  - {{name: l{number}, port: 7081, protocol: HTTP, hostname: VALUE{number}.example.org}}\n"
    for number in range(FEW_GATEWAYS + 1)
)
GATEWAY_API: Final[Mapping[str, tuple[str, str, str]]] = {
    "class": (
        """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: edge}
spec: {controllerName: VALUE}
""",
        "controlplane/gateway",
        "istio.io/gateway-controller",
    ),
    "x-mesh": (
        """
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XMesh
metadata: {name: mesh}
spec: {controllerName: VALUE}
""",
        "controlplane/gateway",
        "istio.io/mesh-controller",
    ),
    "edge": (
        """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec:
  gatewayClassName: edge
  addresses: [{type: Hostname, value: edge}]
  allowedListeners: {namespaces: {from: Selector, selector: {matchLabels: {team: shop}}}}
  listeners:
  - name: http
    port: VALUE
    protocol: HTTP
    hostname: "*.edge.example.com"
    allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: shop}}}}
  - {name: names, port: 7053, protocol: UDP}
---
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  ports:
  - {name: names, port: 7053, protocol: UDP}
  - {name: a, port: 7080}
  - {name: b, port: 7081}
  - {name: https, port: 7443}
  - {name: tls, port: 7444}
  - {name: tcp, port: 7445}
""",
        "7080",
        "7081",
    ),
    "udp": (
        """
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: {name: names, namespace: istio-system}
spec:
  parentRefs: [{name: edge, sectionName: names}]
  rules: [{backendRefs: [{name: names, port: VALUE}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: {name: shares, namespace: istio-system}
spec:
  parentRefs: [{name: edge, sectionName: names}]
  rules: [{backendRefs: [{name: names, port: 53}, {name: nowhere, port: 1}]}]
---
apiVersion: v1
kind: Service
metadata: {name: names, namespace: istio-system}
spec: {ports: [{name: dns, port: 53, protocol: UDP}, {name: more, port: 54, protocol: UDP}]}
""",
        "53",
        "54",
    ),
    "listener_set": (
        """
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more, namespace: default}
spec:
  parentRef: {name: edge, namespace: istio-system}
  listeners:
  - name: https
    port: 7443
    protocol: HTTPS
    hostname: VALUE.edge.example.com
    tls: {certificateRefs: [{name: shop, namespace: istio-system}]}
  - name: other
    port: 7443
    protocol: HTTPS
    hostname: other.edge.example.com
    tls: {certificateRefs: [{name: shop, namespace: istio-system}]}
""",
        "shop",
        "pay",
    ),
    "many_listeners": (_MANY_LISTENERS, "shop", "pay"),
    "http_route": (
        """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: default}
spec:
  parentRefs: [{name: edge, namespace: istio-system}]
  hostnames: [shop.edge.example.com]
  rules:
  - matches: [{path: {value: /VALUE}}, {headers: [{name: x-user, value: a}]}]
    filters:
    - {type: RequestMirror, requestMirror: {backendRef: {name: api, port: 90}}}
    - type: ExternalAuth
      externalAuth: {protocol: GRPC, grpc: {}, backendRef: {name: api, port: 90}}
    backendRefs: [{name: web, port: 80}, {name: shop, namespace: istio-system, port: 80}]
  - backendRefs: [{group: networking.istio.io, kind: Hostname, name: vms.example.org, port: 80}]
""",
        "cart",
        "pay",
    ),
    "grpc_route": (
        """
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: shop, namespace: default}
spec:
  parentRefs: [{group: gateway.networking.k8s.io, kind: ListenerSet, name: more}]
  rules:
  - matches: [{method: {service: shop.Cart, method: VALUE}}]
    backendRefs: [{name: api, port: 90}]
""",
        "Add",
        "Remove",
    ),
    "mesh_route": (
        """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: calls, namespace: istio-system}
spec:
  parentRefs:
  - {group: "", kind: Service, name: web, namespace: default}
  - {group: networking.istio.io, kind: ServiceEntry, name: vms, namespace: default}
  rules:
  - matches: [{path: {value: /VALUE}}]
    backendRefs:
    - {name: api, namespace: default, port: 90}
    - {name: missing, namespace: default, port: 90}
  - backendRefs: [{name: web, namespace: default, port: 80}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: calls, namespace: default}
spec:
  parentRefs: [{group: "", kind: Service, name: api, port: 90}]
  rules:
  - matches: [{method: {service: shop.Cart, method: VALUE}}]
    backendRefs: [{name: api, port: 90}]
""",
        "Add",
        "Remove",
    ),
    "mesh_connections": (
        """
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: connections, namespace: default}
spec:
  parentRefs: [{group: "", kind: Service, name: legacy}]
  rules: [{backendRefs: [{name: VALUE, port: 3306}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: connections, namespace: default}
spec:
  parentRefs: [{group: networking.istio.io, kind: ServiceEntry, name: partner}]
  hostnames: [partner.example.org]
  rules: [{backendRefs: [{name: VALUE, port: 3306}]}]
""",
        "legacy",
        "missing",
    ),
    "many_routes": (_MANY_ROUTES, "80", "81"),
    "grant": (
        """
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: shop, namespace: istio-system}
spec:
  from: [{group: gateway.networking.k8s.io, kind: ListenerSet, namespace: default}]
  to: [{group: "", kind: Secret, name: VALUE}]
""",
        "shop",
        "pay",
    ),
    "backend_tls": (
        """
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: web, namespace: default}
spec:
  targetRefs: [{group: "", kind: Service, name: web, sectionName: http}]
  validation:
    caCertificateRefs: [{group: "", kind: ConfigMap, name: web-ca}]
    hostname: VALUE.internal
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: young, namespace: default}
spec:
  targetRefs: [{group: "", kind: Service, name: web, sectionName: http}]
  validation: {wellKnownCACertificates: System, hostname: young.internal}
""",
        "web",
        "shop",
    ),
    "retry_budget": (
        """
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: {name: web, namespace: default}
spec:
  targetRefs: [{group: "", kind: Service, name: api}]
  retryConstraint: {budget: {percent: VALUE}}
""",
        "10",
        "20",
    ),
    "stream_routes": (
        """
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: streams, namespace: default}
spec:
  parentRef: {name: edge, namespace: istio-system}
  listeners:
  - {name: tls, port: 7444, protocol: TLS, hostname: "*.tls.example.com", tls: {mode: Passthrough}}
  - {name: tcp, port: 7445, protocol: TCP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: tls, namespace: default}
spec:
  parentRefs: [{kind: ListenerSet, name: streams}]
  hostnames: [VALUE.tls.example.com]
  rules: [{backendRefs: [{name: legacy, port: 3306}, {name: nowhere, port: 1}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: tcp, namespace: default}
spec:
  parentRefs: [{kind: ListenerSet, name: streams}]
  rules: [{backendRefs: [{name: legacy, port: 3306}]}]
""",
        "shop",
        "pay",
    ),
}


def status_of(graph: Graph, key: ObjectKey) -> None:
    """Asks for the status of an object of the Gateway API, where its kind has one."""
    if key_is_of(key, KUBERNETES_GATEWAY):
        gateway_status(graph, key)
    elif key_is_of(key, LISTENER_SET):
        listener_set_status(graph, key)
    elif key_is_of(key, GATEWAY_CLASS):
        gateway_class_status(graph, key)
    elif key_is_of(key, X_MESH):
        mesh_status(graph, key)
    elif key_is_of(key, HTTP_ROUTE) or key_is_of(key, GRPC_ROUTE):
        route_status(graph, key, 0)
