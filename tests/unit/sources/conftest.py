"""Streams of changed files."""

from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import pytest

from controlplane.sources.fallback import Watchfiles
from controlplane.sources.files import changes
from controlplane.sources.inotify import Inotify
from tests.unit.sources.streams import HOUR, Opened, Stream


@pytest.fixture(params=[Inotify, Watchfiles])
def stream(request: pytest.FixtureRequest) -> Opened:
    """Streams of the kernel's events, and of the library's that is used where there are none."""

    def opened(*paths: Path, rescan: timedelta = HOUR) -> "aclosing[Stream]":
        return aclosing(changes(paths, environment={}, rescan=rescan, watcher=request.param))

    return opened
