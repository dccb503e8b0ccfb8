"""Workloads on hosts of their own: network namespaces with interception, for tests.

Needs root; ``mesh_network`` skips the test elsewhere and says so.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from samples.bookinfo.network import Host, Network, why_not
from tests.support.network import CLONE_NEWNET, THREAD_NETWORK, call, own_network
from tests.support.process import Running

INTERCEPT: Final = Path(__file__).parents[2] / "envoy/intercept.sh"
PROXY: Final = 1337
APPLICATION: Final = 10002
_ECHO: Final = Path(__file__).with_name("original_destination.py")


@contextmanager
def mesh_network() -> Iterator[Network]:
    """An empty network; what this thread starts is beside its hosts, at its first address."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with own_network(), Network() as network:
        yield network


@contextmanager
def on(host: Host) -> Iterator[None]:
    """Put this thread, and what it starts, on ``host``: its network, not its /etc/hosts."""
    with THREAD_NETWORK.open() as before, Path("/run/netns", host.namespace).open() as there:
        call("setns", there.fileno(), CLONE_NEWNET)
        try:
            yield
        finally:
            call("setns", before.fileno(), CLONE_NEWNET)


def ran(host: Host, *command: str, uid: int = 0) -> subprocess.CompletedProcess[str]:
    """``command`` on ``host``, as a user and group of this number."""
    return subprocess.run(
        host.command(*as_user(uid), *command), capture_output=True, text=True, timeout=30
    )


def as_user(uid: int) -> tuple[str, ...]:
    return ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups") if uid else ()


def intercept(host: Host, *options: str) -> subprocess.CompletedProcess[str]:
    return ran(host, "sh", str(INTERCEPT), *options)


@contextmanager
def listening(host: Host, folder: Path, uid: int, *ports: int) -> Iterator[None]:
    """On ``host`` each connection to a port is answered by that port and where it was meant to go:
    ``15001 10.0.0.3:80``.
    """
    numbers = map(str, ports)
    command = host.command(*as_user(uid), sys.executable, str(_ECHO), *numbers)
    with Running(command, folder / f"{host.name}-{uid}.log") as child:
        child.eventually("it listens", lambda: "listening" in child.last_words())
        yield


def answer(host: Host, uid: int, address: str, port: int) -> str:
    """What ``listening`` says to a connection that ``uid`` makes; ``refused`` or ``nothing``."""
    return ran(
        host, sys.executable, str(_ECHO), "--ask", address, str(port), uid=uid
    ).stdout.strip()
