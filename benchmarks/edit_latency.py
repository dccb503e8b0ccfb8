"""From the rename of a file to the first answer of a real Envoy that shows it.

A VirtualService's direct response changes its status; one client with a kept connection asks again
and again until it sees the new one. What one such question takes (the poller's floor) is
subtracted.
"""

import http.client
import itertools
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import mesh
from figures import show

RUNS = 60
SIZES = (100, 1_000)
HOST = "service-50.example.com"
PATIENCE = 30.0  # seconds


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until_answered(port: int, path: str, status: int, host: str = "localhost") -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", path, headers={"Host": host})
            if connection.getresponse().status == status:
                return
        time.sleep(0.02)
    raise SystemExit(f"port {port} did not answer {status} within {PATIENCE} s")


@contextmanager
def process(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            running.wait(5)
        running.kill()
        running.wait()


@contextmanager
def gateway(folder: Path, services: int) -> Iterator[int]:
    """A control plane and an Envoy that serve a mesh of ``services``; gives the gateway's port."""
    config, port = folder / "config", free_port()
    mesh.write(config, services)
    (config / "gateway.yaml").write_text(mesh.gateway(port))
    (config / "000/route-50.yaml").write_text(mesh.answer(50))
    with served(folder):
        until_answered(port, "/answer", 200, HOST)
        yield port


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """A control plane that serves the files in ``config``, and an Envoy; gives the port of the
    control plane's admin interface.
    """
    state = folder / "state"
    state.mkdir(mode=0o700)
    xds, admin, envoy_admin = (free_port() for _ in range(3))
    controlplane = [sys.executable, "-m", "controlplane"]
    common = ["--xds", f"127.0.0.1:{xds}", "--state", str(state)]
    config = ["--config", str(folder / "config")]
    serve = ["serve", *config, "--admin", f"127.0.0.1:{admin}", *common]
    node = ["gateway", "ingressgateway", "--namespace", "istio-system"]
    bootstrap = ["bootstrap", *node, "--label", "istio=ingressgateway", *common]
    bootstrap += ["--admin", f"127.0.0.1:{envoy_admin}"]
    envoy = str(Path(sys.executable).with_name("envoy"))
    with process(*controlplane, *serve):
        until_answered(admin, "/readyz", 200)
        made = subprocess.run([*controlplane, *bootstrap], check=True, capture_output=True)
        (folder / "bootstrap.json").write_bytes(made.stdout)
        options = ["--use-dynamic-base-id", "--disable-hot-restart", "--concurrency", "1"]
        with process(envoy, "-c", str(folder / "bootstrap.json"), *options, "-l", "error"):
            yield admin


def question(connection: http.client.HTTPConnection) -> int:
    connection.request("GET", "/answer", headers={"Host": HOST})
    response = connection.getresponse()
    response.read()
    return response.status


def latencies(port: int, file: Path) -> tuple[list[float], float]:
    """Seconds from each rename to the answer that shows it, and the median of one question."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    floor = []
    for _ in range(200):
        started = time.perf_counter()
        question(connection)
        floor.append(time.perf_counter() - started)
    took = []
    statuses = itertools.cycle(range(201, 299))
    for _ in range(RUNS):
        wanted = next(statuses)
        while wanted in (204, 205):
            wanted = next(statuses)
        beside = file.with_name(f".{file.name}.new")
        beside.write_text(mesh.answer(50, wanted))
        time.sleep(0.05)
        started = time.perf_counter()
        beside.rename(file)
        while question(connection) != wanted:
            pass
        took.append(time.perf_counter() - started)
    return took, statistics.median(floor)


def measured() -> dict[str, float]:
    """Milliseconds over the floor."""
    figures = {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder, gateway(Path(folder), size) as port:
            took, floor = latencies(port, Path(folder) / "config/000/route-50.yaml")
        over = sorted((t - floor) * 1e3 for t in took)
        figures[f"{size:,} services: rename to new answer, median, ms"] = statistics.median(over)
        figures[f"{size:,} services: rename to new answer, 90th percentile, ms"] = over[
            int(len(over) * 0.9)
        ]
        figures[f"{size:,} services: the poller's floor, ms"] = floor * 1e3
    return figures


if __name__ == "__main__":
    show(measured())
