"""The log of ``serve``: what is served, every edit, and what is wrong."""

import structlog

from controlplane.base.diagnostics import Diagnostic
from controlplane.base.locations import SourceLocation
from controlplane.cli.handshake_log import handshakes_logged
from controlplane.cli.log_form import LogLevel
from controlplane.cli.options import ServingOptions
from controlplane.cli.serving import log_to_stderr, serve_until_stopped, settings_of
from controlplane.serve.control_plane import ControlPlane
from controlplane.serve.reload import Noticed, Reload
from controlplane.serve.report import finding


def serve_and_log(options: ServingOptions) -> None:
    """Serve until SIGINT or SIGTERM."""
    log_to_stderr(options.log_level or LogLevel.INFO, options.log_format)
    own = log = structlog.get_logger("serve")
    settings = settings_of(options)
    running: list[ControlPlane] = []

    def started(plane: ControlPlane) -> None:
        running.append(plane)
        log.info(
            "serving",
            xds=str(settings.xds),
            admin=str(settings.admin),
            state=str(settings.state.path),
        )

    def on_reload(reload: Reload | Noticed) -> None:
        engine, log = running[0].engine, _traced(own, reload)
        for found in (finding(engine, d) for d in reload.found):
            where = f"{found.path}:{found.line}:{found.column}" if found.line else found.path
            tell = log.error if found.severity == "error" else log.warning
            tell("diagnostic", code=found.code, at=where, message=found.message)
        for gone in reload.fixed:
            log.info("fixed", code=gone.code.id, of=_object(gone), message=gone.message)
        if isinstance(reload, Noticed):
            return
        if reload.edit.held:
            log.warning(
                "removal_held",
                objects=len(reload.edit.held),
                effect="no file declares them any more; they stay in force",
                hint="controlplane confirm removes them",
            )
        log.info(
            "loaded" if reload.is_first else "reloaded",
            revision=reload.edit.revision,
            put=len(reload.edit.put),
            removed=len(reload.edit.removed),
            refused=len(reload.edit.refused),
            proxies=reload.proxies,
            computed_ms=round(reload.computed.total_seconds() * 1e3, 2),
            acknowledged_ms=None
            if reload.acknowledged is None
            else round(reload.acknowledged.total_seconds() * 1e3, 2),
        )

        foreign = engine.foreign() if reload.is_first else None
        if foreign is not None:
            log.info("not_for_a_mesh", what=foreign)

    with handshakes_logged(settings.state.path):
        serve_until_stopped(settings, on_reload, started)


def _traced(
    log: structlog.stdlib.BoundLogger, reload: Reload | Noticed
) -> structlog.stdlib.BoundLogger:
    """What is logged of an edit names its trace, where it has one."""
    if isinstance(reload, Noticed) or reload.trace is None:
        return log
    return log.bind(trace_id=reload.trace.trace.hex(), span_id=reload.trace.span.hex())


def _object(diagnostic: Diagnostic) -> str:
    """What it was about: an object, or a file."""
    place = diagnostic.place
    return str(place.path) if isinstance(place, SourceLocation) else place.object.display_name
