"""A small mesh with a collector, and readers of what its proxies trace."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef, path_text
from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.kinds.mesh import decode_mesh_config
from controlplane.model.proxy import Proxy, Role
from tests.support.declared import Declared, plain

SERVICES = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: collector, namespace: observed}
spec:
  hosts: [spans.example]
  resolution: STATIC
  ports:
  - {number: 9411, name: http, protocol: HTTP}
  - {number: 4317, name: grpc, protocol: GRPC}
  endpoints: [{address: 10.1.0.1}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: cart, namespace: shop}
spec:
  hosts: [cart.example]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: cart}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: cart, namespace: shop}
spec: {address: 10.0.0.1, labels: {app: cart, version: v2}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  selector: {istio: ingress}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
"""
ZIPKIN = """
extensionProviders:
- name: spans
  zipkin: {service: observed/spans.example, port: 9411}
defaultProviders: {tracing: [spans]}
"""


def sidecar(name: str = "cart", address: str = "10.0.0.1", **labels: str) -> Proxy:
    return Proxy(
        name=name,
        role=Role.SIDECAR,
        namespace=Namespace("shop"),
        service_account="cart",
        labels=tuple(sorted({"app": name, **labels}.items())),
        addresses=(address,),
        node_metadata=(
            ("CLUSTER_ID", "Kubernetes"),
            ("MESH_ID", "cluster.local"),
            ("WORKLOAD_NAME", name),
        ),
        cluster=f"{name}.shop",
    )


GATEWAY = Proxy(
    name="ingress",
    role=Role.GATEWAY,
    namespace=Namespace("shop"),
    service_account="ingress",
    labels=(("istio", "ingress"),),
    addresses=("10.0.0.9",),
    cluster="ingress.shop",
)


def engine(mesh: str, text: str = SERVICES) -> Engine:
    report = Report()
    config = decode_mesh_config(mesh, Path("mesh.yaml"), report)
    assert [d.code.id for d in report] == []
    made = Engine(config, now=datetime(2026, 6, 1, tzinfo=UTC))
    made.apply([(Path("a.yaml"), text)])
    return made


def listeners(of: Engine, proxy: Proxy) -> dict[str, dict[str, Any]]:
    view = of.view(proxy)
    assert view is not None
    resources = of.resources(view)
    assert resources is not None
    return {name: plain(resources.listeners[name]) for name in sorted(resources.listeners)}


def managers(listener: dict[str, Any]) -> list[dict[str, Any]]:
    chains = [*listener.get("filter_chains", ()), listener.get("default_filter_chain", {})]
    configs = [f["typed_config"] for chain in chains for f in chain.get("filters", ())]
    return [each for each in configs if "tracing" in each or "http_filters" in each]


def traced(of: Engine, proxy: Proxy, listener: str) -> dict[str, Any] | None:
    """The tracing of every connection manager of a listener, which must be one."""
    found = [each.get("tracing") for each in managers(listeners(of, proxy)[listener])]
    assert found
    assert all(each == found[0] for each in found)
    return found[0]


def config(of: Engine, proxy: Proxy = GATEWAY, listener: str = "0.0.0.0_80") -> dict[str, Any]:
    found = traced(of, proxy, listener)
    assert found is not None
    made: dict[str, Any] = found["provider"]["typed_config"]
    return made


PROVIDERS = """
extensionProviders:
- name: spans
  zipkin: {service: spans.example, port: 9411}
- name: other
  zipkin: {service: spans.example, port: 9411, path: /other}
"""


def telemetry(tracing: str, *, namespace: str = "shop", name: str = "t", selector: str = "") -> str:
    chosen = f"selector: {{matchLabels: {{{selector}}}}}, " if selector else ""
    return f"""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{{chosen}tracing: [{tracing}]}}
---
"""


SPANS = "{providers: [{name: spans}]}"


def sides(tracing: str, mesh: str = PROVIDERS) -> tuple[dict[str, Any] | None, ...]:
    """What a sidecar traces of what its workload calls, and of what calls it."""
    of = engine(mesh, SERVICES + telemetry(tracing))
    return traced(of, sidecar(), "0.0.0.0_80"), traced(of, sidecar(), "virtualInbound")


def reported(text: str, mesh: str = PROVIDERS) -> list[tuple[str, str, str]]:
    config = decode_mesh_config(mesh, Path("mesh.yaml"), Report())
    found = Declared(SERVICES + text, mesh=config).diagnostics()
    return [
        (d.code.id, path_text(d.place.path), d.hint or "")
        for d in found
        if isinstance(d.place, FieldRef) and d.code.id in ("CP0534", "CP0820", "CP0821", "CP0822")
    ]
