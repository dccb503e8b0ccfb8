"""The registered workloads in the state directory, so that a restart finds those who come back."""

from typing import Final

import msgspec
import structlog

from controlplane.base.hosts import is_ip
from controlplane.model.registration import Registered
from controlplane.sources.state import StateDirectory

REGISTERED: Final = "registered.json"
_LARGEST: Final = 64 << 20  # bytes; a workload takes about 300

log = structlog.stdlib.get_logger("state")


def kept_registered(state: StateDirectory) -> tuple[Registered, ...]:
    """What an earlier process had registered; nothing where that is not known."""
    file = state.path / REGISTERED
    try:
        with file.open("rb") as opened:
            found = msgspec.json.decode(opened.read(_LARGEST), type=tuple[Registered, ...])
            return tuple(one for one in found if is_ip(one.claim.id.address))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:  # msgspec's errors are ValueErrors
        log.warning("registered_unreadable", file=str(file), reason=str(error))
        return ()


def keep_registered(state: StateDirectory, registered: tuple[Registered, ...]) -> None:
    """Write ``registered`` in place of what was there; ``OSError``."""
    state.write(REGISTERED, msgspec.json.encode(registered))
