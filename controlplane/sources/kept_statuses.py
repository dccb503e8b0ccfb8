"""Generations of objects and times of their conditions in the state directory: neither begins anew
with a restart.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import structlog

from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.sources.state import StateDirectory

STATUSES: Final = "statuses.json"
_MOST: Final = (1 << 63) - 1
"""Source: metadata.generation is an int64."""
_LARGEST: Final = 64 << 20  # bytes; a route takes about 300

log = structlog.stdlib.get_logger("state")


class KeptStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one object. ``transitions``: by condition, its status and since when."""

    group: str
    kind: str
    namespace: str
    name: str
    generation: Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
    spec: str
    transitions: Mapping[str, tuple[str, Annotated[datetime, msgspec.Meta(tz=True)]]] = {}

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(Kind(self.group, self.kind), Namespace(self.namespace), self.name)


def kept_statuses(state: StateDirectory) -> tuple[KeptStatus, ...]:
    """What an earlier process kept; nothing where that is not known."""
    file = state.path / STATUSES
    try:
        return tuple(map(_in_utc, msgspec.json.decode(_read(file), type=tuple[KeptStatus, ...])))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, OverflowError) as error:  # msgspec's errors are ValueErrors
        log.warning("statuses_unreadable", file=str(file), reason=str(error))
        return ()


def _read(file: Path) -> bytes:
    """Whatever the file is: nobody is waited for at the other end of a pipe."""
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
        return opened.read(_LARGEST) or b""


def _in_utc(kept: KeptStatus) -> KeptStatus:
    """``OverflowError`` for a time that has no place in UTC's calendar."""
    transitions = {
        name: (status, since.astimezone(UTC)) for name, (status, since) in kept.transitions.items()
    }
    return msgspec.structs.replace(kept, transitions=transitions)


def keep_statuses(state: StateDirectory, kept: tuple[KeptStatus, ...]) -> None:
    """Write ``kept`` in place of what was there; ``OSError``."""
    state.write(STATUSES, msgspec.json.encode(kept))
