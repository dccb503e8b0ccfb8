"""The processes that are measured: control planes, Envoys, floors; their CPU time and memory."""

import http.client
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PATIENCE: Final = 120.0  # seconds until something is there at all
QUIET: Final = 0.05  # seconds of CPU in a second in which a process is at rest
CONTROLPLANE: Final = (sys.executable, "-m", "controlplane")
INGRESS: Final = ("gateway", "ingressgateway", "--namespace", "istio-system")
INGRESS_LABEL: Final = ("--label", "istio=ingressgateway")
ENVOY: Final = str(Path(sys.executable).with_name("envoy"))
ENVOY_FLAGS: Final = ("--ignore-unknown-dynamic-fields", "--disable-hot-restart")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder, on the disk that the system keeps temporary files on."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@contextmanager
def running(*command: str, stdin: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
    """A process that says nothing; leaving the block ends it."""
    process = subprocess.Popen(
        command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()


def status_of(port: int, path: str, host: str = "localhost", *, address: str = "127.0.0.1") -> int:
    """The status of an answer; 0 where there is none."""
    with suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection(address, port, timeout=2)
        with closing(connection):
            connection.request("GET", path, headers={"Host": host})
            return connection.getresponse().status
    return 0


def until_answered(
    port: int, path: str, status: int, host: str = "localhost", *, address: str = "127.0.0.1"
) -> None:
    deadline = time.monotonic() + PATIENCE
    while status_of(port, path, host, address=address) != status:
        if time.monotonic() > deadline:
            raise SystemExit(f"port {port} did not answer {path} with {status} in {PATIENCE} s")
        time.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Serving:
    """A control plane over ``config``; xDS in plaintext, as the floors are."""

    config: Path
    xds: int
    admin: int
    pid: int
    ready: float
    """Seconds from the start of the process until it was ready."""


@contextmanager
def serving(config: Path) -> Iterator[Serving]:
    """``controlplane serve``, once its first load is complete."""
    xds, admin = free_port(), free_port()
    with tempfile.TemporaryDirectory() as state:
        command = [*CONTROLPLANE, "serve", "--config", str(config), "--state", state]
        command += ["--xds", f"127.0.0.1:{xds}", "--admin", f"127.0.0.1:{admin}", "--insecure-xds"]
        started = time.perf_counter()
        with running(*command) as process:
            until_answered(admin, "/readyz", 200)
            ready = time.perf_counter() - started
            yield Serving(config, xds, admin, process.pid, ready)


@contextmanager
def gateway(folder: Path, xds: int) -> Iterator[None]:
    """A real Envoy, the ingress gateway, that asks the server on port ``xds``."""
    bootstrap = folder / f"bootstrap-{xds}.json"
    command = [*CONTROLPLANE, "bootstrap", *INGRESS, *INGRESS_LABEL, "--insecure-xds"]
    command += ["--xds", f"127.0.0.1:{xds}", "--admin", f"127.0.0.1:{free_port()}"]
    made = subprocess.run(command, check=True, capture_output=True)
    bootstrap.write_bytes(made.stdout)
    options = ["--use-dynamic-base-id", "--concurrency", "1", "-l", "error"]
    with running(ENVOY, "-c", str(bootstrap), *ENVOY_FLAGS, *options):
        yield


def cpu(pid: int) -> float:
    """Seconds of CPU time of all threads, to the nanosecond. Source: Linux, sched-stats.rst."""
    spent = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            spent += int((task / "schedstat").read_text().split()[0])
    return spent / 1e9


def until_quiet(pid: int) -> None:
    """Wait until a process has done what it put off: analysis, writing to disk."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        before = cpu(pid)
        time.sleep(1)
        if cpu(pid) - before < QUIET:
            return
    raise SystemExit(f"process {pid} does not come to rest in {PATIENCE} s")


def resident(pid: int, *, peak: bool = False) -> float:
    """Megabytes of memory that the process has, or had at most."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"{'VmHWM' if peak else 'VmRSS'}:\s+(\d+) kB", status)
    assert found is not None, "Linux says it"
    return int(found[1]) / 1e3
