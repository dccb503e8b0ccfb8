"""What one edit costs the control plane in CPU time, all of it: noticing, computing, sending,
analysis, what is kept on disk; at 100, 1,000 and 10,000 services, of one gateway that has them all.

The edits come with pauses, as people's and deployments' do: a warm loop costs less than half. What
the process takes while nothing happens is subtracted, and measured apart.

    python benchmarks/edit_cpu.py [SERVICES]...
"""

import sys
import time
from collections.abc import Callable
from typing import Final

import mesh
from figures import Figure, show
from light_clients import Clients, Simulated, clients
from processes import Serving, cpu, folder, resident, serving, until_quiet
from recorded import recorder

SIZES: Final = (100, 1_000, 10_000)
RUNS: Final = 20
QUICK_RUNS: Final = 8
PAUSE: Final = 0.25  # seconds from an edit to the next
IDLE: Final = 10.0  # seconds of nothing
EDITED: Final = 50
COST: Final = 4.0  # milliseconds at most at 1,000 services
GROWTH: Final = 1.5  # of the cost from the smallest to the largest mesh, at most
EDITS: Final[dict[str, Callable[[int], tuple[str, str]]]] = {
    "VirtualService": lambda i: ("route", mesh.route(EDITED, 6 + i)),
    "endpoint": lambda i: ("workload", mesh.workload(EDITED, address=f"10.9.9.{i + 1}")),
    "DestinationRule": lambda i: ("rule", mesh.rule(EDITED, 1 + i)),
}
GATEWAY: Final = "gateway"


def idle(pid: int, seconds: float) -> float:
    """CPU time of one second in which nothing happens."""
    before = cpu(pid)
    time.sleep(seconds)
    return (cpu(pid) - before) / seconds


def cost(
    plane: Serving, gateway: Clients, edit: Callable[[int], tuple[str, str]], runs: int, rest: float
) -> float:
    """Mean milliseconds of CPU of one edit; ``rest`` is the CPU time of an idle second."""
    before, began = cpu(plane.pid), time.perf_counter()
    for i in range(runs):
        name, text = edit(i)
        responses = gateway.until(0).responses
        mesh.rename_into(plane.config / "000" / f"{name}-{EDITED}.yaml", text)
        gateway.until(responses + 1)
        time.sleep(PAUSE)
    spent = cpu(plane.pid) - before - rest * (time.perf_counter() - began)
    return spent / runs * 1e3


def of_size(services: int, *, quick: bool) -> tuple[dict[str, float], float]:
    """The cost of each edit, and megabytes of memory after them."""
    with folder() as here:
        mesh.write(here / "config", services)
        with serving(here / "config") as plane:
            with recorder(plane.xds, mesh.gateway_node()) as one:
                names = one.everything().names
            proxy = Simulated(mesh.gateway_node().SerializeToString(), GATEWAY)
            with clients(plane.xds, [proxy], {GATEWAY: names}) as gateway:
                gateway.connect()
                until_quiet(plane.pid)
                for edit in EDITS.values():  # what happens only once has happened
                    cost(plane, gateway, edit, 2, 0)
                until_quiet(plane.pid)
                rest = idle(plane.pid, 3 if quick else IDLE)
                runs = QUICK_RUNS if quick else RUNS
                costs = {
                    name: cost(plane, gateway, lambda i, e=edit: e(i + 2), runs, rest)
                    for name, edit in EDITS.items()
                }
            return costs, resident(plane.pid)


def measured(*, quick: bool = False, sizes: tuple[int, ...] = ()) -> list[Figure]:
    sizes = sizes or (SIZES[:2] if quick else SIZES)
    figures, memory = [], {}
    costs: dict[str, dict[int, float]] = {name: {} for name in EDITS}
    for size in sizes:
        found, memory[size] = of_size(size, quick=quick)
        for name, value in found.items():
            costs[name][size] = value
    for name, by_size in costs.items():
        for size, value in by_size.items():
            goal = COST if size == 1_000 else None
            figures.append(
                Figure(name=f"{name}, {size:,} services: CPU, ms", value=value, goal=goal)
            )
        if len(sizes) > 1:
            grown = by_size[sizes[-1]] / by_size[sizes[0]]
            span = f"{sizes[0]:,} to {sizes[-1]:,} services"
            figures.append(Figure(name=f"{name}, {span}: growth", value=grown, goal=GROWTH))
    if len(sizes) > 1:
        grown = (memory[sizes[-1]] - memory[sizes[0]]) / (sizes[-1] - sizes[0]) * 1e3
        figures.append(Figure(name="memory of a service, kB", value=grown, goal=35.0))
    return figures


if __name__ == "__main__":
    show(measured(sizes=tuple(map(int, sys.argv[1:]))))
