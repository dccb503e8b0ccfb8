"""Health discovery: the Envoy beside a workload probes it as its WorkloadGroup says, and reports.

One stream for each Envoy, beside its ADS stream and with the same token. What it is to check comes
from here, again whenever that changes; it reports every few seconds.
Source: envoy/service/health/v3/hds.proto.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

import grpc
import grpc.aio
from envoy.config.core.v3.health_check_pb2 import HealthStatus
from envoy.service.health.v3.hds_pb2 import (
    EndpointHealthResponse,
    HealthCheckRequestOrEndpointHealthResponse,
)
from google.protobuf.message import DecodeError

from controlplane.envoy.health_checks import health_check_specifier
from controlplane.model.probe import Probe
from controlplane.model.registration import Claim
from controlplane.xds.fault_log import FaultLog
from controlplane.xds.greeting import Authenticate, bearer_of, first_request
from controlplane.xds.limits import Limits, RequestRate, Usage
from controlplane.xds.node import Bearer, proxy_of
from controlplane.xds.registrar import claim_of
from controlplane.xds.stream import WRITE_DEADLINE, SlowClient
from controlplane.xds.wire import StreamFault
from controlplane.xds.wire_pb2 import Node

SERVICE: Final = "envoy.service.health.v3.HealthDiscoveryService"
LIMITS: Final = Limits()
Context = grpc.aio.ServicerContext[bytes, bytes]


class Probes(Protocol):
    """What workloads are probed with, and who hears what was found."""

    @property
    def probes_changed(self) -> asyncio.Event:
        """Set when probes may be others than now; a new one each time."""
        ...

    def probe(self, claim: Claim) -> Probe | None:
        """How a workload is probed; ``None``: not at all."""
        ...

    def found(self, claim: Claim, *, is_healthy: bool) -> None:
        """A workload was probed."""
        ...


class HealthService:
    """Serves HDS."""

    def __init__(
        self,
        probes: Probes,
        ready: asyncio.Event,
        clock: Callable[[], datetime],
        limits: Limits = LIMITS,
    ) -> None:
        """``ready`` is set once the first load is complete."""
        self._probes = probes
        self._ready = ready
        self._clock = clock
        self._limits = limits
        self._usage = Usage(limits)

    def handler(self, authenticate: Authenticate, faults: FaultLog) -> grpc.GenericRpcHandler:
        async def serve(_: object, context: Context) -> None:  # it is read through its context
            await faults.guard(context, self._converse(context, authenticate))

        stream: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(serve)
        return grpc.method_handlers_generic_handler(SERVICE, {"StreamHealthCheck": stream})

    async def _converse(self, context: Context, authenticate: Authenticate) -> None:
        bearer = bearer_of(context, authenticate)
        identity = bearer.identity if bearer is not None else None
        first = await first_request(context, self._limits.first_request)
        if first is None:
            return
        node = _node(first)
        proxy = proxy_of(node, identity)
        with self._usage.of((proxy.namespace, proxy.service_account)) as use:
            use.say_node(node.id)
            await self._ready.wait()
            claim = claim_of(proxy, bearer, context.peer())
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._send_specifiers(claim, context))
                await self._hear(claim, bearer, context)
                sending.cancel()

    async def _send_specifiers(self, claim: Claim | None, context: Context) -> None:
        """Send what to check, and again when that changes. A delay counts from the beginning of the
        stream; an Envoy that connects anew goes on with what it has meanwhile.
        """
        sent: bytes | None = None
        while True:
            changed = self._probes.probes_changed
            probe = self._probes.probe(claim) if claim is not None else None
            if probe is not None and sent is None:
                await asyncio.sleep(probe.delay.total_seconds())
            specifier = health_check_specifier(probe).SerializeToString(deterministic=True)
            if specifier != sent:
                try:
                    async with asyncio.timeout(WRITE_DEADLINE):
                        await context.write(specifier)
                except TimeoutError:
                    raise SlowClient(WRITE_DEADLINE) from None
                sent = specifier
            await changed.wait()

    async def _hear(self, claim: Claim | None, bearer: Bearer | None, context: Context) -> None:
        """Hand on what the Envoy reports until it ends the stream; of one whose token is over or
        revoked nothing more.
        """
        loop = asyncio.get_running_loop()
        rate = RequestRate(self._limits, loop.time())
        while isinstance(body := await context.read(), bytes):
            rate.take(loop.time())
            fault = bearer.fault(self._clock()) if bearer is not None else None
            if fault is not None:
                raise fault
            report = _message(body)
            if claim is not None and report.HasField("endpoint_health_response"):
                is_healthy = _is_healthy(report.endpoint_health_response)
                if is_healthy is not None:
                    self._probes.found(claim, is_healthy=is_healthy)


def _is_healthy(report: EndpointHealthResponse) -> bool | None:
    """Whether the workload is healthy; ``None`` where it was not checked."""
    found = [
        endpoint.health_status == HealthStatus.HEALTHY
        for cluster in report.cluster_endpoints_health
        for locality in cluster.locality_endpoints_health
        for endpoint in locality.endpoints_health
    ]
    return all(found) if found else None


def _node(first: bytes) -> Node:
    message = _message(first)
    node = Node.FromString(message.health_check_request.node.SerializeToString())
    if not node.id:
        text = "the first request of a stream has no node"
        raise StreamFault(grpc.StatusCode.INVALID_ARGUMENT, text)
    return node


def _message(body: bytes) -> HealthCheckRequestOrEndpointHealthResponse:
    try:
        return HealthCheckRequestOrEndpointHealthResponse.FromString(body)
    except DecodeError as error:
        text = "the request is not one of health discovery"
        raise StreamFault(grpc.StatusCode.INVALID_ARGUMENT, text) from error
