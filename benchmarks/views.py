"""A fleet of sidecars in many namespaces: what their clusters, endpoints and secrets cost.

No socket: the engine alone. 1,000 sidecars with names, addresses and labels of their own in 50
namespaces, and 1,000 services with 2 endpoints each. Every service has a public rule; each
namespace has rules of its own for 4 services of others, 1 private service, and 1 declaration of a
host that all namespaces declare.
"""

import gc
import resource
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from figures import show

from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Proxy, Role

SIDECARS, NAMESPACES, SERVICES, RUNS = 1_000, 50, 1_000, 40

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {{name: s{n}, namespace: {ns}, annotations: {{networking.istio.io/exportTo: "{to}"}}}}
spec:
  clusterIP: 10.{a}.{b}.1
  selector: {{app: s{n}}}
  ports: [{{name: http, port: 80, targetPort: 9080}}]
---
"""
WORKLOAD = """\
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: s{n}-{e}, namespace: {ns}}}
spec: {{address: {address}, serviceAccount: s{n}, labels: {{app: s{n}, version: v{e}}}}}
---
"""
RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name}, namespace: {ns}}}
spec:
  host: {host}.svc.cluster.local
  exportTo: ["{to}"]
  trafficPolicy: {{connectionPool: {{http: {{http1MaxPendingRequests: 100}}}}}}
  subsets: [{{name: v0, labels: {{version: v0}}}}]
---
"""
ENTRY = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: partner, namespace: {ns}}}
spec:
  hosts: [api.partner.com]
  resolution: STATIC
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  endpoints: [{{address: 10.250.0.{i}}}]
---
"""


def namespace(n: int) -> str:
    return f"ns-{n % NAMESPACES}"


def workload(n: int, e: int, address: str = "") -> str:
    at = address or f"10.{100 + e}.{n // 250}.{n % 250 + 1}"
    return WORKLOAD.format(n=n, e=e, ns=namespace(n), address=at)


def service(n: int, to: str) -> str:
    return SERVICE.format(n=n, ns=namespace(n), a=n // 250 + 1, b=n % 250, to=to)


def documents() -> Iterator[tuple[str, str]]:
    for n in range(SERVICES):
        ns = namespace(n)
        yield f"s{n}.yaml", service(n, "*")
        yield f"s{n}-rule.yaml", RULE.format(name=f"s{n}", ns=ns, host=f"s{n}.{ns}", to="*")
        for e in range(2):
            yield f"s{n}-{e}.yaml", workload(n, e)
    for i in range(NAMESPACES):
        ns = namespace(i)
        yield f"{ns}-private.yaml", service(SERVICES + i, ".")
        yield f"{ns}-entry.yaml", ENTRY.format(ns=ns, i=i)
        for j in range(4):
            n = (7 * i + 31 * j + 1) % SERVICES
            host = f"s{n}.{namespace(n)}"
            yield f"{ns}-{j}.yaml", RULE.format(name=f"own-{j}", ns=ns, host=host, to=".")


def sidecar(i: int) -> Proxy:
    return Proxy(
        name=f"s{i}",
        role=Role.SIDECAR,
        namespace=namespace(i),
        service_account=f"s{i}",
        labels=(("app", f"s{i}"), ("pod-template-hash", f"{i:08x}"), ("version", "v0")),
        addresses=(f"10.100.{i // 250}.{i % 250 + 1}",),
    )


def loaded() -> Engine:
    engine = Engine(MeshConfig(), now=datetime.now(UTC))
    engine.apply((Path(name), text.encode()) for name, text in documents())
    gc.collect()
    gc.freeze()
    return engine


def connect(engine: Engine, proxy: Proxy) -> None:
    engine.connected.join(proxy)
    view = engine.view(proxy)
    engine.connected.hold(view)
    engine.resources(view)


def edit(engine: Engine, name: str, text: str) -> float:
    """Seconds of CPU from a changed text to the new resources of all views."""
    started = time.process_time()
    engine.apply([(Path(name), text.encode())])
    doubt = engine.take_doubt()
    for proxy in doubt.proxies:
        engine.view(proxy)
    for view in doubt.views:
        engine.resources(view)
    return time.process_time() - started


def resident() -> float:
    """MiB that the process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def edits(engine: Engine) -> dict[str, float]:
    """Median milliseconds of CPU for each sort of edit."""

    def endpoint(i: int) -> float:
        return edit(engine, "s7-0.yaml", workload(7, 0, address=f"10.9.9.{i + 1}"))

    def rule(i: int) -> float:
        text = RULE.format(name="s7", ns=namespace(7), host=f"s7.{namespace(7)}", to="*")
        return edit(engine, "s7-rule.yaml", text.replace("100", f"{200 + i}"))

    def own_rule(i: int) -> float:
        text = RULE.format(name="own-0", ns="ns-3", host="s22.ns-22", to=".")
        return edit(engine, "ns-3-0.yaml", text.replace("100", f"{200 + i}"))

    sorts = {"an endpoint": endpoint, "a public rule": rule, "a rule of one namespace": own_rule}
    return {
        f"edit of {name}, ms of CPU": statistics.median(one(i) for i in range(RUNS)) * 1e3
        for name, one in sorts.items()
    }


def measured() -> dict[str, float]:
    engine = loaded()
    connect(engine, sidecar(0))  # what is imported and cached with the first is the base's
    engine.connected.release(engine.view(sidecar(0)))
    engine.connected.leave(sidecar(0))
    gc.collect()
    base, cells, started = resident(), len(engine.graph), time.process_time()
    for i in range(SIDECARS):
        connect(engine, sidecar(i))
    took = time.process_time() - started
    gc.collect()
    grown, all_cells = resident() - base, len(engine.graph)
    connect(engine, sidecar(SIDECARS))
    return {
        "1,000 sidecars, s of CPU": took,
        "1,000 sidecars, MiB above the base": grown,
        "1,000 sidecars, cells": all_cells - cells,
        "a further proxy, cells": len(engine.graph) - all_cells,
        **edits(engine),
    }


if __name__ == "__main__":
    show(measured())
