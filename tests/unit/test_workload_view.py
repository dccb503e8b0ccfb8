"""What is shown of a workload with a sidecar, from what is declared and served."""

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from controlplane.admin.metrics import Metrics
from controlplane.admin.view import DeclaredObject, Origin
from controlplane.admin.workload import ServedPort, Workload, WorkloadPort
from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.envoy.secrets import secret
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Proxy, Role
from controlplane.model.tls import WORKLOAD_CERTIFICATE, KeyPair
from controlplane.serve.overview import LiveOverview
from controlplane.serve.snapshot_cache import SnapshotCache
from controlplane.serve.workload_view import WorkloadView
from controlplane.tls.state import LiveTls
from controlplane.xds.connections import Connection, Connections
from controlplane.xds.delta import DeltaSession
from controlplane.xds.response import Variant
from controlplane.xds.response_cache import ResponseCache
from tests.support.pki import Authority

NOW = datetime(2026, 6, 1, tzinfo=UTC)
WEB = Proxy(
    name="web-1",
    role=Role.SIDECAR,
    namespace=Namespace("shop"),
    service_account="web",
    addresses=("10.0.0.7",),
)
EDGE = Proxy(name="edge", role=Role.GATEWAY, namespace=Namespace("shop"), service_account="edge")
MESH = """\
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata:
  name: web-1
  namespace: shop
  annotations: {istio.io/autoRegistrationGroup: web-v1}
spec: {address: 10.0.0.7, labels: {app: web}, serviceAccount: web}
---
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: web-v1, namespace: shop}
spec: {template: {serviceAccount: web}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: 8080}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec:
  ports:
  - {name: http, port: 80}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec:
  egress:
  - hosts: ["./*"]
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: all, namespace: shop}
spec:
  mtls: {mode: STRICT}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  portLevelMtls:
    9090: {mode: PERMISSIVE}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: shop}
spec:
  hosts: [api]
  http:
  - route: [{destination: {host: api}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api, namespace: shop}
spec: {host: api, trafficPolicy: {loadBalancer: {simple: RANDOM}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  rules: [{to: [{operation: {methods: [GET]}}]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: of-others, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: shop}
spec:
  jwtRules: [{issuer: a, jwks: '{"keys": []}'}]
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: shop}
spec:
  configPatches:
  - applyTo: LISTENER
    match: {context: SIDECAR_INBOUND}
    patch: {operation: MERGE, value: {per_connection_buffer_limit_bytes: 65536}}
"""


def line_of(text: str) -> int:
    return MESH.splitlines().index(text) + 1


def place(kind: str, name: str) -> DeclaredObject:
    """An object of the mesh, at its first line."""
    head = MESH[: MESH.index(f"kind: {kind}\nmetadata: {{name: {name},")]
    return DeclaredObject(object=f"{kind}/shop/{name}", path="mesh.yaml", line=head.count("\n"))


ROUTES = """\
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {ports: [{name: tcp, port: 5432}]}
---
apiVersion: v1
kind: Service
metadata: {name: pay, namespace: shop}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: db, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: db}]
  rules: [{backendRefs: [{name: db, port: 5432}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: pay, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: pay}]
  rules: [{backendRefs: [{name: pay, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: pay, namespace: shop}
spec:
  targetRefs: [{group: "", kind: Service, name: pay}]
  validation: {hostname: pay.example, wellKnownCACertificates: System}
"""


class Running:
    """An engine with two connected proxies, and what is shown of them."""

    def __init__(self, more: str = "") -> None:
        self.engine = Engine(MeshConfig(), now=NOW)
        self.engine.apply([(Path("mesh.yaml"), MESH), (Path("more.yaml"), more)])
        snapshots, connections = SnapshotCache(self.engine), Connections(lambda: NOW)
        for proxy in (WEB, EDGE):
            session = DeltaSession(ResponseCache(), snapshots.snapshot(proxy))
            connections.joined(
                Connection(
                    proxy=proxy,
                    node=proxy.name,
                    peer="10.0.0.7:50000",
                    variant=Variant.DELTA,
                    connected=NOW,
                    session=session,
                )
            )
        tls = LiveTls(self.engine, lambda _: {})
        self.overview = LiveOverview(self.engine, snapshots, connections, Metrics("0"), tls)

    async def workload(self, name: str = "web-1.shop") -> Workload:
        found = await self.overview.workload(name)
        assert found is not None
        return found


