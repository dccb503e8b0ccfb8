"""What attacks on its ports cost a control plane: memory, and the time of an edit for others.

1,000 services, one gateway that has them all, which is edited for throughout; each attack has a
process of its own and goes on for ``SECONDS``. The idle time of an edit is what its time under
attack is compared to.

    python benchmarks/attacks.py [ATTACK]...
"""

import asyncio
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import mesh
from envoy.config.core.v3.base_pb2 import Node
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest
from figures import Figure, show
from light_clients import _HEADERS, Clients, Simulated, _frame, _message, clients
from processes import folder, resident, serving, until_quiet
from recorded import CLUSTER, ENDPOINT, recorder

SERVICES: Final = 1_000
EDITED: Final = 50
SECONDS: Final = 8.0
EDITS: Final = 20
PAUSE: Final = 0.25  # seconds from an edit to the next
MEMORY: Final = 20.0  # MiB at most above what was before
SLOWER: Final = 2.0  # times the idle time of an edit, at most
GATEWAY: Final = "gateway"
_OPENED: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, b"")
_STREAM: Final = _OPENED + _frame(1, 4, 1, _HEADERS)

Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def _request(number: int, type_url: str = CLUSTER, **fields: object) -> bytes:
    """A request of a proxy of its own."""
    node = mesh.gateway_node()
    who = f"router~127.0.0.1~attacker-{number}.istio-system~istio-system.svc.cluster.local"
    node.MergeFrom(Node(id=who))
    request = DeltaDiscoveryRequest(node=node, type_url=type_url, **fields)  # type: ignore[arg-type]
    return _message(request.SerializeToString())


async def _open(port: int, greeting: bytes) -> Opened:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(greeting)
    return reader, writer


async def _many(number: int, make: Callable[[int], Awaitable[object]]) -> list[object]:
    """The ones that the server lets in; kept, so that they stay open."""
    made = await asyncio.gather(*(make(i) for i in range(number)), return_exceptions=True)
    return [one for one in made if not isinstance(one, BaseException)]


async def never_read(xds: int, _admin: int) -> object:
    """200 clients that ask for everything and read nothing."""
    return await _many(200, lambda i: _open(xds, _STREAM + _request(i)))


async def many_names(xds: int, _admin: int) -> object:
    """50 clients that name 20,000 resources each that do not exist."""

    async def one(i: int) -> Opened:
        names = [f"outbound|80||{i}-{n}.example" for n in range(20_000)]
        asked = _request(i, ENDPOINT, resource_names_subscribe=names)
        return await _open(xds, _STREAM + asked)

    return await _many(50, one)


async def own_labels(xds: int, _admin: int) -> object:
    """300 streams of nodes with labels of their own, which are views of their own."""

    async def one(i: int) -> Opened:
        node = mesh.gateway_node()
        node.metadata["LABELS"]["own"] = f"{i}"  # type: ignore[index, call-overload]
        node.id = f"router~127.0.0.1~own-{i}.istio-system~istio-system.svc.cluster.local"
        request = DeltaDiscoveryRequest(node=node, type_url=CLUSTER)
        return await _open(xds, _STREAM + _message(request.SerializeToString()))

    return await _many(300, one)


async def requests(xds: int, _admin: int) -> object:
    """20 clients that ask as fast as they are let."""

    async def one(i: int) -> None:
        reader, writer = await _open(xds, _STREAM + _request(i))
        again = _message(
            DeltaDiscoveryRequest(type_url="t", response_nonce="x").SerializeToString()
        )
        reading = asyncio.create_task(reader.read())
        with suppress(OSError):
            while not reading.done():
                writer.write(again * 50)
                await writer.drain()
                await asyncio.sleep(0.01)

    return await asyncio.gather(*(one(i) for i in range(20)), return_exceptions=True)


async def garbage(xds: int, admin: int) -> object:
    """Connections to both ports that send random bytes, 200 a second."""
    while True:
        for port in (xds, admin):
            with suppress(OSError):
                _, writer = await _open(port, os.urandom(4096))
                writer.close()
        await asyncio.sleep(0.005)


async def silent(xds: int, admin: int) -> object:
    """500 connections to each port that send nothing, or half a request."""
    first = await _many(500, lambda _: _open(xds, b""))
    return [first, await _many(500, lambda _: _open(admin, b"GET /healthz HTTP/1.1\r\n"))]


async def large_nodes(xds: int, _admin: int) -> object:
    """100 clients with a megabyte of metadata each, again and again."""

    async def one(i: int) -> None:
        node = mesh.gateway_node()
        node.metadata["WORKLOAD_NAME"] = "x" * 1_000_000
        node.id += f"{i}"
        asked = _message(DeltaDiscoveryRequest(node=node, type_url=CLUSTER).SerializeToString())
        while True:
            with suppress(OSError):
                reader, writer = await _open(xds, _STREAM + asked)
                await reader.read()
                writer.close()
            await asyncio.sleep(0.5)

    return await asyncio.gather(*(one(i) for i in range(100)))


ATTACKS: Final = (never_read, many_names, own_labels, requests, garbage, silent, large_nodes)


def _run(name: str, xds: int, admin: int) -> None:
    async def attack() -> None:
        found = next(a for a in ATTACKS if a.__name__ == name)
        kept = await found(xds, admin)
        await asyncio.sleep(600)
        del kept

    asyncio.run(attack())


@contextmanager
def attacking(name: str, xds: int, admin: int) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(name, xds, admin), daemon=True
    )
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def edits(file: Path, gateway: Clients, first: int, seconds: float) -> list[float]:
    """Milliseconds from the rename until the gateway has each edit."""
    took, number, ends = [], first, time.monotonic() + seconds
    while time.monotonic() < ends:
        responses = gateway.until(0).responses
        began = time.monotonic()
        number = number % 200 + 1
        mesh.rename_into(file, mesh.workload(EDITED, address=f"10.9.9.{number}"))
        counted = gateway.until(responses + 1)
        took.append((counted.last - began) * 1e3)
        time.sleep(PAUSE)
    return took


def measured(*, quick: bool = False, only: tuple[str, ...] = ()) -> list[Figure]:
    seconds = SECONDS / 2 if quick else SECONDS
    found: list[Figure] = []
    with folder() as here:
        mesh.write(here / "config", SERVICES)
        edited = here / "config" / "000" / f"workload-{EDITED}.yaml"
        for attack in ATTACKS:
            if only and attack.__name__ not in only:
                continue
            with serving(here / "config") as plane:
                with recorder(plane.xds, mesh.gateway_node()) as one:
                    names = one.everything().names
                proxy = Simulated(mesh.gateway_node().SerializeToString(), GATEWAY)
                with clients(plane.xds, [proxy], {GATEWAY: names}) as gateway:
                    gateway.connect()
                    edits(edited, gateway, 0, 2.0)
                    until_quiet(plane.pid)
                    idle = statistics.median(edits(edited, gateway, 50, seconds))
                    before = resident(plane.pid)
                    with attacking(attack.__name__, plane.xds, plane.admin):
                        time.sleep(2.0)  # until its process is there
                        under = statistics.median(edits(edited, gateway, 120, seconds))
                        grown = (resident(plane.pid, peak=True) - before) / 1.048576
            what = attack.__name__.replace("_", " ")
            found.append(Figure(name=f"{what}: an edit, ms", value=under, floor=idle, goal=SLOWER))
            found.append(Figure(name=f"{what}: memory, MiB", value=grown, goal=MEMORY))
    return found


if __name__ == "__main__":
    show(measured(only=tuple(sys.argv[1:])))
