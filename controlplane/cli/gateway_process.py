"""The Envoy of one gateway: its files, and the ports of its own listeners on loopback."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import xxhash

from controlplane.cli.envoy_drain import DRAINED_WITHIN, drain
from controlplane.cli.envoy_processes import (
    ADMIN_PORT,
    METRICS_PORT,
    READY_PORT,
    Launch,
    free_port,
)

OWN_ADDRESS: Final = "127.255.0.1"
"""The address that gateways report: on this machine, and not one that a workload is likely to be
declared at (one at 127.0.0.1 would give the gateway its labels and its Services' ports).
"""
_OTHERS: Final = re.compile(r"[^a-zA-Z0-9.-]")
_NAME_LIMIT: Final = 200  # bytes of a file's name, of which file systems take 255 with an ending


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayProcess:
    """``drain_time``: how long it keeps connections when it is to stop."""

    name: str
    folder: Path
    admin_port: int
    ready_port: int
    metrics_port: int
    drain_time: timedelta = DRAINED_WITHIN

    @property
    def ports(self) -> tuple[int, int, int]:
        return self.admin_port, self.ready_port, self.metrics_port

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
            drain=self.drain_time,
        )

    async def drained(self, within: timedelta | None = None) -> None:
        """Return once it may stop."""
        probes = (self.ready_port, self.metrics_port)
        await drain(self.admin_port, probes, self.drain_time if within is None else within)

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
    drain_time: timedelta | None = None,
) -> GatewayProcess:
    """A process with ports that none of ``others`` has."""
    folder.mkdir(mode=0o700, exist_ok=True)
    taken = {port for other in others for port in other.ports}
    admin, ready, metrics = (
        free_port(port, taken) for port in (ADMIN_PORT, READY_PORT, METRICS_PORT)
    )
    return GatewayProcess(
        name=name,
        folder=folder,
        admin_port=admin,
        ready_port=ready,
        metrics_port=metrics,
        drain_time=drain_time if drain_time is not None else DRAINED_WITHIN,
    )
