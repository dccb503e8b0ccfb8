"""Services that are processes outside of any cluster, and the WorkloadEntries that say so.

A connection says where a service is (``--local reviews=9080``). Its entries have the labels that
the Deployments, Pods and DestinationRules of the configuration give the service's workloads, so
that subsets select them, and an annotation, because of which the service has no other endpoints.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from controlplane.base.hosts import is_wildcard, short_name
from controlplane.base.names import Host, Namespace
from controlplane.model.connection import Connection
from controlplane.model.endpoint import selects
from controlplane.model.proxy import Labels, labels_of
from controlplane.model.service import ServicePort

OF_SERVICE: Final = "controlplane/service"
"""An annotation of a WorkloadEntry: the host of the service that it is, in place of all other
endpoints of that service.
"""
OF_OPTION: Final = "controlplane/local"
"""The same, of an entry that an option makes; it comes before ``OF_SERVICE``."""
VERSION: Final = "version"
_NAME_LIMIT: Final = 200  # characters; a number may follow


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectablePort:
    """A port of a service; ``key`` names it among the ``ports`` of a WorkloadEntry, ``target`` is
    where containers listen, as far as that is a number.
    """

    key: str
    name: str
    number: int
    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What runs, or is to run, behind a service: a Deployment's Pods, or a subset.

    ``is_declared``: there is a Deployment, or a Pod, of it.
    """

    name: str
    labels: Labels
    is_declared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Connectable:
    """A service that can be connected; ``workloads`` are at least one."""

    host: Host
    namespace: Namespace
    ports: tuple[ConnectablePort, ...]
    selector: Labels
    workloads: tuple[Workload, ...]
    subsets: tuple[Workload, ...]
    """The subsets that DestinationRules declare, with the labels that select them."""

    @property
    def name(self) -> str:
        """``reviews.default``: how it is named on the command line."""
        return short_name(self.host)

    def of_subset(self, name: str) -> Workload | None:
        """The workload that is the subset of that name: a DestinationRule's, else of that version,
        else of a Deployment of that name.
        """
        declared = next((s for s in self.subsets if s.name == name), None)
        if declared is not None:
            whole = Workload(name=name, labels=_united(self.selector, declared.labels))
            return next((w for w in self.workloads if selects(declared.labels, w.labels)), whole)
        short = f"{self.host.partition('.')[0]}-{name}"
        by_version = (w for w in self.workloads if dict(w.labels).get(VERSION) == name)
        by_name = (w for w in self.workloads if w.name in (name, short))
        return next(by_version, None) or next(by_name, None)

    @property
    def subset_names(self) -> tuple[str, ...]:
        """What may follow the slash."""
        versions = (dict(workload.labels).get(VERSION) for workload in self.workloads)
        return tuple(dict.fromkeys((*(s.name for s in self.subsets), *filter(None, versions))))

    def subset_of(self, workload: Workload) -> str | None:
        """What follows the slash for ``workload``; ``None`` where it is all there is."""
        declared = (s.name for s in self.subsets if selects(s.labels, workload.labels))
        version = dict(workload.labels).get(VERSION)
        return next(declared, version or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A WorkloadEntry to be. ``of`` are the connections that make it."""

    service: Connectable
    workload: Workload
    address: str
    ports: Mapping[str, int]
    of: tuple[Connection, ...] = ()


@dataclass(frozen=True, slots=True)
class Unconnected:
    """Why a connection is none, and what may be meant."""

    connection: Connection
    message: str
    among: tuple[str, ...] = field(default=())
    """The names that there are."""


def workloads_of(
    selector: Labels, declared: Iterable[Workload], subsets: Iterable[Workload]
) -> tuple[Workload, ...]:
    """The workloads of a service: what is declared and selected; of each subset that none of these
    is in, one; the service itself where there are none.
    """
    selected = [w for w in declared if selector and selects(selector, w.labels)]
    found = list({workload.labels: workload for workload in reversed(selected)}.values())[::-1]
    for subset in subsets:
        if not any(selects(subset.labels, workload.labels) for workload in found):
            found.append(Workload(name=subset.name, labels=_united(selector, subset.labels)))
    return tuple(found) or (Workload(name="", labels=selector),)


def entries(
    services: Sequence[Connectable], connections: Iterable[Connection]
) -> tuple[tuple[Entry, ...], tuple[Unconnected, ...]]:
    """What ``connections`` make, and which of them make nothing.

    Those that name a port are together one entry, or a part of the one for the whole service. One
    without a subset stands for every workload that has no connection of its own.
    """
    failed: list[Unconnected] = []
    resolved: list[tuple[Connection, Connectable, Workload | None]] = []
    for connection in connections:
        match _resolved(services, connection):
            case Unconnected() as why:
                failed.append(why)
            case found:
                resolved.append((connection, *found))
    own = {(service.host, w.labels) for _, service, w in resolved if w is not None}
    made: list[Entry] = []
    for connection, service, workload in resolved:
        everyone = (w for w in service.workloads if (service.host, w.labels) not in own)
        for each in (workload,) if workload is not None else tuple(everyone):
            _add(made, connection, service, each)
    return tuple(made), tuple(failed)


def _add(
    made: list[Entry], connection: Connection, service: Connectable, workload: Workload
) -> None:
    """Add what a connection makes of a workload to ``made``, or to the entry it is a part of."""
    ports = {
        port.key: connection.number
        for port in service.ports
        if connection.port in (None, port.name, str(port.number))
    }
    for i, entry in enumerate(made):
        same = (entry.service.host, entry.workload, entry.address) == (
            *(service.host, workload, connection.address),
        )
        parts = {one.port for one in entry.of}
        if same and connection.port not in parts and (connection.port or parts != {None}):
            whole = (
                {**ports, **entry.ports} if connection.port is None else {**entry.ports, **ports}
            )
            made[i] = Entry(
                service=service,
                workload=workload,
                address=entry.address,
                ports=whole,
                of=(*entry.of, connection),
            )
            return
    made.append(
        Entry(
            service=service,
            workload=workload,
            address=connection.address,
            ports=ports,
            of=(connection,),
        )
    )


def _resolved(
    services: Sequence[Connectable], connection: Connection
) -> tuple[Connectable, Workload | None] | Unconnected:
    named = [s for s in services if _is_called(s, connection.service)]
    if not named:
        names = (*(s.name for s in services), *(s.name.partition(".")[0] for s in services))
        message = f'there is no service "{connection.service}"'
        return Unconnected(connection, message, tuple(dict.fromkeys(names)))
    if len(named) > 1:
        message = f'"{connection.service}" is one of {", ".join(s.name for s in named)}: say which'
        return Unconnected(connection, message)
    [service] = named
    if connection.port is not None and not any(
        connection.port in (port.name, str(port.number)) for port in service.ports
    ):
        there = tuple(port.name or str(port.number) for port in service.ports)
        return Unconnected(connection, f'{service.name} has no port "{connection.port}"', there)
    if connection.subset is None:
        return service, None
    workload = service.of_subset(connection.subset)
    if workload is None:
        message = f'{service.name} has no subset "{connection.subset}"'
        return Unconnected(connection, message, service.subset_names)
    return service, workload


def _is_called(service: Connectable, name: str) -> bool:
    """``reviews``, ``reviews.default`` or the whole host."""
    is_short = service.name != service.host and service.name.partition(".")[0] == name
    return name in (service.host, service.name) or is_short


def connectable(
    host: Host,
    namespace: Namespace,
    ports: tuple[ConnectablePort, ...],
    *,
    selector: Labels,
    declared: Iterable[Workload],
    subsets: tuple[Workload, ...],
) -> Connectable | None:
    """The service as it can be connected; ``None`` where it has no one host or no port."""
    if is_wildcard(host) or not ports:
        return None
    return Connectable(
        host=host,
        namespace=namespace,
        ports=ports,
        selector=selector,
        workloads=workloads_of(selector, declared, subsets),
        subsets=subsets,
    )


def port_key(port: ServicePort) -> str:
    """The name of a service's port among the ``ports`` of a WorkloadEntry: of its target where
    that is a name, as in Istio, else its own; its number where it has none.
    """
    return port.target if isinstance(port.target, str) else port.name or str(port.number)


def named(
    entries: Iterable[Entry], *, prefix: str = "", suffix: str = ""
) -> tuple[tuple[str, Entry], ...]:
    """Each entry with a name of its own, made of its service's and its subset's."""
    taken: set[tuple[str, str]] = set()
    return tuple(
        (_free(f"{prefix}{_stem(entry)}{suffix}", entry.service, taken), entry) for entry in entries
    )


def as_yaml(entries: Iterable[tuple[str, Entry]], *, annotation: str) -> str:
    """WorkloadEntries by their names, one document each."""
    return "---\n".join(
        yaml.safe_dump(_body(name, entry, annotation), sort_keys=False, allow_unicode=True)
        for name, entry in entries
    )


def _stem(entry: Entry) -> str:
    service = entry.service
    subset = service.subset_of(entry.workload) if len(service.workloads) > 1 else None
    stem = service.host.partition(".")[0] if service.name != service.host else service.host
    return f"{stem}-{subset}" if subset else stem


def _body(name: str, entry: Entry, annotation: str) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "WorkloadEntry",
        "metadata": {
            "name": name,
            "namespace": str(entry.service.namespace),
            "annotations": {annotation: str(entry.service.host)},
        },
        "spec": {
            "address": entry.address,
            "ports": dict(entry.ports),
            "labels": dict(entry.workload.labels),
        },
    }


def _free(name: str, service: Connectable, taken: set[tuple[str, str]]) -> str:
    """``name`` as Kubernetes takes it, with a number where another has it."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-.") else "-" for c in name.lower())
    first = plain[:_NAME_LIMIT].strip("-.")
    found, number = first, 1
    while (service.namespace, found) in taken:
        number += 1
        found = f"{first}-{number}"
    taken.add((service.namespace, found))
    return found


def _united(one: Labels, other: Labels) -> Labels:
    return labels_of(dict(one) | dict(other))
