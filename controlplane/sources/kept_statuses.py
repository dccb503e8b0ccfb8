"""Generations of objects and times of their conditions in the state directory: neither begins anew
with a restart.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
import structlog

from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.sources.state import StateDirectory

STATUSES: Final = "statuses.json"
_LARGEST: Final = 64 << 20  # bytes; a route takes about 300

log = structlog.stdlib.get_logger("state")


class KeptStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one object. ``transitions``: by condition, its status and since when."""

    group: str
    kind: str
    namespace: str
    name: str
    generation: int
    spec: str
    transitions: Mapping[str, tuple[str, datetime]] = {}

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(Kind(self.group, self.kind), Namespace(self.namespace), self.name)


def kept_statuses(state: StateDirectory) -> tuple[KeptStatus, ...]:
    """What an earlier process kept; nothing where that is not known."""
    file = state.path / STATUSES
    try:
        with file.open("rb") as opened:
            return msgspec.json.decode(opened.read(_LARGEST), type=tuple[KeptStatus, ...])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:  # msgspec's errors are ValueErrors
        log.warning("statuses_unreadable", file=str(file), reason=str(error))
        return ()


def keep_statuses(state: StateDirectory, kept: tuple[KeptStatus, ...]) -> None:
    """Write ``kept`` in place of what was there; ``OSError``."""
    state.write(STATUSES, msgspec.json.encode(kept))
