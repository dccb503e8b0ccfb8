"""The services that options connect, as files that nobody wrote: WorkloadEntries in memory, which
follow the Services, Deployments and DestinationRules that they are made of.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from controlplane.base.errors import ServiceUnknown
from controlplane.base.hosts import is_ip
from controlplane.base.nearest import nearest
from controlplane.base.wording import listed
from controlplane.engine.engine import Engine
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY
from controlplane.model.connection import Connection
from controlplane.queries.registry.connectables import connectables, without_endpoints
from controlplane.translate.connections import (
    OF_OPTION,
    Connectable,
    Entry,
    Unconnected,
    as_yaml,
    entries,
    named,
)

LOOK_EVERY: Final = 2.0  # seconds between two looks at where names lead
RESOLVED_AT_ONCE: Final = 8  # names
RESOLVED_WITHIN: Final = 3.0  # seconds
RESOLVES: Final = Path("--resolve-services")
"""Where the entries are from that ``--resolve-services`` makes."""

Addresses = tuple[str, ...]


class ConnectedServices:
    """Makes the entries of ``connections`` and, where ``resolves``, of services whose names are
    found in DNS and that have no endpoint.
    """

    def __init__(self, engine: Engine, connections: Sequence[Connection], *, resolves: bool):
        self._engine = engine
        self._connections = tuple(connections)
        self._resolves = resolves
        self._written: dict[Path, str] = {}
        self._addresses: dict[str, Addresses] = {}

    def __bool__(self) -> bool:
        return bool(self._connections) or self._resolves

    @property
    def object_count(self) -> int:
        """How many objects are in force that no file declares."""
        return sum(text.count("kind: WorkloadEntry") for text in self._written.values())

    def services(self) -> tuple[Connectable, ...]:
        engine = self._engine
        declared = (*engine.objects(SERVICE), *engine.objects(SERVICE_ENTRY))
        return connectables(engine.graph, declared, engine.objects(DESTINATION_RULE))

    def check(self) -> None:
        """Raise ``ServiceUnknown`` for a connection to something that is not declared."""
        _, failed = entries(self.services(), self._connections)
        if failed:
            raise _unknown(failed[0])

    def changes(self) -> list[tuple[Path, str | None]]:
        """What has changed of the files that nobody wrote, by the objects in force."""
        if not self:
            return []
        services = self.services()
        made, _ = entries(services, self._connections)
        texts = _by_option(self._located(made))
        if self._resolves:
            lacking = without_endpoints(self._engine.graph, services)
            resolved = as_yaml(
                named(self._resolved(lacking, made), prefix="dns-"), annotation=OF_OPTION
            )
            texts |= {RESOLVES: resolved} if resolved else {}
        changed: list[tuple[Path, str | None]] = [
            (path, text) for path, text in texts.items() if self._written.get(path) != text
        ]
        changed.extend((path, None) for path in self._written if path not in texts)
        self._written = texts
        return changed

    async def look_up(self) -> bool:
        """Look up the names of hosts; says whether one leads elsewhere than before. A name that is
        not found any more leads to where it did.
        """
        names = self._names()
        limit = asyncio.Semaphore(RESOLVED_AT_ONCE)
        found = await asyncio.gather(*(_addresses_of(name, limit) for name in names))
        before = dict(self._addresses)
        for name, addresses in zip(names, found, strict=True):
            if addresses:
                self._addresses[name] = addresses
        return before != self._addresses

    async def moves(self) -> AsyncIterator[None]:
        """Looks names up, as long as there may be some; yields when one leads elsewhere."""
        while self._resolves or any(not is_ip(c.address) for c in self._connections):
            await asyncio.sleep(LOOK_EVERY)
            if await self.look_up():
                yield

    def _names(self) -> tuple[str, ...]:
        given = [c.address for c in self._connections if not is_ip(c.address)]
        if self._resolves:
            for service in without_endpoints(self._engine.graph, self.services()):
                given.extend(
                    name for entry in service.workloads for name in _named(service, entry.name)
                )
        return tuple(dict.fromkeys(given))

    def _located(self, made: Iterable[Entry]) -> list[Entry]:
        """``made`` with addresses instead of names; of a name with several, one entry for each."""
        return [
            replace(entry, address=address)
            for entry in made
            for address in (
                (entry.address,) if is_ip(entry.address) else self._addresses.get(entry.address, ())
            )
        ]

    def _resolved(
        self, services: Iterable[Connectable], connected: Iterable[Entry]
    ) -> Iterable[Entry]:
        """The workloads whose own name is found; where none is, the service by its name."""
        done = {entry.service.host for entry in connected}
        for service in services:
            if service.host in done:
                continue
            short = service.host.partition(".")[0]
            by_workload = [
                (workload, self._addresses[name])
                for workload in service.workloads
                for name in _named(service, workload.name)[:-1]
                if name in self._addresses
            ]
            whole = self._addresses.get(short, ())
            ports = {port.key: port.target for port in service.ports}
            for workload, addresses in by_workload or [(w, whole) for w in service.workloads]:
                for address in addresses:
                    yield Entry(service=service, workload=workload, address=address, ports=ports)


def _named(service: Connectable, workload: str) -> tuple[str, ...]:
    """The names by which a workload may be found: its own, its service's and both."""
    short = service.host.partition(".")[0]
    own = (workload, f"{short}-{workload}") if workload and workload != short else ()
    return (*own, short)


def _by_option(made: Iterable[Entry]) -> dict[Path, str]:
    """The texts by the options that they are made by, which stand for their files."""
    grouped: dict[Path, list[tuple[str, Entry]]] = {}
    for name, entry in named(made, prefix="local-"):
        path = Path(" ".join(f"--local {one.written}" for one in entry.of))
        grouped.setdefault(path, []).append((name, entry))
    return {path: as_yaml(of_path, annotation=OF_OPTION) for path, of_path in grouped.items()}


def _unknown(why: Unconnected) -> ServiceUnknown:
    near = nearest(why.connection.subset or why.connection.service, why.among)
    hint = f"did you mean {near}?" if near is not None else None
    if hint is None and why.among:
        hint = f"there is {listed(why.among[:8])}"
    return ServiceUnknown(f"--local {why.connection.written}: {why.message}", hint=hint)


async def _addresses_of(name: str, limit: asyncio.Semaphore) -> Addresses:
    """The addresses of a name, IPv4 where there are such; none where it is not found."""
    loop = asyncio.get_running_loop()
    async with limit:
        try:
            async with asyncio.timeout(RESOLVED_WITHIN):
                found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # a timeout is an OSError
            return ()
    addresses = sorted({str(each[4][0]) for each in found})
    return tuple(a for a in addresses if ":" not in a) or tuple(
        a for a in addresses if "%" not in a
    )
