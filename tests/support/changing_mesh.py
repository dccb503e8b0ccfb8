"""The objects that tests of whole changes edit; as YAML."""

_GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: NAME, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: ["HOST"]
"""
_RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: rev, namespace: default}
spec:
  host: rev.example
  subsets: [{name: SUBSET, labels: {version: VERSION}}]
"""
_ROUTE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: rev, namespace: default}
spec:
  hosts: [rev.example]
  gateways: [istio-system/GATEWAY]
  http:
  - route: [{destination: {host: SERVICE.example, subset: SUBSET}}]
"""
_HTTP_ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: KIND
metadata: {name: rev, namespace: default}
spec:
  parentRefs: [{name: gw}]
  rules:
  - backendRefs: [{group: networking.istio.io, kind: Hostname, name: SERVICE.example, port: PORT}]
"""
_PLAIN_ROUTE = _ROUTE.replace(", subset: SUBSET", "")


def gateway(name: str = "gw", host: str = "*") -> str:
    return _GATEWAY.replace("NAME", name).replace("HOST", host)


def rule(subset: str, version: str = "v1") -> str:
    return _RULE.replace("SUBSET", subset).replace("VERSION", version)


def route(subset: str = "", *, to: str = "rev", at: str = "gw") -> str:
    text = _ROUTE.replace("SUBSET", subset) if subset else _PLAIN_ROUTE
    return text.replace("SERVICE", to).replace("GATEWAY", at)


def http_route(to: str = "rev", port: int = 80, kind: str = "HTTPRoute") -> str:
    """A route of the Gateway API."""
    return _HTTP_ROUTE.replace("KIND", kind).replace("SERVICE", to).replace("PORT", str(port))
