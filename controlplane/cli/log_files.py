"""The logs of the Envoys that ``up`` runs, in its state directory: found, followed, kept small."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from controlplane.base.errors import ConfigMissing
from controlplane.base.wording import listed
from controlplane.cli.suggestions import did_you_mean

FOLDER: Final = "envoys"
"""Of the state directory; bootstraps and logs are there."""
LARGEST: Final = 16 << 20  # bytes of a log that is written; one more of that size is kept
_BLOCK: Final = 64 << 10  # bytes that are read at once


def envoy_log(state: Path, gateway: str) -> Path:
    """The log of ``gateway`` (``NAME`` or ``NAME.NAMESPACE``); ``ConfigMissing`` where it has
    none.
    """
    logs = {log.stem: log for log in sorted((state / FOLDER).glob("*.log"))}
    found = [log for name, log in logs.items() if gateway in (name, name.rpartition(".")[0])]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigMissing(f"there are several: {listed(log.stem for log in found)}")
    if not logs:
        raise ConfigMissing(
            f"no Envoy was run from {state}",
            hint="name what controlplane up serves with --config PATH, or its --state DIR",
        )
    meant = did_you_mean(gateway, logs)
    raise ConfigMissing(f'no log of "{gateway}"{meant}', hint=f"there are {listed(logs)}")


def last_lines(log: Path, count: int | None) -> tuple[bytes, int]:
    """The last ``count`` lines, or all, and where in the file they end."""
    text = log.read_bytes()
    if count is None:
        return text, len(text)
    kept = text.splitlines(keepends=True)[-count:] if count else []
    return b"".join(kept), len(text)


def followed(log: Path, position: int, wait: Callable[[], None]) -> Iterator[bytes]:
    """What is written to ``log`` after ``position``; from the beginning where it became shorter,
    as after a rotation. Calls ``wait`` where there is nothing new.
    """
    while True:
        size = log.stat().st_size
        position = 0 if size < position else position
        if size == position:
            wait()
            continue
        with log.open("rb") as file:
            file.seek(position)
            new = file.read(_BLOCK)
        position += len(new)
        yield new


def rotate(log: Path, largest: int = LARGEST) -> bool:
    """Move a log that is larger than ``largest`` to ``NAME.log.1``; says whether it was.

    Envoy goes on writing to the file that it was given, at its end, so the text is copied and the
    file emptied. What it writes in between, which takes no time to speak of, is lost.
    """
    try:
        if log.stat().st_size <= largest:
            return False
    except FileNotFoundError:
        return False
    kept = log.with_name(f"{log.name}.1")
    kept.unlink(missing_ok=True)
    kept.touch(mode=0o600)
    with log.open("rb+") as source, kept.open("wb") as copy:
        shutil.copyfileobj(source, copy)
        os.ftruncate(source.fileno(), 0)
    return True
