"""From the rename of a file to the first answer of a real Envoy that shows it, beside a floor.

Two Envoys of the same mesh: one asks a control plane, the other a server that sends the same bytes
and does nothing else. They take turns, with pauses in between. One client with a kept connection
asks again and again until it sees the edit; what one such question takes is subtracted.

    python benchmarks/edit_served.py [SERVICES]...
"""

import http.client
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import mesh
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse
from figures import Figure, show
from floor import Recordings
from floors import floor
from processes import PATIENCE, folder, free_port, gateway, serving, until_quiet
from recorded import LISTENER, Recorder, recorder

SIZES: Final = (100, 1_000, 5_000)
RUNS: Final = 20
QUICK_RUNS: Final = 6
PAUSE: Final = 0.15  # seconds between two edits, in which everything comes to rest
EDITED: Final = 50
HOST: Final = f"service-{EDITED}.example.com"
STATUSES: Final = (201, 202)
ADDRESSES: Final = ("127.0.0.1", "127.0.0.3")


@dataclass(frozen=True, slots=True)
class Edit:
    """A file with two texts, and what a gateway answers with the second and the first."""

    name: str
    file: str
    texts: tuple[str, str]
    path: str
    answers: tuple[str, str]

    def in_folder(self, config: Path) -> Path:
        return config / "000" / f"{self.file}-{EDITED}.yaml"


def edits() -> tuple[Edit, ...]:
    first, second = STATUSES
    here, there = ADDRESSES
    routes = (mesh.answer(EDITED, first), mesh.answer(EDITED, second))
    workloads = (mesh.workload(EDITED, address=here), mesh.workload(EDITED, address=there))
    return (
        Edit("VirtualService", "route", routes, "/answer", (f"{first} ", f"{second} ")),
        Edit("endpoint", "workload", workloads, "/", (f"200 {here}", f"200 {there}")),
    )


class Client:
    """One kept connection to a gateway."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)

    def asked(self, path: str) -> str:
        self._connection.request("GET", path, headers={"Host": HOST})
        response = self._connection.getresponse()
        return f"{response.status} {response.read().decode()}"

    def until(self, edit: Edit, answer: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if self.asked(edit.path) == answer:
                    return
            except (OSError, http.client.HTTPException):
                self._connection.close()
                time.sleep(0.01)
            if time.monotonic() > deadline:
                raise SystemExit(f"{edit.name}: {answer!r} is not served within {PATIENCE} s")

    def question(self) -> float:
        """Median seconds of one question."""
        took = []
        for _ in range(200):
            started = time.perf_counter()
            self.asked("/answer")
            took.append(time.perf_counter() - started)
        return statistics.median(took)


@contextmanager
def upstream() -> Iterator[int]:
    """A server that answers with the address it was reached at; gives its port."""
    port = free_port()
    listening = [socket.create_server((address, port)) for address in ADDRESSES]

    def talk(connection: socket.socket, address: str) -> None:
        answer = f"HTTP/1.1 200 -\r\ncontent-length: {len(address)}\r\n\r\n{address}".encode()
        with connection, suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while connection.recv(65536):
                connection.sendall(answer)

    def accept(server: socket.socket, address: str) -> None:
        with suppress(OSError):
            while True:
                arguments = (server.accept()[0], address)
                threading.Thread(target=talk, args=arguments, daemon=True).start()

    for server, address in zip(listening, ADDRESSES, strict=True):
        threading.Thread(target=accept, args=(server, address), daemon=True).start()
    yield port
    for server in listening:
        server.close()


def write(config: Path, services: int, port: int, target: int) -> None:
    """A mesh of one gateway on ``port``; the service that is edited is at ``target``."""
    mesh.write(config, services)
    (config / "gateway.yaml").write_text(mesh.gateway(port))
    (config / "000" / f"service-{EDITED}.yaml").write_text(mesh.service(EDITED, target))
    for edit in edits():
        edit.in_folder(config).write_text(edit.texts[0])


def recordings(one: Recorder, config: Path, port: int) -> Recordings:
    """What the gateway gets at first, with its listeners on ``port``, and for each edit."""
    first = one.everything()
    first.bodies[LISTENER] = moved(first.bodies[LISTENER], port)
    found = Recordings(first={"istio-system": first})
    for edit in edits():
        for number in (1, 0):
            mesh.rename_into(edit.in_folder(config), edit.texts[number])
            found.edits[f"{edit.name} {number}"] = one.next()
    return found


def moved(listeners: bytes, port: int) -> bytes:
    """The same listeners on another port, so that a second Envoy does not share it."""
    response = DeltaDiscoveryResponse.FromString(listeners)
    for resource in response.resources:
        listener = Listener.FromString(resource.resource.value)
        listener.address.socket_address.port_value = port
        resource.resource.value = listener.SerializeToString()
    return response.SerializeToString()


Way = Callable[[int], Callable[[], object]]
"""Prepares an edit to its text of a number; what it gives makes the edit."""


def in_turns(
    edit: Edit, ways: tuple[Way, ...], clients: tuple[Client, ...], runs: int
) -> list[float]:
    """Median milliseconds from an edit to its answer, on each of the ways to make it."""
    questions = [client.question() for client in clients]
    took: list[list[float]] = [[] for _ in ways]
    for run in range(runs):
        number = (run + 1) % 2
        for i, (prepared, client) in enumerate(zip(ways, clients, strict=True)):
            time.sleep(PAUSE)
            make = prepared(number)
            started = time.perf_counter()
            make()
            client.until(edit, edit.answers[number])
            took[i].append(time.perf_counter() - started - questions[i])
    return [statistics.median(each) * 1e3 for each in took]


def compared(services: int, runs: int) -> list[Figure]:
    goals = {"VirtualService": 1.5, "endpoint": 2.0}
    figures = []
    ports = free_port(), free_port()
    with folder() as here, upstream() as target:
        config = here / "config"
        write(config, services, ports[0], target)
        with serving(config) as plane:
            with recorder(plane.xds, mesh.gateway_node()) as one:
                recorded = recordings(one, config, ports[1])
            with (
                floor(here, recorded) as bare,
                gateway(here, plane.xds),
                gateway(here, bare.xds),
            ):
                clients = (Client(ports[0]), Client(ports[1]))
                until_quiet(plane.pid)
                for edit in edits():
                    for client in clients:
                        client.until(edit, edit.answers[0])

                    def rename(number: int, edit: Edit = edit) -> Callable[[], object]:
                        file = edit.in_folder(config)
                        return partial(mesh.beside(file, edit.texts[number]).rename, file)

                    def send(number: int, edit: Edit = edit) -> Callable[[], object]:
                        return partial(bare.edit, f"{edit.name} {number}")

                    value, least = in_turns(edit, (rename, send), clients, runs)
                    name = f"{edit.name}, {services:,} hosts: edit to served, ms"
                    figures.append(
                        Figure(name=name, value=value, floor=least, goal=goals[edit.name])
                    )
    return figures


def measured(*, quick: bool = False) -> list[Figure]:
    sizes = SIZES[:2] if quick else SIZES
    return [f for size in sizes for f in compared(size, QUICK_RUNS if quick else RUNS)]


if __name__ == "__main__":
    chosen = tuple(map(int, sys.argv[1:])) or SIZES
    show([figure for size in chosen for figure in compared(size, RUNS)])
