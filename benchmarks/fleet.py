"""A fleet of sidecars of their own kind each, beside a floor: until all are served, and until all
have one change.

1,000 sidecars with names, addresses, labels and service accounts of their own in 50 namespaces, and
1,000 services (``views``), with everything visible and with a Sidecar in each namespace that
imports the namespace's own services and one that all share. They are simulated in a light process
and ask for clusters, endpoints, listeners and route tables; the floor sends the same bytes.

    python benchmarks/fleet.py [SIDECARS]
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import mesh
import views
from envoy.config.core.v3.base_pb2 import Node
from figures import Figure, show
from floor import Recordings
from floors import floor
from google.protobuf.json_format import ParseDict
from light_clients import Clients, Counted, Names, Simulated, clients
from processes import folder, resident, serving, until_quiet
from recorded import CLUSTER, ENDPOINT, LISTENER, ROUTE, recorder

RUNS: Final = 10
PAUSE: Final = 0.3  # seconds between two edits
SHARED: Final = "istio-system"

SIDECAR: Final = """\
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: own, namespace: {ns}}}
spec: {{egress: [{{hosts: ["./*", "istio-system/*"]}}]}}
"""
SERVICE: Final = """\
apiVersion: v1
kind: Service
metadata: {name: shared, namespace: istio-system}
spec:
  clusterIP: 10.200.0.1
  selector: {app: shared}
  ports: [{name: http, port: 80, targetPort: 9080}]
"""
ENDPOINT_OF_SHARED: Final = """\
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: shared, namespace: istio-system}}
spec: {{address: 10.99.0.{n}, serviceAccount: shared, labels: {{app: shared}}}}
"""
ROUTES: Final = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: shared, namespace: istio-system}}
spec:
  hosts: [shared]
  http:
  - {{match: [{{uri: {{prefix: /{n}}}}}], route: [{{destination: {{host: shared}}}}]}}
  - route: [{{destination: {{host: shared}}}}]
"""
EDITS: Final = {
    "endpoint": ("shared-endpoint.yaml", ENDPOINT_OF_SHARED),
    "mesh VirtualService": ("shared-routes.yaml", ROUTES),
}
"""What is edited, in which file."""


@dataclass(frozen=True, slots=True)
class Took:
    """What one server took: seconds until all were served, and until each sort of edit was."""

    first: Counted
    edits: dict[str, float]

    @property
    def served(self) -> float:
        return self.first.last - self.first.began


def node(i: int) -> Node:
    """A sidecar as it presents itself."""
    sidecar = views.sidecar(i)
    metadata = {"NAMESPACE": sidecar.namespace, "LABELS": dict(sidecar.labels)}
    metadata["SERVICE_ACCOUNT"] = sidecar.service_account
    name, space = sidecar.name, sidecar.namespace
    who = f"sidecar~{sidecar.addresses[0]}~{name}.{space}~{space}.svc.cluster.local"
    return ParseDict({"id": who, "metadata": metadata}, Node())


def documents(*, scoped: bool) -> Iterator[tuple[str, str]]:
    yield from views.documents()
    yield "shared.yaml", SERVICE
    for name, text in EDITS.values():
        yield name, text.format(n=1)
    for i in range(views.NAMESPACES if scoped else 0):
        yield f"sidecar-{i}.yaml", SIDECAR.format(ns=views.namespace(i))


def write(config: Path, *, scoped: bool) -> None:
    config.mkdir()
    for name, text in documents(scoped=scoped):
        (config / name).write_text(text)


def rename(config: Path, sort: str, number: int) -> None:
    name, text = EDITS[sort]
    mesh.rename_into(config / name, text.format(n=number + 1))


def recorded(port: int, config: Path) -> tuple[Recordings, dict[str, Names]]:
    """What proxies of each namespace get at first, and everybody for each edit."""
    recordings, asks = Recordings(), {}
    for i in range(views.NAMESPACES):
        with recorder(port, node(i)) as one:
            first = one.without_secrets()
            namespace = views.namespace(i)
            recordings.first[namespace] = first
            asks[namespace] = {
                kind: first.names[kind] for kind in (CLUSTER, ENDPOINT, LISTENER, ROUTE)
            }
            for sort in EDITS if i == 0 else ():
                for number in (1, 0):
                    rename(config, sort, number)
                    recordings.edits[f"{sort} {number}"] = one.next()
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


def took(fleet: Clients, edit: Callable[[str, int], None], proxies: int, runs: int) -> Took:
    first = fleet.connect()
    return Took(
        first,
        {
            sort: changed(fleet, lambda number, sort=sort: edit(sort, number), proxies, runs)
            for sort in EDITS
        },
    )


def measured(*, quick: bool = False, proxies: int = 0) -> list[Figure]:
    proxies = proxies or (200 if quick else views.SIDECARS)
    runs = 4 if quick else RUNS
    return [
        figure
        for scoped in (False, True)
        for figure in figures(scoped=scoped, proxies=proxies, runs=runs)
    ]


def figures(*, scoped: bool, proxies: int, runs: int) -> list[Figure]:
    fleet = [Simulated(node(i).SerializeToString(), views.namespace(i)) for i in range(proxies)]
    with folder() as here:
        config = here / "config"
        write(config, scoped=scoped)
        with serving(config) as plane:
            recordings, asks = recorded(plane.xds, config)
        with floor(here, recordings) as bare, clients(bare.xds, fleet, asks) as connected:
            del recordings
            gc.collect()
            least = took(connected, lambda s, n: bare.edit(f"{s} {n}"), proxies, runs)
        with serving(config) as plane, clients(plane.xds, fleet, asks) as connected:
            until_quiet(plane.pid)
            ours = took(connected, lambda s, n: rename(config, s, n), proxies, runs)
            assert abs(ours.first.bytes / least.first.bytes - 1) < 0.05, "both send the same"
            memory = resident(plane.pid, peak=True)
    what = "a Sidecar in each namespace" if scoped else "everything visible"
    name = f"{proxies:,} sidecars, {views.SERVICES:,} services, {what}"
    return [
        Figure(name=f"{name}: all served, s", value=ours.served, floor=least.served, goal=2.0),
        *(
            Figure(
                name=f"{name}: one {sort} changed for all, ms",
                value=ours.edits[sort] * 1e3,
                floor=least.edits[sort] * 1e3,
                goal=2.0,
            )
            for sort in EDITS
        ),
        Figure(name=f"{name}: peak memory, MB", value=memory, goal=200.0 if scoped else 400.0),
    ]


if __name__ == "__main__":
    show(measured(proxies=int(sys.argv[1]) if len(sys.argv) > 1 else 0))
