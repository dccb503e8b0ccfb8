"""``controlplane samples``: the sample meshes, to read and to change."""

import shutil
from pathlib import Path
from typing import Final

import click

from controlplane.cli.options import example
from controlplane.cli.output import say

_HERE: Final = Path(__file__).resolve()
_SAMPLES: Final = (_HERE.parents[1] / "samples", _HERE.parents[2] / "samples")
"""In an installed package, then in a checkout."""
_NOT_MEANT: Final = shutil.ignore_patterns("__pycache__", "*.pyc")


@click.command(epilog=example("controlplane samples try", "controlplane check try/hello"))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
def samples(folder: Path) -> None:
    """Write the sample meshes into DIR, which must be new or empty."""
    if folder.exists() and any(folder.iterdir()):
        raise click.BadParameter(f"{folder} is not empty", param_hint="DIR")
    source = next(path for path in _SAMPLES if path.is_dir())
    shutil.copytree(source, folder, ignore=_NOT_MEANT, dirs_exist_ok=True)
    for path in sorted(folder.iterdir()):
        say(str(path))
