"""Policies and providers for the broad mesh, with every struct of theirs."""

from collections.abc import Mapping
from typing import Any, Final

import yaml

_AUTHORIZATION: Final = """
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules:
  - from: [{source: {principals: [cluster.local/ns/default/sa/guest], notNamespaces: [shop]}}]
    to: [{operation: {paths: [/admin*], methods: [POST], ports: ["8080"]}}]
    when: [{key: "request.headers[x-role]", values: [guest]}]
---
metadata: {name: asked}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: front}]
  action: CUSTOM
  provider: {name: http-authz}
  rules: [{to: [{operation: {paths: [/asked]}}]}]
"""
_TOKENS: Final = """
metadata: {name: tokens}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwtRules:
  - issuer: https://id.example.com
    jwks: '{"keys": []}'
    audiences: [shop]
    fromHeaders: [{name: x-token, prefix: "Bearer "}]
    outputClaimToHeaders: [{header: x-sub, claim: sub}]
    timeout: 5s
"""
_PATCHES: Final = """
metadata: {name: patches}
spec:
  workloadSelector: {labels: {istio: ingressgateway}}
  priority: 1
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: GATEWAY
      proxy: {proxyVersion: ".*", metadata: {A: b}}
      listener:
        portNumber: 8080
        filterChain:
          filter:
            name: envoy.filters.network.http_connection_manager
            subFilter: {name: envoy.filters.http.router}
    patch:
      operation: INSERT_BEFORE
      value:
        name: envoy.filters.http.buffer
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
          max_request_bytes: 1024
  - applyTo: HTTP_ROUTE
    match:
      context: GATEWAY
      routeConfiguration: {vhost: {name: shop, route: {name: one, action: ROUTE}}}
    patch: {operation: MERGE, value: {name: other}}
  - applyTo: CLUSTER
    match: {cluster: {service: reviews.default.svc.cluster.local}}
    patch: {operation: MERGE, value: {connect_timeout: 1s}}
  - applyTo: HTTP_FILTER
    match:
      context: WAYPOINT
      waypoint: {filter: {name: a, subFilter: {name: b}}, route: {name: c}}
    patch:
      operation: INSERT_BEFORE
      value:
        name: envoy.filters.http.buffer
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
          max_request_bytes: 1024
"""
_STARTS: Final = """
metadata: {name: starts, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  concurrency: 2
  environmentVariables: {A: b}
  image: {imageType: distroless}
"""
_PLUGIN: Final = """
metadata: {name: plugin}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  url: https://files.example.com/plugin.wasm
  pluginConfig: {a: b}
  pluginName: root
  failStrategy: FAIL_OPEN
  vmConfig: {env: [{name: A, value: b}, {name: HOME, valueFrom: HOST}]}
  phase: AUTHZ
  priority: 10
  match: [{mode: CLIENT, ports: [{number: 8080}]}]
---
metadata: {name: reference}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: front}]
  url: oci://registry.example.com/filter:1.0
"""
_EXTENSIONS: Final = """
metadata: {name: script, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  phase: STATS
  match: [{mode: SERVER, ports: [{number: 8080}]}]
  lua: {inlineCode: "function envoy_on_request(handle) end"}
---
metadata: {name: module, namespace: default}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: front}]
  wasm:
    url: https://files.example.com/filter.wasm
    vmConfig: {env: [{name: A, value: b}]}
"""
_TELEMETRY: Final = """
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  tracing:
  - match: {mode: CLIENT}
    providers: [{name: zipkin}]
    randomSamplingPercentage: 10
    customTags:
      one: {literal: {value: a}}
      two: {environment: {name: A, defaultValue: b}}
      three: {header: {name: x-a, defaultValue: b}}
      four: {formatter: {value: "%PROTOCOL%"}}
  metrics:
  - providers: [{name: prometheus}]
    reportingInterval: 5s
    overrides:
    - match: {metric: REQUEST_COUNT, mode: SERVER}
      tagOverrides: {method: {value: request.method}}
    - match: {customMetric: mine}
      disabled: true
  accessLogging:
  - match: {mode: SERVER}
    providers: [{name: file}]
    filter: {expression: response.code >= 400}
---
metadata: {name: front}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: front}]
  accessLogging: [{disabled: true}]
"""
POLICIES: Final[Mapping[str, str]] = {
    "AuthorizationPolicy": _AUTHORIZATION,
    "RequestAuthentication": _TOKENS,
    "EnvoyFilter": _PATCHES,
    "ProxyConfig": _STARTS,
    "WasmPlugin": _PLUGIN,
    "TrafficExtension": _EXTENSIONS,
    "Telemetry": _TELEMETRY,
}
"""By kind, without their heads."""
PROVIDERS: Final[list[Mapping[str, Any]]] = yaml.safe_load("""
- name: http-authz
  envoyExtAuthzHttp: {service: web, port: 80, includeRequestBodyInCheck: {maxRequestBytes: 8}}
- {name: grpc-authz, envoyExtAuthzGrpc: {service: web, port: 80}}
- name: zipkin
  zipkin: {service: web, port: 80, headers: [{name: a, value: b}]}
- {name: lightstep, lightstep: {service: web, port: 80, accessToken: a}}
- {name: datadog, datadog: {service: web, port: 80}}
- {name: stackdriver, stackdriver: {logging: {labels: {a: b}}}}
- {name: opencensus, opencensus: {service: web, port: 80}}
- {name: skywalking, skywalking: {service: web, port: 80}}
- name: otel
  opentelemetry:
    service: web
    port: 80
    http: {path: /v1/traces}
    resourceDetectors: {environment: {}, dynatrace: {}}
    dynatraceSampler: {tenant: a, httpService: {service: web, port: 80, http: {path: /a}}}
- name: otel-grpc
  opentelemetry: {service: web, port: 80, grpc: {timeout: 1s}}
- {name: prometheus, prometheus: {}}
- {name: file, envoyFileAccessLog: {path: /dev/stdout, logFormat: {text: a}}}
- {name: http-als, envoyHttpAls: {service: web, port: 80}}
- {name: tcp-als, envoyTcpAls: {service: web, port: 80}}
- {name: otel-als, envoyOtelAls: {service: web, port: 80}}
- {name: sds, sds: {name: a, service: web, port: 80}}
""")
