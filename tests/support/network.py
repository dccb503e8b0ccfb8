"""A network of one's own: every address of 127.0.0.0/8 and every port is free in it.

Listeners of a gateway take the ports that the YAML names, on every address. So that two test
workers (or a test and a running ``make demo``) can both have port 8080, each gets a network
namespace. This needs the right to make one; without it tests run one after another.
"""

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import grpc

CLONE_NEWNET: Final = 0x40000000  # linux/sched.h
THREAD_NETWORK: Final = Path("/proc/thread-self/ns/net")
_held: Final[list[grpc.Channel]] = []


def can_isolate() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0


def call(name: str, *arguments: int) -> None:
    """Call a function of the C library; Python 3.11's ``os`` lacks ``unshare`` and ``setns``."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments):
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


@contextmanager
def own_network() -> Iterator[bool]:
    """Put this thread, and what it starts, in a new network; gives whether it could.

    Threads that ran before stay in the old one, so in-process servers belong inside. A client of
    gRPC in this process connects outside.
    """
    if not can_isolate():
        yield False
        return
    _hold_grpc()
    with THREAD_NETWORK.open() as before:
        call("unshare", CLONE_NEWNET)
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield True
        finally:
            call("setns", before.fileno(), CLONE_NEWNET)


def _hold_grpc() -> None:
    """Keep the threads that gRPC connects from in the network that the process has now.

    They begin with its first object and end with its last. Those that begin in a network of
    tests, and outlive it, would connect there to the servers of later tests.
    """
    if not _held:
        _held.append(grpc.insecure_channel("127.0.0.1:1"))
