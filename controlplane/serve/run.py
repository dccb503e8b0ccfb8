"""One run of the control plane, from its ports to its end."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime

from controlplane.admin.app import application, probe_application
from controlplane.admin.server import listener, serving
from controlplane.base.errors import fault_of_the_world
from controlplane.serve.control_plane import ControlPlane
from controlplane.serve.heartbeat import Heartbeat, beating
from controlplane.serve.reload import OnReload
from controlplane.serve.settings import Settings


async def run(
    settings: Settings,
    *,
    clock: Callable[[], datetime],
    on_reload: OnReload,
    started: Callable[[ControlPlane], None],
    stop: asyncio.Event,
) -> None:
    """Serve until ``stop`` is set.

    Raises ``ListenFailed``, ``ConfigMissing``, ``StateUnusable`` or ``KeyUnusable`` when it cannot.
    """
    admin = listener(settings.admin.host, settings.admin.port)
    at = settings.metrics
    probed = listener(at.host, at.port, "--metrics-bind") if at is not None else None
    plane = ControlPlane(settings, clock, on_reload)
    try:
        host, heartbeat = settings.admin.host, Heartbeat()
        app = application(plane.overview, plane.confirm_removal, host, heartbeat.state)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(serving(app, admin))
            if probed is not None:
                probes = probe_application(plane.overview, heartbeat.state)
                await stack.enter_async_context(serving(probes, probed))
            await stack.enter_async_context(beating(heartbeat))
            try:
                await plane.start()
                started(plane)
                await plane.serve_until(stop)
            finally:
                await plane.stop()
    except BaseExceptionGroup as group:
        fault = fault_of_the_world(group)
        if fault is None:
            raise
        raise fault from None
