"""A small mesh in which every tracked function and every index has something to do, with two forms
of each object, and an engine that serves it to a gateway and a sidecar.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

from envoy.config.route.v3.route_pb2 import RouteConfiguration

from controlplane import queries
from controlplane.base.names import Namespace, ObjectKey
from controlplane.documents.content import file_objects
from controlplane.engine.engine import Engine
from controlplane.engine.internal_errors import NotComputed
from controlplane.envoy.resource import TypeUrl, packed
from controlplane.model.proxy import Proxy, Role
from controlplane.queries.routes.bound_routes import MERGE_CHUNK
from controlplane.queries.snapshot.origins import origins_by_name
from controlplane.serve.snapshot_cache import SnapshotCache
from controlplane.xds.wire import StreamFault
from tests.support.every_gateway_api import GATEWAY_API, status_of
from tests.support.every_mesh_config import MESH
from tests.support.every_policy import POLICIES
from tests.support.pki import Authority

for module in iter_modules(queries.__path__, "controlplane.queries."):
    import_module(module.name)  # so that all tracked functions are known

NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
PROXIES: Final = (
    Proxy(
        name="ingressgateway",
        role=Role.GATEWAY,
        namespace=Namespace("istio-system"),
        service_account="ingressgateway",
        labels=(("istio", "ingressgateway"),),
        addresses=("10.0.9.1",),
    ),
    Proxy(
        name="web",
        role=Role.SIDECAR,
        namespace=Namespace("default"),
        service_account="default",
        labels=(("app", "web"),),
        addresses=("10.0.1.1",),
    ),
)
Forms = Mapping[str, str]
"""The text of each object, by a short name."""

_MANY: Final = "".join(
    f"""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: many-{number}, namespace: default}}
spec:
  hosts: [many.example.com]
  gateways: [istio-system/gw]
  http: [{{match: [{{uri: {{prefix: /{number}}}}}], route: [{{destination: {{host: web}}}}]}}]
---
"""
    for number in range(MERGE_CHUNK + 1)
)

_OBJECTS: Final[Mapping[str, tuple[str, str, str]]] = {
    "namespace": (
        """
apiVersion: v1
kind: Namespace
metadata: {name: default, labels: {team: VALUE}}
""",
        "shop",
        "store",
    ),
    "web": (
        """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  clusterIP: 10.1.0.1
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: VALUE}]
""",
        "http",
        "8080",
    ),
    "pod": (
        """
apiVersion: v1
kind: Pod
metadata:
  name: web-1
  namespace: default
  labels: {app: web, version: VALUE, security.istio.io/tlsMode: istio}
spec: {nodeName: node-1, containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
status: {podIP: 10.0.1.1, phase: Running, conditions: [{type: Ready, status: "True"}]}
""",
        "v1",
        "v2",
    ),
    "node": (
        """
apiVersion: v1
kind: Node
metadata: {name: node-1, labels: {topology.kubernetes.io/region: VALUE}}
""",
        "r1",
        "r2",
    ),
    **POLICIES,
    **GATEWAY_API,
    "deployment": (
        """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec: {template: {metadata: {labels: {app: web, version: VALUE}}}}
""",
        "v1",
        "v3",
    ),
    "workload": (
        """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web-vm, namespace: default}
spec:
  address: VALUE
  labels: {app: web, version: v1, security.istio.io/tlsMode: istio}
  ports: {http: 8081}
""",
        "10.0.2.1",
        "10.0.2.2",
    ),
    "connected": (
        """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata:
  name: plain-local
  namespace: default
  annotations: {controlplane/service: plain.default.svc.cluster.local}
spec: {address: 127.0.0.1, ports: {http: VALUE}}
---
apiVersion: v1
kind: Service
metadata: {name: plain, namespace: default}
spec: {clusterIP: 10.1.0.9, ports: [{name: http, port: 80}, {name: tcp, port: 3306}]}
""",
        "9080",
        "9081",
    ),
    "api": (
        """
apiVersion: v1
kind: Service
metadata: {name: api, namespace: default, annotations: {networking.istio.io/exportTo: "*"}}
spec: {clusterIP: 10.1.0.2, ports: [{name: grpc, port: VALUE, targetPort: 9090}]}
""",
        "90",
        "91",
    ),
    "slice": (
        """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: api-1, namespace: default, labels: {kubernetes.io/service-name: api}}
addressType: IPv4
ports: [{name: grpc, port: 9090}]
endpoints: [{addresses: [VALUE]}]
""",
        "10.0.3.1",
        "10.0.3.2",
    ),
    "legacy": (
        """
apiVersion: v1
kind: Service
metadata: {name: legacy, namespace: default}
spec: {clusterIP: None, ports: [{name: VALUE, port: 3306}]}
""",
        "tcp",
        "mysql",
    ),
    "list": (
        """
apiVersion: v1
kind: Endpoints
metadata: {name: legacy, namespace: default}
subsets: [{addresses: [{ip: VALUE}], ports: [{port: 3306}]}]
""",
        "10.0.4.1",
        "10.0.4.2",
    ),
    "entry": (
        """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: partner, namespace: default, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  hosts: [partner.example.org]
  ports: [{number: 443, name: https, protocol: TLS}]
  resolution: STATIC
  endpoints: [{address: VALUE}]
