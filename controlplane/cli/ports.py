"""Who listens on a TCP port of this machine, as far as its system tells the user.

Two Envoys may listen on one port (SO_REUSEPORT), and the kernel then spreads connections over them
without an error, so it is detected here.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

import psutil

EVERYWHERE: Final = "0.0.0.0"
Socket = tuple[str, int]
"""What is listened on: an IP address, or one that stands for all of them, and a port."""


@dataclass(frozen=True, slots=True, order=True)
class Process:
    """A process by number, and the name of its command."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


def are_shared(one: Socket, other: Socket) -> bool:
    """Whether some connection may come to either: other addresses of one port are apart."""
    (here, port), (there, its_port) = one, other
    everywhere = ip_address(here).is_unspecified or ip_address(there).is_unspecified
    return port == its_port and (here == there or everywhere)


def holders(sockets: Set[Socket]) -> Mapping[Socket, tuple[Process, ...]]:
    """The processes that share each of ``sockets``; those of other users only root sees."""
    found: dict[Socket, set[Process]] = {socket: set() for socket in sockets}
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:  # a system that tells it to nobody but root
        connections = []
    for connection in connections:
        is_listening = connection.status == psutil.CONN_LISTEN
        if not (is_listening and connection.laddr and connection.pid is not None):
            continue
        theirs = (connection.laddr.ip, connection.laddr.port)
        for socket in found:
            if are_shared(socket, theirs):
                found[socket].add(Process(connection.pid, _name(connection.pid)))
    return {socket: tuple(sorted(processes)) for socket, processes in found.items()}


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "?"
