"""An ADS client that shares no code with the server: envoy-data-plane encodes and decodes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import grpc.aio
from envoy_data_plane.envoy.config.core.v3 import Node
from envoy_data_plane.envoy.service.discovery.v3 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    DiscoveryRequest,
    DiscoveryResponse,
)
from envoy_data_plane.google.rpc import Status

SERVICE = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
PREFIX = "type.googleapis.com/"
URLS = {
    "CDS": f"{PREFIX}envoy.config.cluster.v3.Cluster",
    "EDS": f"{PREFIX}envoy.config.endpoint.v3.ClusterLoadAssignment",
    "LDS": f"{PREFIX}envoy.config.listener.v3.Listener",
    "RDS": f"{PREFIX}envoy.config.route.v3.RouteConfiguration",
    "SDS": f"{PREFIX}envoy.extensions.transport_sockets.tls.v3.Secret",
}
INGRESS = "router~10.0.0.1~ingress.istio-system~istio-system.svc.cluster.local"
WAIT = 20.0  # seconds until a missing response fails the test


class Client:
    """One stream. Requests go out as messages or as raw bytes, responses come as bytes."""

    def __init__(self, call: "grpc.aio.StreamStreamCall[bytes, bytes]") -> None:
        self.call = call

    async def send_bytes(self, body: bytes) -> None:
        await self.call.write(body)

    async def receive_bytes(self) -> bytes:
        body = await asyncio.wait_for(self.call.read(), WAIT)
        assert isinstance(body, bytes), f"the stream ended: {await self.call.details()}"
        return body

    async def ended(self) -> tuple[grpc.StatusCode, str]:
        """The status with which the server ended the stream."""
        with suppress(grpc.aio.AioRpcError):
            await asyncio.wait_for(self.call.read(), WAIT)
        code = await asyncio.wait_for(self.call.code(), WAIT)
        return code, await self.call.details()


class DeltaClient(Client):
    """Speaks delta."""

    async def ask(
        self,
        short: str,
        *subscribe: str,
        node: Node | None = None,
        unsubscribe: tuple[str, ...] = (),
        held: dict[str, str] | None = None,
        nonce: str = "",
        error: str | None = None,
    ) -> None:
        request = DeltaDiscoveryRequest(
            node=node,
            type_url=URLS.get(short, short),
            resource_names_subscribe=list(subscribe),
            resource_names_unsubscribe=list(unsubscribe),
            initial_resource_versions=held or {},
            response_nonce=nonce,
            error_detail=None if error is None else Status(code=13, message=error),
        )
        await self.send_bytes(bytes(request))

    async def response(self) -> DeltaDiscoveryResponse:
        return DeltaDiscoveryResponse.parse(await self.receive_bytes())


class SotwClient(Client):
    """Speaks state of the world."""

    async def ask(
        self, short: str, *names: str, node: Node | None = None, nonce: str = "", version: str = ""
    ) -> None:
        request = DiscoveryRequest(
            node=node,
            type_url=URLS[short],
            resource_names=list(names),
            response_nonce=nonce,
            version_info=version,
        )
        await self.send_bytes(bytes(request))

    async def response(self) -> DiscoveryResponse:
        return DiscoveryResponse.parse(await self.receive_bytes())


@asynccontextmanager
async def delta_stream(
    target: "grpc.aio.Channel", metadata: tuple[tuple[str, str], ...] = ()
) -> AsyncIterator[DeltaClient]:
    method: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = target.stream_stream(
        f"{SERVICE}DeltaAggregatedResources"
    )
    call = method(metadata=metadata)
    try:
        yield DeltaClient(call)
    finally:
        call.cancel()


@asynccontextmanager
async def sotw_stream(
    target: "grpc.aio.Channel", metadata: tuple[tuple[str, str], ...] = ()
) -> AsyncIterator[SotwClient]:
    method: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = target.stream_stream(
        f"{SERVICE}StreamAggregatedResources"
    )
    call = method(metadata=metadata)
    try:
        yield SotwClient(call)
    finally:
        call.cancel()
