"""``controlplane version``: of the control plane, the Envoy that ``up`` runs, Istio's API, and
connected proxies.
"""

import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Final

import click

from controlplane.admin.view import ShownProxy
from controlplane.base.addresses import Address
from controlplane.base.errors import AdminUnreachable, EnvoyMissing
from controlplane.cli import admin_client
from controlplane.cli.options import admin_to_ask, example
from controlplane.cli.output import printable, say

ISTIO_API: Final = "1.31"
"""The version of Istio whose API is served, field by field."""
_ENVOY: Final = re.compile(r"version: [^/]*/(?P<version>[^/]+)/")
_PATIENCE: Final = 10.0  # seconds for Envoy to say its version


@click.command(epilog=example("controlplane version"))
@admin_to_ask
def version(admin: Address) -> None:
    """Show the versions of the control plane, of the Envoy that "up" runs, of Istio's API, and of
    the connected proxies where a control plane answers.
    """
    from controlplane.cli.envoy_processes import envoy_binary  # late: --help needs no processes

    rows = [("controlplane", version_of("controlplane"))]
    try:
        rows.append(("Envoy", _envoy(envoy_binary())))
    except EnvoyMissing as missing:
        rows.append(("Envoy", f"none here: {missing.hint}"))
    rows.append(("Istio's API", ISTIO_API))
    try:
        rows.extend(_proxies(admin_client.status(admin).proxies))
    except AdminUnreachable:
        rows.append(("proxies", f"no control plane answers at {admin}"))
    width = max(len(name) for name, _ in rows)
    for name, said in rows:
        say(f"{name:<{width}}  {said}")


def _envoy(binary: Path) -> str:
    try:
        done = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return f"{binary} does not run"
    found = _ENVOY.search(done.stdout)
    return found["version"] if found is not None else f"{binary} does not say"


def _proxies(proxies: tuple[ShownProxy, ...]) -> Iterator[tuple[str, str]]:
    if not proxies:
        yield "proxies", "none is connected"
    for shown in proxies:
        found = shown.proxy.version
        yield printable(shown.proxy.full_name), f"Envoy {found}" if found else "unknown"
