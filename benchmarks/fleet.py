"""A fleet of proxies of their own kind each, beside a floor: until all are served, and until all
have one change.

1,000 sidecars with names, addresses and labels of their own in 50 namespaces, and 1,000 services
(``views``). They are simulated in a light process; the floor sends the same bytes.

    python benchmarks/fleet.py [SIDECARS]
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import mesh
import views
from envoy.config.core.v3.base_pb2 import Node
from figures import Figure, show
from floor import Recordings
from floors import floor
from google.protobuf.json_format import ParseDict
from light_clients import Clients, Names, Simulated, clients
from processes import folder, resident, serving, until_quiet
from recorded import CLUSTER, ENDPOINT, recorder

EDITED: Final = 7  # a service that everybody sees
RUNS: Final = 10
PAUSE: Final = 0.3  # seconds between two edits


def node(i: int) -> Node:
    """A sidecar as it presents itself."""
    sidecar = views.sidecar(i)
    metadata = {"NAMESPACE": sidecar.namespace, "LABELS": dict(sidecar.labels)}
    metadata["SERVICE_ACCOUNT"] = sidecar.service_account
    name, space = sidecar.name, sidecar.namespace
    who = f"sidecar~{sidecar.addresses[0]}~{name}.{space}~{space}.svc.cluster.local"
    return ParseDict({"id": who, "metadata": metadata}, Node())


def workload(number: int) -> str:
    return views.workload(EDITED, 0, address=f"10.99.0.{number + 1}")


def write(config: Path) -> Path:
    """The mesh in a folder; gives the file that is edited."""
    config.mkdir()
    for name, text in views.documents():
        (config / name).write_text(text)
    edited = config / f"s{EDITED}-0.yaml"
    edited.write_text(workload(0))
    return edited


def recorded(port: int, edited: Path) -> tuple[Recordings, dict[str, Names]]:
    """What proxies of each namespace get at first, and everybody for each edit."""
    recordings, asks = Recordings(), {}
    for i in range(views.NAMESPACES):
        with recorder(port, node(i)) as one:
            first = one.backends()
            namespace = views.namespace(i)
            recordings.first[namespace] = first
            asks[namespace] = {kind: first.names[kind] for kind in (CLUSTER, ENDPOINT)}
            if i == 0:
                for number in (1, 0):
                    mesh.rename_into(edited, workload(number))
                    recordings.edits[f"{number}"] = one.next()
    return recordings, asks


def changed(fleet: Clients, edit: Callable[[int], None], proxies: int, runs: int) -> float:
    """Median seconds until every proxy has one change."""
    took, responses = [], fleet.until(0).responses
    for run in range(runs):
        time.sleep(PAUSE)
        responses += proxies
        started = time.monotonic()
        edit((run + 1) % 2)
        took.append(fleet.until(responses).last - started)
    return statistics.median(took)


def measured(*, quick: bool = False, proxies: int = 0) -> list[Figure]:
    proxies = proxies or (200 if quick else views.SIDECARS)
    fleet = [Simulated(node(i).SerializeToString(), views.namespace(i)) for i in range(proxies)]
    runs = 4 if quick else RUNS
    with folder() as here:
        edited = write(here / "config")
        with serving(here / "config") as plane:
            recordings, asks = recorded(plane.xds, edited)
        with floor(here, recordings) as bare, clients(bare.xds, fleet, asks) as connected:
            del recordings
            gc.collect()
            first = connected.connect()
            least_served = first.last - first.began
            least_changed = changed(connected, lambda n: bare.edit(f"{n}"), proxies, runs)
        with serving(here / "config") as plane, clients(plane.xds, fleet, asks) as connected:
            until_quiet(plane.pid)
            got = connected.connect()
            assert abs(got.bytes / first.bytes - 1) < 0.05, "both send the same"
            served = got.last - got.began

            def rename(number: int) -> None:
                mesh.rename_into(edited, workload(number))

            took = changed(connected, rename, proxies, runs)
            memory = resident(plane.pid, peak=True)
    name = f"{proxies:,} proxies, {views.SERVICES:,} services"
    return [
        Figure(name=f"{name}: all served, s", value=served, floor=least_served, goal=1.5),
        Figure(
            name=f"{name}: one endpoint changed for all, ms",
            value=took * 1e3,
            floor=least_changed * 1e3,
            goal=2.0,
        ),
        Figure(name=f"{name}: peak memory, MB", value=memory, goal=300.0),
    ]


if __name__ == "__main__":
    show(measured(proxies=int(sys.argv[1]) if len(sys.argv) > 1 else 0))
