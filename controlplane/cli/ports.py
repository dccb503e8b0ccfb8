"""Who listens on a TCP port of this machine, as far as Linux reports it; none on other systems.

Two Envoys may listen on one port (SO_REUSEPORT), and the kernel then spreads connections over them
without an error, so it is detected here.
"""

from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
_TABLES: Final = ("net/tcp", "net/tcp6")
_LISTEN: Final = "0A"  # include/net/tcp_states.h
_SOCKET: Final = "socket:["


@dataclass(frozen=True, slots=True, order=True)
class Process:
    """A process by number, and the name of its command."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


def holders(ports: Set[int]) -> Mapping[int, tuple[Process, ...]]:
    """The processes that listen on each of ``ports``; those of other users only root sees."""
    port_of_inode = dict(_listening(ports))
    found: dict[int, set[Process]] = {port: set() for port in ports}
    if port_of_inode:
        for process in _processes():
            for inode in _sockets(process):
                if inode in port_of_inode:
                    found[port_of_inode[inode]].add(_named(process))
    return {port: tuple(sorted(processes)) for port, processes in found.items()}


def _listening(ports: Set[int]) -> Iterator[tuple[str, int]]:
    """The inodes of listening sockets and their ports."""
    for table in _TABLES:
        with suppress(OSError):
            for line in (PROC / table).read_text().splitlines()[1:]:
                _, local, _, state, *_, inode = line.split()[:10]
                port = int(local.rpartition(":")[2], 16)
                if state == _LISTEN and port in ports:
                    yield inode, port


def _processes() -> Iterator[Path]:
    with suppress(OSError):
        yield from (entry for entry in PROC.iterdir() if entry.name.isdecimal())


def _sockets(process: Path) -> Iterator[str]:
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                target = str(descriptor.readlink())
                if target.startswith(_SOCKET):
                    yield target.removeprefix(_SOCKET).rstrip("]")


def _named(process: Path) -> Process:
    name = "?"
    with suppress(OSError):
        name = (process / "comm").read_text().strip()
    return Process(int(process.name), name)