async def test_who_a_workload_is_and_which_sidecar_applies() -> None:
    found = await Running().workload()

    assert found.group == place("WorkloadGroup", "web-v1")
    assert found.labels == {"app": "web"}
    assert found.identity == "spiffe://cluster.local/ns/shop/sa/web"
    assert found.sidecar == place("Sidecar", "default")
    assert found.imports == ("./*",)
    assert found.unknown == "refused (REGISTRY_ONLY)"


async def test_what_each_port_accepts_and_which_line_decides() -> None:
    found = await Running().workload()

    strict = Origin(
        object="PeerAuthentication/shop/all",
        field="spec.mtls.mode",
        path="mesh.yaml",
        line=line_of("  mtls: {mode: STRICT}"),
    )
    assert (found.mtls, found.mtls_decided_by) == ("STRICT", strict)
    assert found.ports == (
        WorkloadPort(
            port=8080,
            mtls="STRICT",
            decided_by=strict,
            services=(
                ServedPort(
                    host="web.shop.svc.cluster.local",
                    port=80,
                    protocol="HTTP",
                    declared=place("Service", "web"),
                ),
            ),
        ),
        WorkloadPort(
            port=9090,
            mtls="PERMISSIVE",
            decided_by=Origin(
                object="PeerAuthentication/shop/web",
                field="spec.portLevelMtls.9090.mode",
                path="mesh.yaml",
                line=line_of("    9090: {mode: PERMISSIVE}"),
            ),
            services=(),
        ),
    )


async def test_the_rules_are_those_that_its_configuration_came_from() -> None:
    found = await Running().workload()

    assert found.rules_in == (
        place("EnvoyFilter", "limit"),
        place("AuthorizationPolicy", "readers"),
        place("PeerAuthentication", "all"),
        place("PeerAuthentication", "web"),
        place("RequestAuthentication", "tokens"),
    )
    assert found.rules_out == (place("DestinationRule", "api"), place("VirtualService", "api"))


async def test_so_are_routes_and_policies_of_the_gateway_api() -> None:
    found = await Running(ROUTES).workload()

    names = [each.object for each in found.rules_out if each.path == "more.yaml"]
    assert names == ["BackendTLSPolicy/shop/pay", "HTTPRoute/shop/pay", "TCPRoute/shop/db"]


async def test_the_listeners_are_those_for_calls_of_the_workload() -> None:
    found = await Running().workload()

    assert [listener.name for listener in found.inbound] == ["virtualInbound"]
    chains = found.inbound[0].resource["filter_chains"]
    assert isinstance(chains, list)
    assert "0.0.0.0_8080" in {chain["name"] for chain in chains}


async def test_a_group_stands_for_the_workload_that_it_registered() -> None:
    running = Running()

    assert await running.workload("web-v1") == await running.workload("web-1")
    assert await running.workload("web-v1.shop") == await running.workload("web-1")


async def test_a_gateway_is_no_workload() -> None:
    assert await Running().overview.workload("edge.shop") is None
    assert await Running().overview.workload("nobody") is None


async def test_status_shows_the_group_and_the_mode_of_a_sidecar() -> None:
    edge, web = Running().overview.status().proxies

    assert (web.group, web.mtls) == ("web-v1", "STRICT, 9090 PERMISSIVE")
    assert (edge.group, edge.mtls) == ("", "")


def test_a_certificate_is_shown_with_its_end() -> None:
    leaf = Authority(now=NOW).leaf("web.shop")
    pair = KeyPair(chain=leaf.certificate.encode(), key=leaf.key.encode())
    held = secret(WORKLOAD_CERTIFICATE, pair)
    ends = x509.load_pem_x509_certificate(pair.chain).not_valid_after_utc
    engine = Engine(MeshConfig(), now=NOW)

    assert WorkloadView(engine, lambda _: {"default": held}).certificate_ends(WEB) == ends
    assert WorkloadView(engine, lambda _: {}).certificate_ends(WEB) is None
