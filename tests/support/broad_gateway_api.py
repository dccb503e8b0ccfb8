"""Objects of the Gateway API that hold every struct of its kinds, for ``broad_mesh``.

Where fields exclude each other, several objects have one each.
"""

from typing import Final

_GATEWAYS: Final = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: edge}
spec:
  controllerName: istio.io/gateway-controller
  description: at the edge
  parametersRef: {group: "", kind: ConfigMap, name: edge, namespace: istio-system}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, generation: 3}
spec:
  gatewayClassName: istio
  addresses: [{type: Hostname, value: ingress.istio-system.svc.cluster.local}]
  defaultScope: All
  infrastructure:
    labels: {team: shop}
    annotations: {example.com/note: a}
    parametersRef: {group: "", kind: ConfigMap, name: edge}
  allowedListeners:
    namespaces:
      from: Selector
      selector:
        matchLabels: {team: shop}
        matchExpressions: [{key: team, operator: In, values: [shop]}]
  tls:
    backend: {clientCertificateRef: {name: client}}
    frontend:
      default:
        validation: {caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]}
      perPort:
      - port: 9443
        tls:
          validation:
            mode: AllowInsecureFallback
            caCertificateRefs: [{group: "", kind: ConfigMap, name: ca, namespace: default}]
  listeners:
  - {name: http, port: 9080, protocol: HTTP, hostname: "*.example.com"}
  - name: https
    port: 9443
    protocol: HTTPS
    tls:
      certificateRefs: [{name: shop}, {name: client, namespace: istio-system}]
      options: {gateway.istio.io/tls-terminate-mode: MUTUAL}
    allowedRoutes:
      namespaces: {from: Selector, selector: {matchLabels: {team: shop}}}
      kinds: [{kind: HTTPRoute}, {group: gateway.networking.k8s.io, kind: GRPCRoute}]
  - {name: tls, port: 9444, protocol: TLS, tls: {mode: Passthrough}}
  - {name: tcp, port: 9001, protocol: TCP}
  - {name: udp, port: 9002, protocol: UDP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more}
spec:
  parentRef: {name: edge}
  listeners: [{name: more, port: 9081, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: secrets}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}]
  to: [{group: "", kind: Secret, name: shop}]
"""
_HTTP: Final = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  useDefaultGateways: All
  parentRefs: [{name: edge, sectionName: http, port: 9080}]
  hostnames: [shop.example.com]
  rules:
  - name: all
    matches:
    - path: {type: Exact, value: /a}
      method: GET
      headers: [{name: x-user, value: a}]
      queryParams: [{name: q, type: RegularExpression, value: a.*}]
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier:
        set: [{name: x-a, value: a}]
        add: [{name: x-b, value: b}]
        remove: [x-c]
    - {type: ResponseHeaderModifier, responseHeaderModifier: {remove: [x-d]}}
    - type: RequestMirror
      requestMirror: {backendRef: {name: web, port: 80}, fraction: {numerator: 1}}
    - type: RequestMirror
      requestMirror: {backendRef: {name: web, port: 80}, percent: 10}
    - type: URLRewrite
      urlRewrite: {hostname: b.example.com, path: {type: ReplaceFullPath, replaceFullPath: /b}}
    - type: CORS
      cors:
        allowOrigins: ["https://*.example.com"]
        allowCredentials: true
        allowMethods: [GET]
        allowHeaders: [x-e]
        exposeHeaders: [x-f]
    - type: ExternalAuth
      externalAuth:
        protocol: GRPC
        backendRef: {name: web, port: 80}
        grpc: {allowedHeaders: [x-g]}
        forwardBody: {maxSize: 100}
    - {type: ExtensionRef, extensionRef: {group: example.com, kind: Filter, name: a}}
    backendRefs:
    - name: web
      port: 80
      weight: 3
      filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [x-h]}}]
    timeouts: {request: 10s, backendRequest: 2s}
    retry: {codes: [503], attempts: 2, backoff: 100ms}
    sessionPersistence:
      sessionName: s
      absoluteTimeout: 1h
      cookieConfig: {lifetimeType: Permanent}
  - matches: [{path: {type: PathPrefix, value: /old}}]
    filters:
    - type: RequestRedirect
      requestRedirect:
        scheme: https
        hostname: new.example.com
        port: 443
        statusCode: 301
        path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}
    - type: ExternalAuth
      externalAuth:
        protocol: HTTP
        backendRef: {name: web, port: 80}
        http: {path: /check, allowedHeaders: [x-i], allowedResponseHeaders: [x-j]}
  - backendRefs: [{name: web, port: 80}]
    sessionPersistence: {cookie: {name: s, path: /}}
  - backendRefs: [{name: web, port: 80}]
    sessionPersistence: {type: Header, header: {name: x-session}}
"""
_OTHERS: Final = """
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: calls}
spec:
  parentRefs: [{name: edge, sectionName: http}]
  hostnames: [calls.example.com]
  rules:
  - name: all
    matches:
    - method: {service: example.Shop, method: Buy}
      headers: [{name: x-user, value: a}]
    filters:
    - {type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}}}
    - {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-a, value: a}]}}
    - {type: ExtensionRef, extensionRef: {group: example.com, kind: Filter, name: a}}
    backendRefs:
    - name: web
      port: 80
      filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [x-h]}}]
    sessionPersistence: {type: Header, sessionName: x-session}
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: secure}
spec:
  parentRefs: [{name: edge, sectionName: tls}]
  hostnames: [tls.example.com]
  rules: [{name: all, backendRefs: [{name: web, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: stream}
spec:
  parentRefs: [{name: edge, sectionName: tcp}]
  rules: [{name: all, backendRefs: [{name: web, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: {name: datagrams}
spec:
  parentRefs: [{name: edge, sectionName: udp}]
  rules: [{name: all, backendRefs: [{name: web, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: web}
spec:
  targetRefs: [{group: "", kind: Service, name: web, sectionName: http}]
  options: {example.com/option: a}
  validation:
    caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]
    hostname: web.example.com
    subjectAltNames:
    - {type: Hostname, hostname: web.example.com}
    - {type: URI, uri: "spiffe://example.com/web"}
---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: {name: web}
spec:
  targetRefs: [{group: "", kind: Service, name: web}]
  retryConstraint:
    budget: {percent: 10, interval: 5s}
    minRetryRate: {count: 5, interval: 2s}
  sessionPersistence: {sessionName: s}
---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackend
metadata: {name: outside}
spec:
  type: ExternalHostname
  port: {port: 443}
  externalHostname: {hostname: api.example.org}
  protocol: HTTP2
  tls:
    mode: ClientAndServer
    clientCertificateRef: {name: client}
    validation: {wellKnownCACertificates: System, hostname: api.example.org}
---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XMesh
metadata: {name: mesh}
spec:
  controllerName: istio.io/mesh-controller
  description: this mesh
  parametersRef: {group: "", kind: ConfigMap, name: mesh, namespace: istio-system}
"""
GATEWAY_API_OBJECTS: Final = f"{_GATEWAYS}---{_HTTP}---{_OTHERS}"
