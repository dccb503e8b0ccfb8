"""What one edit costs to compute at 100, 1,000 and 10,000 services, from changed text to changed
resources.

No proxy, no socket: the engine alone, for one gateway that has everything. The same four edits
each time.
"""

import gc
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import mesh
from figures import show

from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Proxy, Role

SIZES = (100, 1_000, 10_000)
RUNS = 40
GATEWAY = Proxy(
    name="ingressgateway",
    role=Role.GATEWAY,
    namespace="istio-system",
    service_account="ingressgateway",
    labels=(("istio", "ingressgateway"),),
    addresses=("127.0.0.2",),
)
EDITS: dict[str, Callable[[int], tuple[str, str]]] = {
    "a route": lambda i: ("route-50.yaml", mesh.route(50, 6 + i)),
    "an endpoint": lambda i: (
        "workload-50.yaml",
        mesh.workload(50, address=f"10.9.9.{i % 250 + 1}"),
    ),
    "a DestinationRule": lambda i: ("rule-50.yaml", mesh.rule(50, 1 + i)),
    "a Service's port": lambda i: ("service-50.yaml", mesh.service(50, 9081 + i)),
}


def loaded(services: int) -> Engine:
    engine = Engine(MeshConfig(), now=datetime.now(UTC))
    engine.apply((Path(name), text.encode()) for name, text in mesh.documents(services))
    view = engine.view(GATEWAY)
    engine.connected.hold(view)
    engine.resources(view)
    engine.analyse()
    gc.collect()
    gc.freeze()
    return engine


def cost(engine: Engine, edit: Callable[[int], tuple[str, str]]) -> float:
    """Median seconds from the changed text to all resources of the gateway."""
    took = []
    view = engine.view(GATEWAY)
    for i in range(RUNS):
        name, text = edit(i)
        started = time.perf_counter()
        engine.apply([(Path(name), text.encode())])
        engine.resources(view)
        took.append(time.perf_counter() - started)
    return statistics.median(took)


def measured() -> dict[str, float]:
    """Milliseconds, and for each edit the largest over the smallest."""
    costs: dict[str, dict[int, float]] = {name: {} for name in EDITS}
    for size in SIZES:
        engine = loaded(size)
        for name, edit in EDITS.items():
            costs[name][size] = cost(engine, edit) * 1e3
        del engine
        gc.unfreeze()
        gc.collect()
    figures = {}
    for name, by_size in costs.items():
        figures |= {f"edit of {name}, {size:,} services, ms": by_size[size] for size in SIZES}
        figures[f"edit of {name}, largest/smallest"] = max(by_size.values()) / min(by_size.values())
    return figures


if __name__ == "__main__":
    show(measured())
