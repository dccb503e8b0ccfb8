"""Starts floors: records what a control plane sends, then sends it again."""

import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from floor import Recordings
from processes import PATIENCE, free_port, running

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class RunningFloor:
    xds: int
    pid: int
    process: subprocess.Popen[str]

    def edit(self, name: str) -> None:
        """Have an edit sent now."""
        assert self.process.stdin is not None, "floors are started with a pipe"
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()


@contextmanager
def floor(folder: Path, recordings: Recordings) -> Iterator[RunningFloor]:
    file, port = folder / "recordings", free_port()
    file.write_bytes(pickle.dumps(recordings))
    command = (sys.executable, str(HERE / "floor.py"), str(file), str(port))
    with running(*command, stdin=subprocess.PIPE) as process:
        until_listening(port)
        yield RunningFloor(port, process.pid, process)


def until_listening(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.01)
    raise SystemExit(f"nobody listens on port {port}")
