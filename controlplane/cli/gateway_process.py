"""The Envoy of one gateway: its files, and the ports of its own listeners on loopback."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import xxhash

from controlplane.base.addresses import Address
from controlplane.cli.envoy_drain import DRAINED_WITHIN, drain
from controlplane.cli.envoy_processes import (
    ADMIN_PORT,
    METRICS_PORT,
    READY_PORT,
    Launch,
    free_port,
)
from controlplane.envoy.bootstrap import Probes
from controlplane.model.proxy_start import NOTHING_SAID, ProxyStart

OWN_ADDRESS: Final = "127.255.0.1"
"""The address that gateways report: on this machine, and not one that a workload is likely to be
declared at (one at 127.0.0.1 would give the gateway its labels and its Services' ports).
"""
_LOOPBACK: Final = "127.0.0.1"
_OTHERS: Final = re.compile(r"[^a-zA-Z0-9.-]")
_NAME_LIMIT: Final = 200  # bytes of a file's name, of which file systems take 255 with an ending


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayProcess:
    """``status_port``: where it answers probes besides, if its ProxyConfig asks for that."""

    name: str
    folder: Path
    admin_port: int
    ready_port: int
    metrics_port: int
    status_port: int | None = None
    start: ProxyStart = NOTHING_SAID

    @property
    def ports(self) -> tuple[int, ...]:
        return self.admin_port, *self._probed

    @property
    def _probed(self) -> tuple[int, ...]:
        own = (self.ready_port, self.metrics_port, self.status_port)
        return tuple(port for port in own if port is not None)

    @property
    def drain_time(self) -> timedelta:
        """How long it keeps connections when it is to stop."""
        found = self.start.last_drain
        if found is None:
            found = self.start.drain
        return found if found is not None else DRAINED_WITHIN

    @property
    def admin(self) -> Address:
        return Address(_LOOPBACK, self.admin_port)

    def probes(self, host: str = _LOOPBACK) -> Probes:
        """Where it answers probes, on ``host``."""
        return Probes(
            ready=Address(host, self.ready_port),
            metrics=Address(host, self.metrics_port),
            status=Address(host, self.status_port) if self.status_port is not None else None,
        )

    @property
    def log(self) -> Path:
        return self._file("log")

    @property
    def bootstrap(self) -> Path:
        return self._file("json")

    @property
    def token(self) -> Path:
        """Where it finds its token, if that is not in its bootstrap."""
        return self._file("token.json")

    def launch(self, bootstrap: Mapping[str, object], concurrency: int) -> Launch:
        """How to start it; its bootstrap, which may hold a token, is for its own user alone."""
        self.bootstrap.touch(mode=0o600)
        self.bootstrap.write_text(json.dumps(bootstrap), encoding="utf-8")
        return Launch(
            name=self.name,
            bootstrap=self.bootstrap,
            log=self.log,
            concurrency=concurrency,
            start=self.start,
        )

    async def drained(self, within: timedelta | None = None) -> None:
        """Return once it may stop; its ProxyConfig's time wins over ``within``."""
        if within is None or self.start.last_drain is not None:
            within = self.drain_time
        await drain(self.admin_port, self._probed, within)

    def _file(self, ending: str) -> Path:
        """In the folder, whatever the name is: a control plane elsewhere may have sent it."""
        name = _OTHERS.sub("_", self.name)[:_NAME_LIMIT]
        if name != self.name:
            name = f"{name}-{xxhash.xxh3_64_hexdigest(self.name.encode())}"
        return self.folder / f"{name}.{ending}"


def gateway_process(
    name: str,
    folder: Path,
    others: Iterable[GatewayProcess],
    start: ProxyStart = NOTHING_SAID,
) -> GatewayProcess:
    """A process with ports that none of ``others`` has."""
    folder.mkdir(mode=0o700, exist_ok=True)
    taken = {port for other in others for port in other.ports}
    admin, ready, metrics = (
        free_port(port, taken)
        for port in (start.admin_port or ADMIN_PORT, READY_PORT, METRICS_PORT)
    )
    return GatewayProcess(
        name=name,
        folder=folder,
        admin_port=admin,
        ready_port=ready,
        metrics_port=metrics,
        status_port=free_port(start.status_port, {*taken, admin, ready, metrics})
        if start.status_port is not None
        else None,
        start=start,
    )
