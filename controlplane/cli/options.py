"""Parts that commands share: the state directory, and how ``--help`` ends."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from controlplane.base.errors import ConfigMissing
from controlplane.cli.address import address_parameter
from controlplane.sources.state import StateDirectory
from controlplane.sources.state import default_path

F = TypeVar("F", bound=Callable[..., object])


def example(*lines: str) -> str:
    """The end of a command's ``--help``, for its ``epilog``."""
    return "\n".join(("\b", "Example:", *(f"  {line}" for line in lines)))


def state_option(command: F) -> F:
    """``--state DIR``; the command gets ``state: Path | None``."""
    return click.option(
        "--state",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Keys and last accepted objects.  [default: $XDG_STATE_HOME/controlplane]",
    )(command)


def secrets_option(command: F) -> F:
    """``--secrets DIR``; the command gets ``secrets: tuple[Path, ...]``."""
    return click.option(
        "--secrets",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Secrets as files: DIR/NAMESPACE/NAME/tls.crt, tls.key, ca.crt, ca.crl. "
        "May be repeated.",
    )(command)


def admin_to_ask(command: F) -> F:
    """``--admin HOST:PORT`` of a command that asks a running control plane."""
    return click.option(
        "--admin",
        default="127.0.0.1:15014",
        show_default=True,
        type=address_parameter,
        metavar="HOST:PORT",
        help="The admin interface of the control plane.",
    )(command)


def opened_state(path: Path | None) -> StateDirectory:
    """The state directory that ``--state`` names, or the default one; made if it is new."""
    return StateDirectory.opened(default_path(os.environ) if path is None else path)


def mesh_config_text(file: Path) -> str:
    """What ``--mesh-config`` names; ``ConfigMissing`` when it cannot be read."""
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigMissing(f"{file} cannot be read: {error}") from error
