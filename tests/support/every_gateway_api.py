"""The objects of the Gateway API in the small mesh of ``every_kind``, each with two forms of a part
of it.
"""

from collections.abc import Mapping
from typing import Final

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
---
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  ports: [{name: a, port: 7080}, {name: b, port: 7081}, {name: https, port: 7443}]
""",
        "7080",
        "7081",
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
""",
        "shop",
        "pay",
    ),
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
}
