"""A mesh in which every kind is in use at a gateway, and many forms of traffic beside each other.

Where fields exclude each other, several objects have one each.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import yaml

from controlplane.base.names import Kind
from controlplane.documents.document import identity
from controlplane.kinds.gateway_api.versions import GATEWAY_API
from controlplane.kinds.registry import SERVED
from tests.support.broad_gateway_api import GATEWAY_API_OBJECTS
from tests.support.broad_policies import POLICIES, PROVIDERS
from tests.support.every_kind import NOW
from tests.support.pki import Authority

Body = dict[str, Any]
_GATEWAYS: Final = """
metadata: {name: plain}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"], name: plain}
  - port: {number: 8081, name: http-more, protocol: HTTP2}
    hosts: [shop.example.com]
    tls: {httpsRedirect: true}
---
metadata: {name: secure}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8443, name: https, protocol: HTTPS}
    hosts: [shop.example.com, default/more.example.com]
    tls:
      mode: SIMPLE
      credentialName: shop
      minProtocolVersion: TLSV1_2
      maxProtocolVersion: TLSV1_3
      cipherSuites: [ECDHE-RSA-AES128-GCM-SHA256]
      ecdhCurves: [X25519]
  - port: {number: 8444, name: https-mutual, protocol: HTTPS}
    hosts: ["*.example.com"]
    tls: {mode: MUTUAL, credentialNames: [client], subjectAltNames: [a.example.com]}
---
metadata: {name: files}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8445, name: https-files, protocol: HTTPS}
    hosts: ["files.example.com"]
    tls: {mode: SIMPLE, serverCertificate: /dev/null, privateKey: /dev/null}
  - port: {number: 8446, name: https-optional, protocol: HTTPS}
    hosts: ["optional.example.com"]
    tls: {mode: OPTIONAL_MUTUAL, credentialName: client}
  - port: {number: 8448, name: https-two, protocol: HTTPS}
    hosts: ["two.example.com"]
    tls: {mode: SIMPLE, tlsCertificates: [{serverCertificate: /dev/null, privateKey: /dev/null}]}
  - port: {number: 8447, name: https-mesh, protocol: HTTPS}
    hosts: ["mesh.example.com"]
    tls: {mode: ISTIO_MUTUAL}
---
metadata: {name: streams}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 3306, name: tcp, protocol: TCP}, hosts: ["*"]}
  - port: {number: 9443, name: tls, protocol: TLS}
    hosts: ["*.example.org"]
    tls: {mode: PASSTHROUGH}
  - port: {number: 15443, name: auto, protocol: TLS}
    hosts: ["*.local"]
    tls: {mode: AUTO_PASSTHROUGH}
  - port: {number: 9444, name: tls-ended, protocol: TLS}
    hosts: [ended.example.org]
    tls: {mode: SIMPLE, credentialName: shop}
