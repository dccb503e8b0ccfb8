"""What a runner does: an Envoy for each gateway that the control plane names, until it names it no
longer.

Nothing here stops an Envoy but a response that removes its gateway, another form of the gateway,
and the end of the runner: while the control plane is away, all run on.
"""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog
from envoy.config.core.v3.base_pb2 import Node as NodeMessage
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    Resource,
)
from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError

from controlplane.base.addresses import Address
from controlplane.cli.envoy_processes import Envoys
from controlplane.cli.gateway_process import GatewayProcess, gateway_process
from controlplane.cli.written_file import write_whole
from controlplane.envoy.bootstrap import Node, Trust, bootstrap, node_json, token_file
from controlplane.envoy.bootstrap_values import Json
from controlplane.envoy.gateway_proxies import RunnableGateway, runnable_gateway
from controlplane.envoy.resource import TypeUrl
from controlplane.model.proxy import Locality, Role
from controlplane.model.proxy_start import ProxyStart
from controlplane.translate.istio.proxy_config import config_of_text
from controlplane.translate.istio.proxy_start import proxy_start
from controlplane.xds.runners import ADDRESSES

EVERYWHERE: Final = ("0.0.0.0", "::")
TYPE_URL: Final = TypeUrl.GATEWAY_PROXY.value
_PRIVATE: Final = 0o600
_INVALID: Final = 3  # google.rpc.Code.INVALID_ARGUMENT

log = structlog.stdlib.get_logger("gateways")


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """What the runner's gateways have in common: where the control plane is, where they listen and
    under which address they are known, their files, and the threads of each Envoy.
    """

    xds: Address
    bind: str
    address: str
    folder: Path
    concurrency: int


@dataclass(frozen=True, slots=True)
class _Running:
    gateway: RunnableGateway
    version: str
    process: GatewayProcess


class GatewayRunner:
    """Runs what responses name."""

    def __init__(self, envoys: Envoys, here: Here) -> None:
        self._envoys = envoys
        self._here = here
        self._running: dict[str, _Running] = {}

    def first_request(self, node: Node) -> DeltaDiscoveryRequest:
        """What a stream begins with: who asks, for everything, and what runs already, and where."""
        where = (f"{name}={r.gateway.address}" for name, r in self._running.items())
        metadata = {**node.metadata, ADDRESSES: ",".join(where)}
        node = replace(node, metadata=metadata)
        return DeltaDiscoveryRequest(
            node=ParseDict(node_json(node), NodeMessage()),
            type_url=TYPE_URL,
            resource_names_subscribe=["*"],
            initial_resource_versions={
                name: running.version for name, running in self._running.items()
            },
        )

    def take(self, response: DeltaDiscoveryResponse) -> DeltaDiscoveryRequest:
        """Do what a response says; its answer, which names what cannot be run."""
        faults = [*self._put(response.resources)]
        for name in response.removed_resources:
            if name in self._running:
                self._stop(name)
        answer = DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
        if faults:
            answer.error_detail.code = _INVALID
            answer.error_detail.message = "; ".join(faults)
        return answer

    async def drained(self, within: timedelta) -> None:
        """Return once every Envoy may stop."""
        await asyncio.gather(*(r.process.drained(within) for r in self._running.values()))

    def _put(self, resources: Iterable[Resource]) -> Iterator[str]:
        for resource in resources:
            try:
                self._run(runnable_gateway(resource.resource.value), resource.version)
            except (OSError, DecodeError) as error:
                yield f"{resource.name}: {error}"

    def _run(self, gateway: RunnableGateway, version: str) -> None:
        running = self._running.get(str(gateway))
        if running is not None and _but_for_token(running.gateway) == _but_for_token(gateway):
            self._write_token(running.process, gateway)
            self._running[str(gateway)] = replace(running, gateway=gateway, version=version)
            return
        if running is not None:
            self._stop(str(gateway))
        others = [other.process for other in self._running.values()]
        process = gateway_process(str(gateway), self._here.folder, others, gateway_start(gateway))
        self._write_token(process, gateway)
        document = gateway_bootstrap(gateway, process, self._here)
        self._envoys.start(process.launch(document, self._here.concurrency))
        self._running[str(gateway)] = _Running(gateway, version, process)
        admin = process.admin_port
        log.info("gateway_started", gateway=str(gateway), admin_port=admin, log=str(process.log))

    def _write_token(self, process: GatewayProcess, gateway: RunnableGateway) -> None:
        if gateway.token:
            text = json.dumps(token_file(gateway.token))
            write_whole(process.token, text.encode(), _PRIVATE)

    def _stop(self, name: str) -> None:
        process = self._running.pop(name).process
        log.info("gateway_drains", gateway=name, at_most=process.drain_time.total_seconds())
        leaving = self._envoys.retire(name, process.drained())
        leaving.add_done_callback(lambda _: log.info("gateway_stopped", gateway=name))


def gateway_bootstrap(
    gateway: RunnableGateway, process: GatewayProcess, here: Here
) -> Mapping[str, Json]:
    """The bootstrap of a gateway: as it was sent, on this machine."""
    listens = gateway.address or here.bind
    node = Node(
        role=Role.GATEWAY,
        name=gateway.name,
        namespace=gateway.namespace,
        service_account=gateway.service_account,
        addresses=(here.address,),
        labels=dict(gateway.labels),
        locality=Locality(),
        metadata={} if listens in EVERYWHERE else {"BIND_ADDRESS": listens},
    )
    trust = None
    if gateway.token:
        trust = Trust(
            token=process.token.absolute(),
            root_certificate=gateway.root_certificate,
            server_name=gateway.server_name,
        )
    return bootstrap(
        node,
        xds=here.xds,
        admin=process.admin,
        trust=trust,
        probes=process.probes(here.bind),
        start=process.start,
    )


def gateway_start(gateway: RunnableGateway) -> ProxyStart:
    return proxy_start(
        config_of_text(gateway.proxy_config),
        name=gateway.name,
        namespace=gateway.namespace,
        labels=gateway.labels,
    )


def _but_for_token(gateway: RunnableGateway) -> RunnableGateway:
    """A token is followed as it is renewed, and a ProxyConfig is for the next start."""
    return replace(gateway, token="" if not gateway.token else "any", proxy_config="")
