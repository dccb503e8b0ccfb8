"""What is done where events are lost, or a watcher fails: scans, and one report."""

import asyncio
import errno
import os
import threading
from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from controlplane.sources.fallback import WatchFailed
from controlplane.sources.files import changes
from controlplane.sources.inotify import EVERYWHERE
from controlplane.sources.tree import Changed
from controlplane.sources.watcher import Event, Watcher
from tests.unit.sources.streams import HOUR, batch, reports


class Silent:
    """A watcher that has nothing to say until it is made to report lost events."""

    follows_at_once = True

    def __init__(self) -> None:
        self._woken = threading.Event()
        self._lost = threading.Event()

    def lose(self) -> None:
        self._lost.set()
        self._woken.set()

    def watch(self, folder: str, *, only_names: bool = False) -> bool:  # noqa: ARG002
        return True

    def watch_no_others(self, folders: Iterable[str]) -> None: ...

    def wait(self, seconds: float) -> list[Event]:
        self._woken.wait(seconds)
        self._woken.clear()
        was_lost = self._lost.is_set()
        self._lost.clear()
        return [EVERYWHERE] if was_lost else []

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None: ...


async def test_more_events_than_the_kernel_keeps_are_a_scan(tmp_path: Path) -> None:
    watcher = Silent()
    opened = changes([tmp_path], environment={}, rescan=HOUR, watcher=lambda: watcher)
    async with aclosing(opened) as files:
        await batch(files)

        (tmp_path / "a.yaml").write_text("one")
        watcher.lose()

        await reports(files, {"a.yaml": b"one"})


async def test_a_watcher_that_fails_is_reported_once_and_scans_continue(tmp_path: Path) -> None:
    class Failing(Silent):
        def wait(self, seconds: float) -> list[Event]:  # noqa: ARG002
            raise WatchFailed("the disk is gone")

    with capture_logs() as logs:
        async with aclosing(changes([tmp_path], environment={}, watcher=Failing)) as files:
            await batch(files)
            for text in ("one", "two"):
                (tmp_path / "a.yaml").write_text(text)
                await reports(files, {"a.yaml": text.encode()})

    assert [(entry["event"], entry["reason"]) for entry in logs] == [
        ("watching_failed", "the disk is gone")
    ]


async def test_a_kernel_without_a_watcher_left_is_reported_once_and_scans_continue(
    tmp_path: Path,
) -> None:
    def none_left() -> Watcher:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with capture_logs() as logs:
        async with aclosing(changes([tmp_path], environment={}, watcher=none_left)) as files:
            await batch(files)
            (tmp_path / "a.yaml").write_text("one")
            await reports(files, {"a.yaml": b"one"})

    assert [entry["event"] for entry in logs] == ["watching_failed"]


async def test_scans_find_what_no_event_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mesh").mkdir()
    paths = [Path("mesh")]
    forced = changes(paths, environment={"WATCHFILES_FORCE_POLLING": "1"}, rescan=HOUR)
    async with aclosing(forced) as files:
        await batch(files)

        (tmp_path / "mesh" / "a.yaml").write_text("one")

        assert await asyncio.wait_for(anext(files), timeout=10) == (
            Changed(path=Path("mesh/a.yaml"), text=b"one"),
        )
