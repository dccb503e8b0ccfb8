"""One run of ``up``: a control plane and its Envoys, until Ctrl-C."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from controlplane.base.errors import fault_of_the_world
from controlplane.cli import up_messages
from controlplane.cli.envoy_processes import Death, Envoys, envoy_binary
from controlplane.cli.gateway_envoys import Binding, GatewayEnvoys
from controlplane.cli.handshake_log import handshakes_logged
from controlplane.cli.log_form import LogLevel
from controlplane.cli.options import ServingOptions
from controlplane.cli.output import show
from controlplane.cli.serving import log_to_stderr, settings_of, stop_requested
from controlplane.cli.up_session import Session
from controlplane.model.gateway_proxy import GatewayProxy
from controlplane.serve.run import run
from controlplane.serve.settings import Settings


def serve_with_envoys(options: ServingOptions, concurrency: int, binding: Binding) -> None:
    """Serve until SIGINT or SIGTERM; each Envoy has ``concurrency`` worker threads and listens as
    ``binding`` has it where a server names no address.
    """
    log_to_stderr(options.log_level or LogLevel.ERROR, options.log_format)
    settings = settings_of(options)
    try:
        with handshakes_logged(settings.state.path):
            asyncio.run(_until_stopped(settings, envoy_binary(), concurrency, binding))
    except BaseExceptionGroup as group:
        fault = fault_of_the_world(group)
        if fault is None:
            raise
        raise fault from None


def told_of_death(death: Death) -> None:
    show([up_messages.died(death)])


def told_of_end(proxy: GatewayProxy) -> None:
    show([up_messages.gone(str(proxy))])


async def _until_stopped(
    settings: Settings, binary: Path, concurrency: int, binding: Binding
) -> None:
    stop = stop_requested()

    def clock() -> datetime:
        return datetime.now(UTC)

    async with Envoys(binary, told_of_death) as envoys, asyncio.TaskGroup() as tasks:
        gateways = GatewayEnvoys(envoys, concurrency, binding, clock, told_of_end)
        session = Session(gateways, clock)
        following = tasks.create_task(session.follow())
        try:
            await run(
                settings,
                clock=clock,
                on_reload=session.on_reload,
                started=session.started,
                stop=stop,
            )
        finally:
            following.cancel()
