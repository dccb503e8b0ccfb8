"""An Envoy for every gateway that the configuration wants, as it changes."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from controlplane.base.addresses import Address
from controlplane.base.names import ObjectKey
from controlplane.cli.envoy_processes import Envoys
from controlplane.cli.gateway_process import OWN_ADDRESS, GatewayProcess, gateway_process
from controlplane.cli.gateway_proxies import declared_by, implied_gateways
from controlplane.cli.issued_trust import issued_trust
from controlplane.cli.log_files import FOLDER
from controlplane.envoy.bootstrap import Node, bootstrap
from controlplane.envoy.bootstrap_values import Json
from controlplane.identity.identity import TOKEN_LIFE
from controlplane.model.gateway_proxy import GatewayProxy
from controlplane.model.proxy import Locality, Role
from controlplane.serve.control_plane import ControlPlane
from controlplane.serve.proxy_start import gateway_start
from controlplane.translate.gateway_api.own_addresses import Network, own_addresses

CONNECTED_WITHIN: Final = 15.0  # seconds until an Envoy that did not connect is reported
LOOK_EVERY: Final = 0.05  # seconds between looks at Envoys that start
EVERYWHERE: Final = ("0.0.0.0", "::")
_REACHABLE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where to connect for every address


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A gateway that has an Envoy, and where it listens."""

    proxy: GatewayProxy
    address: str
    process: GatewayProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Where gateways listen: on ``address``, and where two want the same port, the second on one of
    ``spare``.
    """

    address: str
    spare: Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What was started, what drains before it stops, and the Gateways whose addresses name nothing
    that could run; ``wanted`` says whether there is a gateway at all.
    """

    started: tuple[Running, ...] = ()
    stopping: tuple[GatewayProxy, ...] = ()
    unserved: tuple[ObjectKey, ...] = ()
    wanted: bool = True


NOTHING_RECONCILED: Final = Reconciled()


class GatewayEnvoys:
    """Runs an Envoy for each gateway that the configuration declares. ``stopped`` hears of each
    that no Gateway wants any more, once it is gone.
    """

    def __init__(
        self,
        envoys: Envoys,
        concurrency: int,
        binding: Binding,
        clock: Callable[[], datetime],
        stopped: Callable[[GatewayProxy], None],
    ) -> None:
        self._envoys = envoys
        self._concurrency = concurrency
        self._binding = binding
        self._clock = clock
        self._stopped = stopped
        self._running: dict[GatewayProxy, Running] = {}

    @property
    def pids(self) -> Set[int]:
        return self._envoys.pids

    def named(self, name: str) -> GatewayProxy | None:
        """The gateway that runs under the name ``NAME.NAMESPACE``."""
        return next((proxy for proxy in self._running if str(proxy) == name), None)

    async def reconcile(self, plane: ControlPlane) -> Reconciled:
        """Start and stop Envoys to match the Gateways; returns once the new ones have settled. One
        that is to stop, or to run otherwise, drains meanwhile.
        """
        implied = implied_gateways(declared_by(plane.engine))
        wanted = own_addresses(
            implied.gateways,
            bind=self._binding.address,
            spare=self._binding.spare,
            held={proxy: running.address for proxy, running in self._running.items()},
        )
        names = {str(proxy) for proxy in wanted}
        stopping = [r for p, r in self._running.items() if wanted.get(p) != r.address]
        for running in stopping:
            self._retire(running, is_replaced=str(running.proxy) in names)
        new = sorted((proxy for proxy in wanted if proxy not in self._running), key=str)
        started = tuple(self._start(plane, proxy, wanted[proxy]) for proxy in new)
        await _settled(plane, new)
        return Reconciled(
            started=started,
            stopping=tuple(r.proxy for r in stopping if str(r.proxy) not in names),
            unserved=implied.unserved,
            wanted=bool(wanted),
        )

    def _retire(self, running: Running, *, is_replaced: bool) -> None:
        proxy = running.proxy
        del self._running[proxy]
        leaving = self._envoys.retire(str(proxy), running.process.drained())
        if not is_replaced:
            leaving.add_done_callback(lambda task: task.cancelled() or self._stopped(proxy))

    def _start(self, plane: ControlPlane, proxy: GatewayProxy, address: str) -> Running:
        start = gateway_start(plane.engine, proxy)
        others = [running.process for running in self._running.values()]
        folder = plane.settings.state.path / FOLDER
        process = gateway_process(str(proxy), folder, others, start)
        running = self._running[proxy] = Running(proxy=proxy, address=address, process=process)
        self._envoys.start(process.launch(self._bootstrap(plane, running), self._concurrency))
        return running

    def _bootstrap(self, plane: ControlPlane, running: Running) -> Mapping[str, Json]:
        settings, proxy, address = plane.settings, running.proxy, running.address
        node = Node(
            role=Role.GATEWAY,
            name=proxy.name,
            namespace=proxy.namespace,
            service_account=proxy.service_account,
            addresses=(OWN_ADDRESS,),
            labels=dict(proxy.labels),
            locality=Locality(),
            metadata={} if address in EVERYWHERE else {"BIND_ADDRESS": address},
        )
        trust = None
        if not settings.is_insecure:
            trust = issued_trust(settings.state, node, TOKEN_LIFE, self._clock())
        host = _REACHABLE.get(settings.xds.host, settings.xds.host)
        xds = Address(host, settings.xds.port)
        process = running.process
        return bootstrap(
            node,
            xds=xds,
            admin=process.admin,
            trust=trust,
            probes=process.probes(),
            start=process.start,
        )


async def _settled(plane: ControlPlane, proxies: Iterable[GatewayProxy]) -> None:
    """Return once each of ``proxies`` has answered all that it was sent, or time is up."""
    missing = {str(proxy) for proxy in proxies}
    now = asyncio.get_running_loop().time
    deadline = now() + CONNECTED_WITHIN
    while missing and now() < deadline:
        await asyncio.sleep(LOOK_EVERY)
        states = plane.server.connections.states()
        missing -= {f"{s.name}.{s.namespace}" for s in states if s.revision is not None}
