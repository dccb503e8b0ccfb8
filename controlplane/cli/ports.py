"""Who listens on a TCP port of this machine, as far as its system tells the user.

Two Envoys may listen on one port (SO_REUSEPORT), and the kernel then spreads connections over them
without an error, so it is detected here.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True, order=True)
class Process:
    """A process by number, and the name of its command."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


def holders(ports: Set[int]) -> Mapping[int, tuple[Process, ...]]:
    """The processes that listen on each of ``ports``; those of other users only root sees."""
    found: dict[int, set[Process]] = {port: set() for port in ports}
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:  # a system that tells it to nobody but root
        connections = []
    for connection in connections:
        port = connection.laddr.port if connection.laddr else 0
        is_listening = connection.status == psutil.CONN_LISTEN
        if is_listening and port in found and connection.pid is not None:
            found[port].add(Process(connection.pid, _name(connection.pid)))
    return {port: tuple(sorted(processes)) for port, processes in found.items()}


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "?"
