"""EnvoyFilters in a fleet of sidecars: what one adds to it, and what an edit costs with it.

The mesh of ``views``, smaller: 100 sidecars in 10 namespaces, 200 services. The EnvoyFilter is for
the mesh, and patches every cluster, route table and listener for requests of every sidecar.
"""

import gc
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import views
from figures import Figure, show

from controlplane.engine.engine import Engine

SIDECARS, NAMESPACES, SERVICES, RUNS = 100, 10, 200, 20
FILTER = """\
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: all, namespace: istio-system}
spec:
  configPatches:
  - applyTo: CLUSTER
    patch: {operation: MERGE, value: {connect_timeout: TIMEOUT}}
  - applyTo: VIRTUAL_HOST
    patch: {operation: MERGE, value: {include_request_attempt_count: true}}
  - applyTo: HTTP_FILTER
    match:
      listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}
    patch:
      operation: INSERT_FIRST
      value:
        name: buffer
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
          max_request_bytes: 65536
"""


def patched(timeout: str) -> str:
    return FILTER.replace("TIMEOUT", timeout)


def connected() -> Engine:
    views.SIDECARS, views.NAMESPACES, views.SERVICES = SIDECARS, NAMESPACES, SERVICES
    engine = views.loaded()
    for i in range(SIDECARS):
        views.connect(engine, views.sidecar(i))
    engine.take_doubt()
    return engine


def added(engine: Engine, text: str) -> float:
    """Seconds of CPU until every sidecar has what the new EnvoyFilter makes of its resources."""
    before = [engine.view(views.sidecar(i)) for i in range(SIDECARS)]
    started = time.process_time()
    engine.apply([(Path("filter.yaml"), text.encode())])
    for proxy in engine.take_doubt().proxies:
        view = engine.view(proxy)
        engine.connected.hold(view)
        engine.resources(view)
    took = time.process_time() - started
    for view in before:
        engine.connected.release(view)
    return took


def measured(*, quick: bool = False) -> list[Figure]:
    runs = RUNS // 4 if quick else RUNS
    engine = connected()

    def median(name: str, text: Callable[[int], str]) -> float:
        """Milliseconds of CPU."""
        return statistics.median(views.edit(engine, name, text(n)) for n in range(runs)) * 1e3

    def rule(n: int) -> str:
        ns = views.namespace(7)
        text = views.RULE.format(name="s7", ns=ns, host=f"s7.{ns}", to="*")
        return text.replace("100", str(1_000 + n))

    def endpoint(n: int) -> str:
        return views.workload(9, 0, f"10.77.0.{n + 1}")

    plain = median("s7-rule.yaml", rule), median("s9-0.yaml", endpoint)
    gc.collect()
    base, cells = views.resident(), len(engine.graph)
    took = added(engine, patched("7s"))
    gc.collect()
    grown, more = views.resident() - base, len(engine.graph) - cells
    slow = median("s7-rule.yaml", rule), median("s9-0.yaml", endpoint)
    return [
        Figure(name="an EnvoyFilter for 100 sidecars, s of CPU", value=took),
        Figure(name="an EnvoyFilter for 100 sidecars, MiB", value=grown),
        Figure(name="an EnvoyFilter for 100 sidecars, cells", value=more),
        Figure(name="edit of a public rule without it, ms of CPU", value=plain[0]),
        Figure(name="edit of a public rule with it, ms of CPU", value=slow[0]),
        Figure(name="edit of an endpoint without it, ms of CPU", value=plain[1]),
        Figure(name="edit of an endpoint with it, ms of CPU", value=slow[1]),
        Figure(
            name="edit of the EnvoyFilter, ms of CPU",
            value=median("filter.yaml", lambda n: patched(f"{10 + n}s")),
        ),
    ]


if __name__ == "__main__":
    show(measured())
