"""How long ``controlplane serve`` takes to be ready from 16,000 documents, 10 MB, and what it then
weighs.
"""

import http.client
import re
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import mesh
from figures import show

SERVICES = 4_000
SIZE = 10_000_000


def text_of(services: int, size: int) -> str:
    """All documents in one text, filled up with comments to ``size`` as commented YAML is."""
    parts = [text for _, text in mesh.documents(services)]
    missing = max(0, size - sum(map(len, parts)) - 5 * len(parts)) // len(parts)
    comment = "# " + "a comment such as people write above an object " * 8
    filled = [f"{comment[:missing]}\n{part}" if missing > 2 else part for part in parts]
    return "---\n".join(filled)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_ready(port: int) -> bool:
    with suppress(OSError):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    return False


def start_up(folder: Path) -> tuple[float, float]:
    """Seconds from the start of the process until ``/readyz`` says so, and peak memory in MB
    then.
    """
    admin, xds = free_port(), free_port()
    with tempfile.TemporaryDirectory() as state:
        Path(state).chmod(0o700)
        command = [sys.executable, "-m", "controlplane", "serve", "--config", str(folder)]
        command += ["--xds", f"127.0.0.1:{xds}", "--admin", f"127.0.0.1:{admin}", "--state", state]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not is_ready(admin):
                assert process.poll() is None, "serve ended"
                time.sleep(0.01)
            took = time.perf_counter() - started
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak = re.search(r"VmHWM:\s+(\d+) kB", status)
            assert peak is not None, "Linux says the peak"
            return took, int(peak[1]) / 1e3
        finally:
            process.terminate()
            process.wait()


def measured() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "mesh.yaml").write_text(text_of(SERVICES, SIZE))
        seconds, peak = start_up(Path(folder))
    name = f"{SERVICES * 4 + 1:,} documents, {SIZE / 1e6:.0f} MB"
    return {f"{name}: start to ready, s": seconds, f"{name}: peak RSS, MB": peak}


if __name__ == "__main__":
    show(measured())
