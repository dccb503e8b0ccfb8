"""What ``controlplane endpoints`` prints."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from controlplane.base.wording import counted
from controlplane.cli.output import complain, say
from controlplane.engine.engine import Engine
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY
from controlplane.queries.registry.connectables import connectables, without_endpoints
from controlplane.sources.load import loaded
from controlplane.translate.connections import OF_SERVICE, Connectable, Entry, as_yaml, named


def print_entries(paths: Sequence[Path], port_start: int, address: str, max_objects: int) -> None:
    """Print an entry for each workload; ``ConfigMissing`` when a path does not exist."""
    engine = Engine(MeshConfig(), now=datetime.now(UTC), max_objects=max_objects)
    engine.apply([(changed.path, changed.text) for changed in loaded(paths)])
    declared = (*engine.objects(SERVICE), *engine.objects(SERVICE_ENTRY))
    services = without_endpoints(
        engine.graph, connectables(engine.graph, declared, engine.objects(DESTINATION_RULE))
    )
    if not services:
        complain("every service has endpoints")
        return
    made = entries_from(services, port_start, address)
    say(as_yaml(named(made, suffix="-local"), annotation=OF_SERVICE).rstrip("\n"))
    for entry in made:
        ports = ", ".join(f"{name} {number}" for name, number in entry.ports.items())
        subset = entry.service.subset_of(entry.workload)
        shown = f"{entry.service.name}{f'/{subset}' if subset else ''}"
        complain(f"{shown}: {address}, {ports}")
    complain(f"{counted(len(made), 'entry')}, for the ports on which you start them")


def entries_from(services: Iterable[Connectable], port: int, address: str) -> list[Entry]:
    """An entry for each workload, each of its ports with a number of its own from ``port`` on; for
    a subset that no Deployment makes only where there is no Deployment at all.
    """
    made = []
    for service in services:
        declared = tuple(w for w in service.workloads if w.is_declared)
        for workload in declared or service.workloads:
            numbers = range(port, port + len(service.ports))
            if numbers[-1] > 65535:
                raise click.UsageError("the ports do not suffice: begin with a lower --port-start")
            port = numbers.stop
            keys = (one.key for one in service.ports)
            ports = dict(zip(keys, numbers, strict=True))
            made.append(Entry(service=service, workload=workload, address=address, ports=ports))
    return made
