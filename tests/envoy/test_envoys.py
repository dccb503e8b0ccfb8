"""Real Envoys as child processes: one that cannot start, one that heeds no signal."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from controlplane.cli.envoy_processes import Death, Envoys, Launch, envoy_binary

pytestmark = pytest.mark.envoy


def launch(folder: Path, bootstrap: str) -> Launch:
    (folder / "bootstrap.yaml").write_text(bootstrap)
    return Launch(
        name="edge.shop",
        bootstrap=folder / "bootstrap.yaml",
        log=folder / "envoy.log",
        concurrency=1,
    )


def is_envoy(pid: int) -> bool:
    return Path(f"/proc/{pid}/comm").read_text().strip() == "envoy"


async def test_an_envoy_that_ends_is_reported_and_started_again(tmp_path: Path) -> None:
    deaths: asyncio.Queue[Death] = asyncio.Queue()

    async with asyncio.timeout(20), Envoys(envoy_binary(), deaths.put_nowait) as running:
        running.start(launch(tmp_path, "no_such_field: 1"))
        first, second = await deaths.get(), await deaths.get()

    assert (first.status, first.again_in, second.again_in) == (1, 0.25, 0.5)
    assert first.reason is not None
    assert "no_such_field" in first.reason


async def test_an_envoy_that_ignores_signals_is_killed(tmp_path: Path) -> None:
    async with asyncio.timeout(20), Envoys(envoy_binary(), print) as running:
        running.start(launch(tmp_path, "{}"))
        while not any(is_envoy(pid) for pid in running.pids):
            await asyncio.sleep(0.01)
        (pid,) = running.pids
        os.kill(pid, signal.SIGSTOP)
        await running.stop(["edge.shop"])

    assert not Path(f"/proc/{pid}").exists()
