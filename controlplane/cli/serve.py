"""``controlplane serve``: serve Envoys that are started elsewhere."""

from pathlib import Path

import click
import structlog

from controlplane.cli.address import Address
from controlplane.cli.options import example
from controlplane.cli.serving import log_to_stderr
from controlplane.cli.serving import serve_until_stopped
from controlplane.cli.serving import serving_options
from controlplane.cli.serving import settings_of
from controlplane.diagnosis import finding
from controlplane.envoy.bootstrap import ENVOY_FLAGS
from controlplane.serve import ControlPlane
from controlplane.serve import Noticed
from controlplane.serve import Reload


@click.command(
    epilog=example(
        "controlplane serve --config samples/mesh",
        "controlplane bootstrap gateway ingressgateway --namespace istio-system \\",
        "    --label istio=ingressgateway > gateway.json",
        f"envoy -c gateway.json {' '.join(ENVOY_FLAGS)}",
    )
)
@serving_options
def serve(
    config: tuple[Path, ...],
    secrets: tuple[Path, ...],
    xds: Address,
    admin: Address,
    state: Path | None,
    mesh_config: Path | None,
    insecure_xds: bool,
) -> None:
    """Serve Envoys from files of Istio YAML; every edit reaches them at once."""
    log_to_stderr()
    log = structlog.get_logger("serve")
    settings = settings_of(config, secrets, xds, admin, state, mesh_config, insecure_xds)
    running: list[ControlPlane] = []

    def started(plane: ControlPlane) -> None:
        running.append(plane)
        log.info("serving", xds=str(settings.xds), admin=str(settings.admin))

    def told(reload: Reload | Noticed) -> None:
        engine = running[0].engine
        for found in (finding(engine, d) for d in reload.found):
            where = f"{found.path}:{found.line}:{found.column}" if found.line else found.path
            tell = log.error if found.severity == "error" else log.warning
            tell("diagnostic", code=found.code, at=where, message=found.message)
        if isinstance(reload, Noticed):
            return
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

    serve_until_stopped(settings, told, started)