""",
        "192.0.2.1",
        "192.0.2.2",
    ),
    "second": (
        """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: partner-more, namespace: default, creationTimestamp: "2026-01-02T00:00:00Z"}
spec:
  hosts: [partner.example.org]
  ports: [{number: VALUE, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 192.0.2.9}]
""",
        "80",
        "81",
    ),
    "selecting": (
        """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: vms, namespace: default}
spec:
  hosts: [vms.example.org]
  ports: [{number: VALUE, name: http, protocol: HTTP}]
  resolution: STATIC
  workloadSelector: {labels: {app: web}}
""",
        "80",
        "82",
    ),
    "rule": (
        """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: default}
spec:
  host: web
  trafficPolicy: {connectionPool: {http: {http1MaxPendingRequests: VALUE}}}
  subsets: [{name: v1, labels: {version: v1}}]
""",
        "5",
        "6",
    ),
    "tls_rule": (
        """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: partner, namespace: istio-system}
spec:
  host: partner.example.org
  trafficPolicy: {tls: {mode: MUTUAL, credentialName: client, sni: VALUE}}
""",
        "a.example.org",
        "b.example.org",
    ),
    "chosen_rule": (
        """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: chosen, namespace: default}
spec:
  host: api
  workloadSelector: {matchLabels: {app: web}}
  trafficPolicy: {outlierDetection: {consecutive5xxErrors: VALUE}}
""",
        "3",
        "4",
    ),
    "gateway": (
        """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: VALUE, name: http, protocol: HTTP}, hosts: ["*.example.com"]}
  - port: {number: VALUE, name: more, protocol: HTTP}
    hosts: [many.example.com]
    tls: {httpsRedirect: false}
  - port: {number: 8443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, credentialName: shop}
""",
        "8080",
        "8082",
    ),
    "streams": (
        """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: streams, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 3306, name: tcp, protocol: TCP}, hosts: ["*"]}
  - port: {number: 9443, name: tls, protocol: TLS}
    hosts: ["*.example.org"]
    tls: {mode: PASSTHROUGH}
  - port: {number: VALUE, name: auto, protocol: TLS}
    hosts: ["*.local"]
    tls: {mode: AUTO_PASSTHROUGH}
""",
        "15443",
        "15444",
    ),
    "shop": (
        """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default}
spec:
  hosts: [shop.example.com]
  gateways: [istio-system/gw]
  http:
  - {match: [{uri: {prefix: /api}}], delegate: {name: api, namespace: default}}
  - {route: [{destination: {host: web, subset: v1}}], timeout: VALUE}
""",
        "5s",
        "6s",
    ),
    "delegate": (
        """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: default}
spec:
  http: [{match: [{uri: {prefix: /api}}], route: [{destination: {host: api}}], retries: VALUE}]
""",
        "{attempts: 1}",
        "{attempts: 2}",
    ),
    "wild": (
        """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: wild, namespace: default}
spec:
  hosts: ["*.example.com"]
  gateways: [istio-system/gw]
  http: [{route: [{destination: {host: api, port: {number: 90}}}], name: VALUE}]
""",
        "first",
        "other",
    ),
    "tcp": (
        """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: tcp, namespace: default}
spec:
  hosts: ["*"]
  gateways: [istio-system/streams]
  tcp: [{match: [{port: 3306}], route: [{destination: {host: VALUE, port: {number: 3306}}}]}]
  tls:
  - match: [{port: 9443, sniHosts: [partner.example.org]}]
    route: [{destination: {host: partner.example.org, port: {number: 443}}}]
""",
        "legacy",
        "web",
    ),
    "mesh_streams": (
        """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: calls, namespace: default}
spec:
  hosts: [plain, partner.example.org]
  exportTo: [., elsewhere]
  tcp: [{match: [{port: VALUE}], route: [{destination: {host: web}}]}]
  tls:
  - match: [{port: 443, sniHosts: [partner.example.org]}]
    route: [{destination: {host: web}}]
""",
        "3306",
        "3307",
    ),
    "sidecar": (
        """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: web, namespace: default}
spec:
  workloadSelector: {labels: {app: web}}
  egress:
  - {port: {number: VALUE, name: proxy, protocol: HTTP_PROXY}, hosts: ["./*"]}
  - {hosts: ["*/*"]}
""",
        "1080",
        "1081",
    ),
    "mesh": (
        """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mesh, namespace: default}
spec:
  hosts: [web, beside.example.com, "*.example.net"]
  http:
  - match: [{sourceLabels: {app: web}}]
    route: [{destination: {host: api, port: {number: 90}}}]
    name: VALUE
""",
        "first",
        "other",
    ),
    "sniffed": (
        """
