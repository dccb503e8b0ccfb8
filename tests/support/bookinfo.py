"""The program of samples/bookinfo, as a process and as functions."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.envoy import free_port
from tests.support.process import Running

FOLDER: Final = Path(__file__).parents[2] / "samples/bookinfo"


@contextmanager
def running_bookinfo(
    folder: Path, *names: str, drain: float = 0.0
) -> Iterator[tuple[Running, dict[str, int]]]:
    """Applications in one process that know each other, and their ports; gives when all listen."""
    ports = {name: free_port() for name in names}
    words = [f"{name}={port}" for name, port in ports.items()]
    command = [sys.executable, str(FOLDER / "server.py"), *words, "--host", "127.0.0.1"]
    with Running([*command, "--drain", f"{drain:g}"], folder / "bookinfo.log") as child:
        child.eventually("all listen", lambda: child.last_words().count("is on port") == len(names))
        yield child, ports