"""
_ROUTES: Final = """
metadata: {name: forwarding, namespace: default}
spec:
  hosts: [shop.example.com]
  gateways: [istio-system/plain, istio-system/secure]
  exportTo: ["*"]
  http:
  - name: all-fields
    match:
    - name: first
      uri: {prefix: /a}
      scheme: {exact: http}
      method: {exact: GET}
      authority: {regex: "shop.*"}
      headers: {x-a: {prefix: a}, x-b: {}}
      withoutHeaders: {x-c: {exact: c}}
      queryParams: {q: {exact: "1"}, r: {regex: "a.*"}}
      ignoreUriCase: true
      port: 8080
      gateways: [istio-system/plain]
      statPrefix: stats
    rewrite: {uri: /b, authority: other.example.com}
    timeout: 5s
    retries:
      {attempts: 3, perTryTimeout: 2s, retryOn: "5xx,503", backoff: 25ms,
       retryRemoteLocalities: true, retryIgnorePreviousHosts: true}
    fault:
      delay: {fixedDelay: 1s, percentage: {value: 10}}
      abort: {httpStatus: 500, percentage: {value: 0.1}}
    mirror: {host: api, port: {number: 90}}
    mirrorPercentage: {value: 5}
    corsPolicy:
      allowOrigins: [{exact: "https://a"}, {prefix: "https://b"}, {regex: "c.*"}]
      allowMethods: [GET]
      allowHeaders: [x-a]
      exposeHeaders: [x-b]
      maxAge: 24h
      allowCredentials: true
      unmatchedPreflights: FORWARD
    headers:
      request: {set: {x-set: "1"}, add: {x-add: "%REQ(x)%"}, remove: [x-gone]}
      response: {set: {x-set: "2"}, add: {x-add: "3"}, remove: [x-gone]}
    route:
    - destination: {host: web, port: {number: 80}, subset: v1}
      weight: 80
      headers:
        request: {set: {host: a.example.com}, add: {x-add: "1"}, remove: [x-gone]}
        response: {set: {x-set: "2"}}
    - {destination: {host: web, port: {number: 80}, subset: v2}, weight: 20}
  - match: [{uri: {regex: "/r/(.*)"}}]
    rewrite: {uriRegexRewrite: {match: "/r/(.*)", rewrite: '/\\1'}}
    mirrors: [{destination: {host: api, port: {number: 90}}, percentage: {value: 50}}]
    fault:
      delay: {fixedDelay: 1s, percent: 5}
      abort: {grpcStatus: UNAVAILABLE, percentage: {value: 1}}
    route: [{destination: {host: hashed}}]
  - match: [{uri: {exact: /e}, sourceLabels: {app: a}, sourceNamespace: default}]
    mirror: {host: api, port: {number: 90}}
    mirrorPercent: 50
    corsPolicy: {allowOrigin: ["*"]}
    route: [{destination: {host: partner.example.org, port: {number: 443}}}]
  - match: [{uri: {prefix: /d}}]
    delegate: {name: delegate, namespace: default}
  - route: [{destination: {host: round}}]
---
metadata: {name: answering, namespace: default}
spec:
  hosts: [answers.example.com]
  gateways: [istio-system/plain]
  http:
  - match: [{uri: {prefix: /r}}]
    redirect: {uri: /x, authority: b.example.com, port: 8080, scheme: https, redirectCode: 302}
  - match: [{uri: {prefix: /p}}]
    redirect: {prefixRewrite: /y, derivePort: FROM_REQUEST_PORT}
  - match: [{uri: {prefix: /s}}]
    directResponse: {status: 418, body: {string: short}}
  - directResponse: {status: 200, body: {bytes: aGVsbG8=}}
---
metadata: {name: delegate, namespace: default}
spec:
  http:
  - {match: [{uri: {prefix: /d/e}}], route: [{destination: {host: api, port: {number: 90}}}]}
  - {redirect: {uri: /z}}
---
metadata: {name: streams, namespace: default}
spec:
  hosts: ["*"]
  gateways: [istio-system/streams]
  tcp:
  - match: [{port: 3306, gateways: [istio-system/streams]}]
    route:
    - {destination: {host: legacy, port: {number: 3306}}, weight: 70}
    - {destination: {host: external, port: {number: 3306}}, weight: 30}
  tls:
  - match: [{port: 9444, sniHosts: [ended.example.org]}]
    route: [{destination: {host: legacy}}]
  - match: [{port: 9443, sniHosts: [partner.example.org], gateways: [istio-system/streams]}]
    route: [{destination: {host: partner.example.org, port: {number: 443}}}]
