"""What ``serve`` and ``up`` share: their options, and a control plane that runs until it is told to
stop.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import click
import structlog

from controlplane.base.diagnostics import Report
from controlplane.cli.address import Address
from controlplane.cli.address import address_parameter
from controlplane.cli.options import mesh_config_text
from controlplane.cli.options import opened_state
from controlplane.cli.options import secrets_option
from controlplane.cli.options import state_option
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.mesh import decode_mesh_config
from controlplane.serve import ControlPlane
from controlplane.serve import Endpoint
from controlplane.serve import Settings
from controlplane.serve import Told
from controlplane.serve import run
from controlplane.sources.printable import printable

F = TypeVar("F", bound=Callable[..., object])


def xds_option(command: F) -> F:
    return click.option(
        "--xds",
        default="127.0.0.1:15010",
        show_default=True,
        type=address_parameter,
        metavar="HOST:PORT",
        help="Where Envoys ask for their configuration.",
    )(command)


def admin_option(command: F) -> F:
    return click.option(
        "--admin",
        default="127.0.0.1:15014",
        show_default=True,
        type=address_parameter,
        metavar="HOST:PORT",
        help="Where health, metrics and state are served.",
    )(command)


def mesh_config_option(command: F) -> F:
    return click.option(
        "--mesh-config",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Istio's MeshConfig.",
    )(command)


def config_option(command: F) -> F:
    return click.option(
        "--config",
        "-c",
        multiple=True,
        default=["."],
        show_default=True,
        type=click.Path(path_type=Path),
        metavar="PATH",
        help="A file or folder of Istio YAML; edits count at once. May be repeated.",
    )(command)


def serving_options(command: F) -> F:
    """The options of a command that serves, in the order of ``--help``."""
    insecure = click.option(
        "--insecure-xds",
        is_flag=True,
        help="Plaintext xDS without tokens, on loopback only (load tests, learning).",
    )
    where = (config_option, secrets_option, xds_option, admin_option, state_option)
    for option in reversed((*where, mesh_config_option, insecure)):
        command = option(command)
    return command


def settings_of(
    config: tuple[Path, ...],
    secrets: tuple[Path, ...],
    xds: Address,
    admin: Address,
    state: Path | None,
    mesh_config: Path | None,
    insecure_xds: bool,
) -> Settings:
    """What the options say; ``UsageError`` where they contradict each other."""
    if insecure_xds and not xds.loopback:
        raise click.UsageError(f"--insecure-xds serves on loopback addresses only, not on {xds}")
    mesh, text = mesh_of(mesh_config)
    return Settings(
        config=config,
        secrets=secrets,
        xds=Endpoint(host=xds.host, port=xds.port),
        admin=Endpoint(host=admin.host, port=admin.port),
        state=opened_state(state),
        mesh=mesh,
        mesh_file=mesh_config,
        mesh_text=text,
        is_insecure=insecure_xds,
        environment=os.environ,
    )


def mesh_of(file: Path | None) -> tuple[MeshConfig, str]:
    """The MeshConfig of a file, as far as it is good, and its text."""
    if file is None:
        return MeshConfig(), ""
    text = mesh_config_text(file)
    return decode_mesh_config(text, printable(file), Report()), text


def serve_until_stopped(
    settings: Settings, told: Told, started: Callable[[ControlPlane], None]
) -> None:
    """Serve until SIGINT or SIGTERM."""

    async def main() -> None:
        stop = told_to_stop()
        await run(settings, clock=lambda: datetime.now(UTC), told=told, started=started, stop=stop)

    asyncio.run(main())


def told_to_stop() -> asyncio.Event:
    """An event of the running loop that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def log_to_stderr(level: int = logging.INFO) -> None:
    """One event a line, keys and values; coloured only for a person."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=True)
            if sys.stderr.isatty() and "NO_COLOR" not in os.environ
            else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
