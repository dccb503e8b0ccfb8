"""An Envoy for every gateway that the configuration wants, as it changes."""

import asyncio
import json
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from controlplane.base.addresses import Address
from controlplane.cli.envoy_processes import (
    ADMIN_PORT,
    METRICS_PORT,
    READY_PORT,
    Envoys,
    Launch,
    free_port,
)
from controlplane.cli.gateway_proxies import GatewayProxy, gateway_proxies
from controlplane.cli.gateway_start import gateway_start
from controlplane.cli.issued_trust import issued_trust
from controlplane.cli.log_files import FOLDER
from controlplane.envoy.bootstrap import Node, Probes, bootstrap
from controlplane.identity.identity import TOKEN_LIFE
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.istio.gateway import GATEWAY
from controlplane.model.proxy import Locality, Role
from controlplane.serve.control_plane import ControlPlane

ADDRESS: Final = "127.255.0.1"
"""The address that gateways report: on this machine, and not one that a workload is likely to be
declared at (one at 127.0.0.1 would give the gateway its labels and its Services' ports).
"""
CONNECTED_WITHIN: Final = 15.0  # seconds until an Envoy that did not connect is reported
LOOK_EVERY: Final = 0.05  # seconds between looks at Envoys that start
EVERYWHERE: Final = ("0.0.0.0", "::")
_REACHABLE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where to connect for every address


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A gateway that has an Envoy, and the ports of that one's own listeners, on loopback."""

    proxy: GatewayProxy
    admin_port: int
    ready_port: int
    metrics_port: int
    log: Path

    @property
    def ports(self) -> tuple[int, int, int]:
        return self.admin_port, self.ready_port, self.metrics_port


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What was started and stopped; ``wanted`` says whether there is a gateway at all."""

    started: tuple[Running, ...]
    stopped: tuple[GatewayProxy, ...]
    wanted: bool


NOTHING_RECONCILED: Final = Reconciled(started=(), stopped=(), wanted=True)


class GatewayEnvoys:
    """Runs an Envoy for each gateway that the configuration declares."""

    def __init__(
        self, envoys: Envoys, concurrency: int, bind: str, clock: Callable[[], datetime]
    ) -> None:
        self._envoys = envoys
        self._concurrency = concurrency
        self._bind = bind
        self._clock = clock
        self._running: dict[GatewayProxy, Running] = {}

    @property
    def pids(self) -> Set[int]:
        return self._envoys.pids

    def named(self, name: str) -> GatewayProxy | None:
        """The gateway that runs under the name ``NAME.NAMESPACE``."""
        return next((proxy for proxy in self._running if str(proxy) == name), None)

    async def reconcile(self, plane: ControlPlane) -> Reconciled:
        """Start and stop Envoys to match the Gateways; returns once the new ones have settled."""
        engine = plane.engine
        wanted = set(gateway_proxies(engine.objects(GATEWAY), engine.objects(SERVICE)))
        stopped = tuple(sorted(set(self._running) - wanted))
        await self._envoys.stop(str(proxy) for proxy in stopped)
        for proxy in stopped:
            del self._running[proxy]
        new = sorted(wanted - set(self._running))
        started = tuple(self._start(plane, proxy) for proxy in new)
        await _settled(plane, new)
        return Reconciled(started=started, stopped=stopped, wanted=bool(wanted))

    def _start(self, plane: ControlPlane, proxy: GatewayProxy) -> Running:
        folder = plane.settings.state.path / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        taken = {port for running in self._running.values() for port in running.ports}
        admin, ready, metrics = (
            free_port(port, taken) for port in (ADMIN_PORT, READY_PORT, METRICS_PORT)
        )
        log = folder / f"{proxy}.log"
        file = folder / f"{proxy}.json"
        file.touch(mode=0o600)
        running = self._running[proxy] = Running(
            proxy=proxy, admin_port=admin, ready_port=ready, metrics_port=metrics, log=log
        )
        file.write_text(self._bootstrap(plane, running), encoding="utf-8")
        said = gateway_start(plane.engine, proxy)
        self._envoys.start(
            Launch(
                name=str(proxy),
                bootstrap=file,
                log=log,
                concurrency=self._concurrency if said.concurrency is None else said.concurrency,
                drain=said.drain,
            )
        )
        return running

    def _bootstrap(self, plane: ControlPlane, running: Running) -> str:
        settings, proxy = plane.settings, running.proxy
        node = Node(
            role=Role.GATEWAY,
            name=proxy.name,
            namespace=proxy.namespace,
            service_account=proxy.name,
            addresses=(ADDRESS,),
            labels=dict(proxy.labels),
            locality=Locality(),
            metadata={} if self._bind in EVERYWHERE else {"BIND_ADDRESS": self._bind},
        )
        trust = None
        if not settings.is_insecure:
            trust = issued_trust(settings.state, node, TOKEN_LIFE, self._clock())
        host = _REACHABLE.get(settings.xds.host, settings.xds.host)
        xds = Address(host, settings.xds.port)
        admin, ready, metrics = (Address("127.0.0.1", port) for port in running.ports)
        probes = Probes(ready=ready, metrics=metrics)
        return json.dumps(bootstrap(node, xds=xds, admin=admin, trust=trust, probes=probes))


async def _settled(plane: ControlPlane, proxies: Iterable[GatewayProxy]) -> None:
    """Return once each of ``proxies`` has answered all that it was sent, or time is up."""
    missing = {str(proxy) for proxy in proxies}
    now = asyncio.get_running_loop().time
    deadline = now() + CONNECTED_WITHIN
    while missing and now() < deadline:
        await asyncio.sleep(LOOK_EVERY)
        states = plane.server.connections.states()
        missing -= {f"{s.name}.{s.namespace}" for s in states if s.revision is not None}