"""
_RULES: Final = """
metadata: {name: web, namespace: default}
spec:
  host: web
  exportTo: ["*"]
  trafficPolicy:
    loadBalancer:
      simple: LEAST_REQUEST
      warmup: {duration: 30s, minimumPercent: 20, aggression: 2}
      localityLbSetting:
        enabled: true
        distribute: [{from: region/zone/*, to: {"region/zone/*": 80, "other/*": 20}}]
    connectionPool:
      tcp:
        maxConnections: 100
        connectTimeout: 1s
        tcpKeepalive: {probes: 3, time: 60s, interval: 10s}
        maxConnectionDuration: 600s
        idleTimeout: 300s
      http:
        http1MaxPendingRequests: 10
        http2MaxRequests: 20
        maxRequestsPerConnection: 30
        maxRetries: 4
        idleTimeout: 60s
        h2UpgradePolicy: UPGRADE
        maxConcurrentStreams: 50
        http2KeepAlive: {interval: 30s, timeout: 5s}
    outlierDetection:
      splitExternalLocalOriginErrors: true
      consecutiveLocalOriginFailures: 4
      consecutiveGatewayErrors: 5
      consecutive5xxErrors: 6
      interval: 10s
      baseEjectionTime: 30s
      maxEjectionPercent: 50
      minHealthPercent: 10
      outlierDetectionHttpErrorCodes: [500, 503]
    retryBudget: {percent: 20, minRetryConcurrency: 3, budgetInterval: 10s}
    proxyProtocol: {version: V2}
    portLevelSettings:
    - port: {number: 81}
      loadBalancer: {simple: ROUND_ROBIN, warmupDurationSecs: 20s}
      connectionPool: {http: {useClientProtocol: true}}
      outlierDetection: {interval: 5s}
      tls: {mode: SIMPLE, sni: web.example.com, insecureSkipVerify: true}
  subsets:
  - name: v1
    labels: {version: v1}
    trafficPolicy: {loadBalancer: {simple: RANDOM}, connectionPool: {tcp: {maxConnections: 5}}}
  - {name: v2, labels: {version: v2}}
---
metadata: {name: hashed, namespace: default}
spec:
  host: hashed
  trafficPolicy:
    loadBalancer:
      consistentHash:
        httpCookie:
          {name: c, path: /, ttl: 60s, attributes: [{name: SameSite, value: Lax}]}
        ringHash: {minimumRingSize: 2048}
---
metadata: {name: round, namespace: default}
spec:
  host: round
  trafficPolicy:
    loadBalancer:
      consistentHash: {httpHeaderName: x-user, maglev: {tableSize: 65537}}
      zoneAwareLbSetting: {enabled: true, minClusterSize: 3, failoverPriority: [region]}
    outlierDetection: {interval: 5s}
---
metadata: {name: api, namespace: default}
spec:
  host: api
  workloadSelector: {matchLabels: {istio: ingressgateway}}
  trafficPolicy:
    loadBalancer: {consistentHash: {httpQueryParameterName: u, minimumRingSize: 1024}}
    tls: {mode: ISTIO_MUTUAL}
---
metadata: {name: external, namespace: default}
spec:
  host: external
  trafficPolicy:
    loadBalancer:
      simple: ROUND_ROBIN
      warmupDurationSecs: 20s
      localityLbSetting: {failover: [{from: region, to: other}]}
    outlierDetection: {interval: 5s}
    tls:
      mode: MUTUAL
      clientCertificate: /dev/null
      privateKey: /dev/null
      caCertificates: /dev/null
      sni: db.example.com
      subjectAltNames: [db.example.com]
---
metadata: {name: partner, namespace: default}
spec:
  host: partner.example.org
  trafficPolicy:
    loadBalancer:
      consistentHash: {useSourceIp: true}
      localityLbSetting: {failoverPriority: [topology.kubernetes.io/region, rack]}
    outlierDetection: {interval: 5s}
    tls: {mode: MUTUAL, credentialName: client, sni: a.example.org}
---
metadata: {name: weighed, namespace: default}
spec:
  host: vms.example.org
  trafficPolicy: {loadBalancer: {backendUtilization: {}}}
---
metadata: {name: legacy, namespace: default}
spec:
  host: legacy
  trafficPolicy:
    tunnel: {protocol: CONNECT, targetHost: db.example.com, targetPort: 443}
"""
_ENTRIES: Final = """
metadata: {name: partner, namespace: default}
spec:
  hosts: [partner.example.org]
  addresses: [240.0.0.1]
  ports: [{number: 443, name: tls, protocol: TLS, targetPort: 8443}]
  location: MESH_EXTERNAL
  resolution: STATIC
  exportTo: ["*"]
  subjectAltNames: [partner.example.org]
  endpoints:
  - address: 192.0.2.1
    ports: {tls: 8444}
    labels: {rack: a}
    network: n1
    locality: region/zone/a
    weight: 3
    serviceAccount: partner
  - {address: unix:///tmp/socket}
---
metadata: {name: looked-up, namespace: default}
spec:
  hosts: [dns.example.org]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: DNS
  endpoints: [{address: one.example.org, weight: 2}, {address: two.example.org, ports: {http: 81}}]
---
metadata: {name: rotating, namespace: default}
spec:
  hosts: [rotating.example.org]
  ports: [{number: 80, name: http, protocol: HTTP2}]
  resolution: DNS_ROUND_ROBIN
---
metadata: {name: passing, namespace: default}
spec:
  hosts: ["*.wild.example.org"]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: NONE
---
metadata: {name: dynamic, namespace: default}
spec:
  hosts: ["*.dynamic.example.org"]
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: DYNAMIC_DNS
---
metadata: {name: selecting, namespace: default}
spec:
  hosts: [vms.example.org]
  location: MESH_INTERNAL
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  workloadSelector: {labels: {app: web}}
"""
_WORKLOADS: Final = """
metadata: {name: web-vm, namespace: default}
spec:
  address: 10.0.2.1
  labels: {app: web, version: v1, security.istio.io/tlsMode: istio}
  ports: {http: 8081}
  network: n1
  locality: region/zone/b
  weight: 4
  serviceAccount: web
"""
_GROUPS: Final = """
metadata: {name: web-group, namespace: default}
spec:
  metadata: {labels: {app: web}, annotations: {a: b}}
  template: {address: 10.0.2.9, ports: {http: 8080}, serviceAccount: web}
  probe:
    initialDelaySeconds: 1
    timeoutSeconds: 2
    periodSeconds: 3
    successThreshold: 1
    failureThreshold: 2
    httpGet: {path: /, port: 80, host: a, scheme: HTTP, httpHeaders: [{name: a, value: b}]}
---
metadata: {name: connecting, namespace: default}
spec: {template: {}, probe: {tcpSocket: {host: a, port: 80}}}
---
metadata: {name: running, namespace: default}
spec: {template: {}, probe: {exec: {command: [a]}}}
"""
_SIDECARS: Final = """
metadata: {name: web, namespace: default}
spec:
  workloadSelector: {labels: {app: web}}
  ingress:
  - port: {number: 8080, protocol: HTTP, name: http}
    bind: 10.0.2.9
    captureMode: IPTABLES
    defaultEndpoint: 127.0.0.1:8081
    connectionPool: {http: {http1MaxPendingRequests: 10}}
  - port: {number: 8443, protocol: HTTPS}
    tls: {mode: SIMPLE, serverCertificate: /a.crt, privateKey: /a.key}
  egress:
  - port: {number: 9080, protocol: HTTP, name: http}
    bind: 127.0.0.1
    captureMode: NONE
    hosts: [./*]
  - hosts: ["default/*", ~other/a.example.com]
  inboundConnectionPool: {tcp: {maxConnections: 100}}
  outboundTrafficPolicy:
    mode: ALLOW_ANY
    egressProxy: {host: web.default.svc.cluster.local, subset: v1, port: {number: 80}}
---
metadata: {name: all, namespace: istio-system}
spec: {outboundTrafficPolicy: {}}
"""
_PEERS: Final = """
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  mtls: {mode: STRICT}
  portLevelMtls: {"8080": {mode: DISABLE}, "8443": {}}
---
metadata: {name: all, namespace: istio-system}
spec: {mtls: {mode: PERMISSIVE}}
"""
_SERVICES: Final = """
metadata: {name: web, namespace: default, annotations: {networking.istio.io/exportTo: "*"}}
spec:
  clusterIP: 10.1.0.1
  clusterIPs: [10.1.0.1]
  selector: {app: web}
  trafficDistribution: PreferClose
  ports:
  - {name: http, port: 80, targetPort: http, protocol: TCP, appProtocol: http}
  - {name: http-more, port: 81, targetPort: 8081}
---
metadata: {name: hashed, namespace: default}
spec: {clusterIP: 10.1.0.2, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
metadata: {name: round, namespace: default}
spec:
  clusterIP: 10.1.0.3
  selector: {app: web}
  ports: [{name: http2, port: 80, targetPort: 8080}]
---
metadata: {name: api, namespace: default}
spec:
  clusterIP: 10.1.0.4
  ports: [{name: grpc, port: 90, targetPort: 9090}]
  publishNotReadyAddresses: true
---
metadata: {name: legacy, namespace: default}
spec: {clusterIP: None, ports: [{name: tcp, port: 3306}]}
---
metadata: {name: external, namespace: default}
spec: {type: ExternalName, externalName: db.example.com, ports: [{name: tcp, port: 3306}]}
"""
_SLICES: Final = """
metadata: {name: api-1, namespace: default, labels: {kubernetes.io/service-name: api}}
addressType: IPv4
ports: [{name: grpc, port: 9090, protocol: TCP}]
endpoints:
- addresses: [10.0.3.1]
  conditions: {ready: true, serving: true, terminating: false}
  targetRef: {kind: Pod, name: web-1, namespace: default}
  nodeName: node-1
  zone: zone
  hints: {forZones: [{name: zone}], forNodes: [{name: node-1}]}
- {addresses: [10.0.3.2], conditions: {ready: false}}
"""
_ENDPOINTS: Final = """
metadata: {name: legacy, namespace: default}
subsets:
- addresses: [{ip: 10.0.4.1, targetRef: {kind: Pod, name: web-1}}]
  notReadyAddresses: [{ip: 10.0.4.2}]
  ports: [{name: tcp, port: 3306}]
"""
_PODS: Final = """
metadata:
  name: web-1
  namespace: default
  labels: {app: web, version: v2, security.istio.io/tlsMode: istio}
spec:
  serviceAccountName: web
  nodeName: node-1
  containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]
status:
  phase: Running
  podIP: 10.0.1.1
  podIPs: [{ip: 10.0.1.1}]
  conditions: [{type: Ready, status: "True"}]
"""
_MAKES_PODS: Final = """
metadata: {name: web, namespace: default}
spec: {template: {metadata: {labels: {app: web, version: v3}}}}
"""
_OTHERS: Final = {
    "Namespace": "metadata: {name: default, labels: {team: shop}}",
    "Node": "metadata: {name: node-1, labels: {topology.kubernetes.io/region: r1}}",
    "Deployment": _MAKES_PODS,
    "StatefulSet": _MAKES_PODS,
    "DaemonSet": _MAKES_PODS,
    "ConfigMap": 'metadata: {name: ca, namespace: istio-system}\ndata: {ca.crt: "", ca.crl: ""}',
}
_TEXTS: Final[Mapping[str, str]] = {
    "Gateway": _GATEWAYS,
    "VirtualService": _ROUTES,
    "DestinationRule": _RULES,
    "ServiceEntry": _ENTRIES,
    "WorkloadEntry": _WORKLOADS,
    "WorkloadGroup": _GROUPS,
    "Sidecar": _SIDECARS,
    "PeerAuthentication": _PEERS,
    "Service": _SERVICES,
    **POLICIES,
    "EndpointSlice": _SLICES,
    "Endpoints": _ENDPOINTS,
    "Pod": _PODS,
    **_OTHERS,
}
MESH_CONFIG: Final[Body] = yaml.safe_load("""
rootNamespace: istio-system
connectTimeout: 5s
dnsRefreshRate: 30s
tcpKeepalive: {time: 60s, interval: 10s}
accessLogFile: /dev/null
defaultHttpRetryPolicy: {attempts: 2, retryOn: 5xx}
serviceEntryVisibility:
  defaultVisibility: PUBLIC
  policies:
  - visibility: PUBLIC
    matchingRules:
    - namespaceSelector:
        matchLabels: {team: shop}
        matchExpressions: [{key: team, operator: In, values: [shop]}]
outboundTrafficPolicy: {mode: ALLOW_ANY}
inboundTrafficPolicy: {mode: PASSTHROUGH}
pathNormalization: {normalization: BASE}
meshMTLS: {minProtocolVersion: TLSV1_2, cipherSuites: [ECDHE-RSA-AES128-GCM-SHA256]}
tlsDefaults: {minProtocolVersion: TLSV1_2, ecdhCurves: [X25519]}
localityLbSetting: {enabled: true}
defaultTrafficPolicy: {connectionPool: {http: {idleTimeout: 30s}}, outlierDetection: {interval: 7s}}
defaultConfig:
  connectionSettings:
    httpIdleTimeout: 60s
    httpMaxConnectionDuration: 600s
    httpMaxStreamDuration: 60s
    httpStreamIdleTimeout: 60s
    httpRequestTimeout: 60s
    httpRequestHeadersTimeout: 10s
    httpDrainTimeout: 5s
    httpMaxConcurrentStreams: 100
    http2InitialStreamWindowSize: 65536
    http2InitialConnectionWindowSize: 65536
    listenerPerConnectionBufferLimitBytes: 32768
  gatewayTopology: {numTrustedProxies: 1, proxyProtocol: {}}
  proxyHeaders:
    server: {value: a}
    requestId: {disabled: true}
    setCurrentClientCertDetails: {subject: true}
    xForwardedPort: {enabled: true}
  tracing:
    sampling: 10
    zipkin: {address: "127.0.0.1:9411"}
    customTags: {a: {literal: {value: b}}, c: {header: {name: d, defaultValue: e}}}
  proxyStatsMatcher: {inclusionPrefixes: [a]}
  envoyMetricsService: {address: "127.0.0.1:15001"}
  privateKeyProvider: {cryptomb: {pollDelay: 10ms}}
defaultProviders: {accessLogging: [file], metrics: [prometheus]}
""") | {"extensionProviders": PROVIDERS}


def kind_named(name: str) -> Kind[Any]:
    """The kind of this name that is not the Gateway API's, where there is another."""
    found = [kind for kind in SERVED if kind.name == name]
    (kind,) = [kind for kind in found if len(found) == 1 or kind.group != GATEWAY_API]
    return kind


@cache
def _secrets() -> tuple[Body, ...]:
    root = Authority(now=NOW)
    texts = (
        root.leaf("shop.example.com").secret("shop"),
        root.leaf("gateway").secret("client", authority=root.pem),
    )
    return tuple(next(yaml.safe_load_all(text)) for text in texts)


@cache
def broad_mesh() -> Mapping[str, Body]:
    """The objects, by a short name."""
    found: dict[str, Body] = {}
    for name, text in _TEXTS.items():
        served = SERVED[kind_named(name)]
        head = {"apiVersion": served.api_versions[0], "kind": name}
        for body in yaml.safe_load_all(text):
            body["metadata"].setdefault("namespace", "istio-system")
            found[f"{name}-{body['metadata']['name']}"] = head | body
    for body in yaml.safe_load_all(GATEWAY_API_OBJECTS):
        body["metadata"].setdefault("namespace", "istio-system")
        found[f"GatewayAPI-{body['kind']}-{body['metadata']['name']}"] = body
    found |= {f"Secret-{body['metadata']['name']}": body for body in _secrets()}
    assert all(identity(body) is not None for body in found.values()), "each has a name"
    return found
