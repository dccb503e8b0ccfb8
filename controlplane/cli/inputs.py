"""What options name, opened or read."""

import os
import sys
from pathlib import Path
from typing import Final

from controlplane.base.errors import ConfigMissing
from controlplane.cli.options import StatePlace
from controlplane.cli.output import complain
from controlplane.sources.state import StateDirectory, default_path

STANDARD_INPUT: Final = Path("-")
"""What stands for it among the paths of a command."""


def opened_state(place: StatePlace) -> StateDirectory:
    """The state directory that ``--state`` names, or the one of the ``--config`` paths; made if it
    is new.
    """
    if place.path is not None:
        return StateDirectory.opened(place.path)
    state = StateDirectory.opened(default_path(os.environ, place.config))
    earlier = StateDirectory(state.path.parent)  # of versions that had one for all projects
    if not state.authority.path.exists() and earlier.authority.path.exists():
        complain(f"note: to go on with the keys of an earlier version, pass --state {earlier.path}")
    return state


def state_to_issue_from(place: StatePlace) -> StateDirectory:
    """The state directory of a control plane that certificates and tokens are for. Where it has no
    keys yet, a note says which are made: it may be the wrong directory.
    """
    state = opened_state(place)
    if not state.authority.path.exists():
        same = "--config" if place.path is None else "--state"
        complain(
            f"note: new keys in {state.path}: a control plane that was started with the same "
            f"{same} uses them, no other trusts them"
        )
    return state


def standard_input() -> bytes:
    """All of standard input; ``ConfigMissing`` where that is nothing, as after a command that
    failed.
    """
    text = sys.stdin.buffer.read()
    if not text.strip():
        raise ConfigMissing("standard input is empty")
    return text


def mesh_config_text(file: Path) -> str:
    """What ``--mesh-config`` names; ``ConfigMissing`` when it cannot be read."""
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigMissing(f"{file} cannot be read: {error}") from error
