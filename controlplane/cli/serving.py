"""What ``serve`` and ``up`` share: a control plane that runs until it is asked to stop."""

import asyncio
import os
import shlex
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import assert_never

import structlog

from controlplane.base.diagnostics import Report
from controlplane.cli.inputs import mesh_config_text, opened_state
from controlplane.cli.log_form import LogFormat, LogLevel
from controlplane.cli.options import ServingOptions, StatePlace
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.mesh import decode_mesh_config
from controlplane.serve.control_plane import ControlPlane
from controlplane.serve.reload import OnReload
from controlplane.serve.run import run
from controlplane.serve.settings import Settings
from controlplane.sources.printable import printable
from controlplane.sources.state_lock import Holder, StateLock


def settings_of(options: ServingOptions) -> Settings:
    """What the options say. From here on no other control plane has the state directory."""
    mesh, text = mesh_of(options.mesh_config)
    state = opened_state(StatePlace(options.state, options.config))
    return Settings(
        config=options.config,
        secrets=options.secrets,
        xds=options.xds,
        admin=options.admin,
        state=state,
        lock=StateLock(state.path, _this_process(options.config)),
        mesh=mesh,
        mesh_file=options.mesh_config,
        mesh_text=text,
        workload_life=options.certificate_life,
        is_insecure=options.insecure_xds,
        lean=options.lean,
        measures=options.metrics,
        allows_removal=options.allow_removal,
        max_objects=options.max_objects,
        connections=options.connections,
        resolves_services=options.resolves_services,
        metrics=options.metrics_bind,
        trace_otlp=options.trace_otlp,
        status_dir=options.status_dir,
        wasm_dir=options.wasm_dir,
        environment=os.environ,
    )


def mesh_of(file: Path | None) -> tuple[MeshConfig, str]:
    """The MeshConfig of a file, as far as it is valid, and its text."""
    if file is None:
        return MeshConfig(), ""
    text = mesh_config_text(file)
    return decode_mesh_config(text, printable(file), Report()), text


def serve_until_stopped(
    settings: Settings, on_reload: OnReload, started: Callable[[ControlPlane], None]
) -> None:
    """Serve until SIGINT or SIGTERM."""

    async def main() -> None:
        stop = stop_requested()
        await run(
            settings,
            clock=lambda: datetime.now(UTC),
            on_reload=on_reload,
            started=started,
            stop=stop,
        )

    asyncio.run(main())


def stop_requested() -> asyncio.Event:
    """An event of the running loop that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def log_to_stderr(level: LogLevel = LogLevel.INFO, form: LogFormat = LogFormat.TEXT) -> None:
    """One event a line, keys and values or JSON; coloured only for a person."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _renderer(form),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level.number),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _renderer(form: LogFormat) -> structlog.typing.Processor:
    match form:
        case LogFormat.JSON:
            return structlog.processors.JSONRenderer(ensure_ascii=False)
        case LogFormat.TEXT:
            if sys.stderr.isatty() and "NO_COLOR" not in os.environ:
                return structlog.dev.ConsoleRenderer(colors=True)
            return structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    assert_never(form)


def _this_process(config: Iterable[Path]) -> Holder:
    """This process as others see it while it holds a state directory."""
    return Holder(
        pid=os.getpid(),
        host=socket.gethostname(),
        command=str(printable(Path(shlex.join(("controlplane", *sys.argv[1:]))))),
        since=datetime.now(UTC),
        config=tuple(str(printable(path.absolute())) for path in config),
    )