apiVersion: v1
kind: Service
metadata: {name: sniffed, namespace: default}
spec: {clusterIP: 10.1.0.9, ports: [{name: VALUE, port: 7000}]}
""",
        "main",
        "other",
    ),
    "group": (
        """
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: web, namespace: default}
spec:
  metadata: {labels: {app: VALUE}}
  template: {serviceAccount: default}
  probe: {exec: {command: [healthy]}}
""",
        "web",
        "shop",
    ),
    "plaintext": (
        """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: plaintext, namespace: apart}
spec: {host: "*.local", exportTo: ["."], trafficPolicy: {tls: {mode: VALUE}}}
""",
        "DISABLE",
        "ISTIO_MUTUAL",
    ),
    "patched": (
        """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: patched, namespace: istio-system}
spec:
  configPatches:
  - applyTo: CLUSTER
    patch: {operation: MERGE, value: {connect_timeout: VALUE}}
  - applyTo: CLUSTER
    patch:
      operation: ADD
      value:
        name: added
        connect_timeout: VALUE
        transport_socket:
          name: tls
          typed_config:
            "@type": >-
              type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
            common_tls_context:
              tls_certificate_sds_secret_configs:
              - {name: "kubernetes://client", sds_config: {ads: {}}}
  - applyTo: VIRTUAL_HOST
    patch: {operation: MERGE, value: {include_request_attempt_count: true}}
  - applyTo: LISTENER
    patch: {operation: MERGE, value: {stat_prefix: patched}}
  - applyTo: EXTENSION_CONFIG
    patch:
      operation: ADD
      value:
        name: buffer
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
          max_request_bytes: 16
""",
        "5s",
        "6s",
    ),
    "many": (_MANY + "# VALUE\n", "a", "b"),
}


@cache
def _secrets() -> Mapping[str, tuple[str, str]]:
    root = Authority(now=NOW)
    shop = [root.leaf("shop.example.com").secret("shop") for _ in range(2)]
    client = [root.leaf("gateway").secret("client", authority=root.pem) for _ in range(2)]
    return {"shop_secret": (shop[0], shop[1]), "client_secret": (client[0], client[1])}


def forms(which: int = 0) -> dict[str, str]:
    """The first (0) or second (1) form of every object."""
    plain = {name: text.replace("VALUE", (a, b)[which]) for name, (text, a, b) in _OBJECTS.items()}
    return plain | {name: pair[which] for name, pair in _secrets().items()}


def path_of(name: str) -> Path:
    return Path(f"{name}.yaml")


def keys_of(name: str) -> tuple[ObjectKey, ...]:
    """The keys of the objects of that name."""
    return tuple(raw.key for raw in file_objects(path_of(name), forms()[name]).objects)


class Serving:
    """An engine with connected proxies."""

    def __init__(self) -> None:
        self.engine = Engine(MESH, now=NOW)
        self.snapshots = SnapshotCache(self.engine)

    def edit(self, changed: Mapping[str, str | None]) -> None:
        self.engine.apply((path_of(name), text) for name, text in changed.items())

    def served(self) -> dict[str, bytes]:
        """What the proxies are to have now: each resource, and each virtual host of a route table,
        by a name; nothing of a proxy whose stream would be refused.
        """
        found: dict[str, bytes] = {}
        self.snapshots.changed()
        for proxy in PROXIES:
            try:
                snapshot = self.snapshots.snapshot(proxy)
            except StreamFault:
                continue
            for type_url, shelf in snapshot.shelves.items():
                for name in shelf:
                    at = f"{proxy.name} {type_url.name} {name}"
                    found[at] = packed(shelf[name]).value
                    if type_url.name == "ROUTE":
                        found |= dict(_virtual_hosts(at, found.pop(at)))
        return found

    def explain(self) -> None:
        """Asks where everything that the proxies are to have comes from."""
        for proxy in PROXIES:
            with suppress(NotComputed):
                view = self.engine.view(proxy)
                for type_url in TypeUrl:
                    origins_by_name(self.engine.graph, view, type_url)
        for name in GATEWAY_API:
            for key in keys_of(name):
                with suppress(NotComputed):
                    status_of(self.engine.graph, key)

    def reported(self) -> set[tuple[str, str]]:
        """Code and place of every diagnostic; statuses are asked for as well."""
        while self.engine.analyse():
            pass
        for key in self.engine.take_statuses():
            self.engine.status(key)
        return {(d.code.id, str(d.place)) for d in self.engine.diagnostics()}


def _virtual_hosts(at: str, table: bytes) -> Iterator[tuple[str, bytes]]:
    message = RouteConfiguration.FromString(table)
    for host in message.virtual_hosts:
        yield f"{at} {host.domains[0]}", host.SerializeToString(deterministic=True)
    del message.virtual_hosts[:]
    yield at, message.SerializeToString(deterministic=True)


@cache
def fresh(objects: frozenset[tuple[str, str]]) -> tuple[dict[str, bytes], set[tuple[str, str]]]:
    """What is served and reported from scratch, of objects by name."""
    serving = Serving()
    serving.edit(dict(sorted(objects)))
    serving.served()
    serving.engine.set_clock(NOW)  # it is known by now who is connected
    return serving.served(), serving.reported()
