"""What options name, opened or read."""

import os
from pathlib import Path

from controlplane.base.errors import ConfigMissing
from controlplane.sources.state import StateDirectory, default_path


def opened_state(path: Path | None) -> StateDirectory:
    """The state directory that ``--state`` names, or the default one; made if it is new."""
    return StateDirectory.opened(default_path(os.environ) if path is None else path)


def mesh_config_text(file: Path) -> str:
    """What ``--mesh-config`` names; ``ConfigMissing`` when it cannot be read."""
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigMissing(f"{file} cannot be read: {error}") from error
