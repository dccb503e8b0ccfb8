"""What one edit costs to compute at 100, 1,000 and 10,000 services, from changed text to changed
resources.

No proxy, no socket: the engine alone, for one gateway that has everything. The same four edits
each time.
"""

import gc
import statistics
import time
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from pathlib import Path

import mesh

from controlplane.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Proxy
from controlplane.model.proxy import Role

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
    "a route": lambda i: ("route-50.yaml", mesh.route(50, 200 + i % 300)),
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
    client = engine.client(GATEWAY)
    engine.hold(client)
    engine.resources(client)
    engine.analyse()
    gc.collect()
    gc.freeze()
    return engine


def cost(engine: Engine, edit: Callable[[int], tuple[str, str]]) -> float:
    """Median seconds from the changed text to all resources of the gateway."""
    took = []
    client = engine.client(GATEWAY)
    for i in range(RUNS):
        name, text = edit(i)
        started = time.perf_counter()
        engine.apply([(Path(name), text.encode())])
        engine.resources(client)
        took.append(time.perf_counter() - started)
    return statistics.median(took)


def measured() -> dict[str, dict[int, float]]:
    figures: dict[str, dict[int, float]] = {name: {} for name in EDITS}
    for size in SIZES:
        engine = loaded(size)
        for name, edit in EDITS.items():
            figures[name][size] = cost(engine, edit)
        del engine
        gc.unfreeze()
        gc.collect()
    return figures


def main() -> None:
    print(f"{'edit of':20}" + "".join(f"{size:>12,}" for size in SIZES) + "   largest/smallest")
    for name, by_size in measured().items():
        ratio = max(by_size.values()) / min(by_size.values())
        row = "".join(f"{by_size[size] * 1e3:>9.2f} ms" for size in SIZES)
        print(f"{name:20}{row}   {ratio:.2f}")


if __name__ == "__main__":
    main()
