"""Runners: clients of ADS that are no proxies. They run the gateways that Gateways bring with them.

A runner asks for resources of the type GatewayProxy, and its stream is like a proxy's: the same
tokens, sessions, answers and limits. It says in its node's metadata which ports it publishes.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Final, Protocol

import grpc
import grpc.aio
import structlog

from controlplane.base.hosts import is_unscoped_ip
from controlplane.base.peer_text import shown
from controlplane.model.gateway_proxy import PortRange, port_ranges
from controlplane.model.proxy import Proxy
from controlplane.xds.connections import Connection, Connections
from controlplane.xds.contained import Contained
from controlplane.xds.delta import DeltaSession
from controlplane.xds.events import DeltaRequest, Output, Rejected
from controlplane.xds.limits import OF_NAMES, Limits, RequestRate, Use
from controlplane.xds.node import Bearer, envoy_version
from controlplane.xds.response import Variant
from controlplane.xds.response_cache import ResponseCache
from controlplane.xds.snapshot import Snapshot
from controlplane.xds.stream import Stream, Traffic
from controlplane.xds.wire import LimitExceeded, Requests, StreamFault
from controlplane.xds.wire_pb2 import Node

PORTS: Final = "PORTS"
"""The metadata of a runner's node that says which ports others reach: ``8080,8100-8119``."""
ADDRESSES: Final = "ADDRESSES"
"""The metadata that says where its gateways listen: ``front-istio.shop=,back-istio.shop=127.0.1.1``
(the first where the runner has them all listen).
"""
LIMITS: Final = Limits()
Context = grpc.aio.ServicerContext[bytes, bytes]

log = structlog.stdlib.get_logger("xds")


@dataclass(frozen=True, slots=True)
class Caller:
    """A runner whose stream begins: what it says, its first request, and whose token it bears."""

    runner: Proxy
    node: Node
    first: bytes
    bearer: Bearer | None
    use: Use


class Runners(Protocol):
    """Who talks to runners."""

    async def converse(self, variant: Variant, context: Context, caller: Caller) -> None:
        """Serve one stream to its end."""
        ...


class NoRunners:
    """Serves none."""

    async def converse(self, variant: Variant, context: Context, caller: Caller) -> None:  # noqa: ARG002  # the protocol's form
        raise StreamFault(grpc.StatusCode.UNIMPLEMENTED, "runners are not served here")


class ConnectedRunners:
    """The runners that are connected. ``snapshot`` is what each is to have; ``changed`` hears when
    one comes, with where its gateways listen, or goes.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        clock: Callable[[], datetime],
        traffic: Traffic,
        changed: Callable[[Mapping[str, str]], None],
    ) -> None:
        self.connections = Connections(clock)
        self._snapshot = snapshot
        self._clock = clock
        self._traffic = traffic
        self._changed = changed
        self._cache = ResponseCache()
        self._requests = Requests()
        self._streams: dict[Stream, Bearer | None] = {}

    @property
    def published(self) -> tuple[PortRange, ...] | None:
        """The ports that runners publish; ``None`` where none is connected, or one says nothing."""
        said = {dict(r.node_metadata).get(PORTS, "") for r in self.connections.proxies}
        ranges = [port_ranges(text) for text in sorted(said)]
        return tuple(dict.fromkeys(chain(*ranges))) if ranges and all(ranges) else None

    async def converse(self, variant: Variant, context: Context, caller: Caller) -> None:
        """Serve the stream of one runner to its end."""
        if variant is not Variant.DELTA:
            text = "runners are served by DeltaAggregatedResources alone"
            raise StreamFault(grpc.StatusCode.UNIMPLEMENTED, text)
        rate = RequestRate(LIMITS, asyncio.get_running_loop().time())
        connection = self._connection(context, caller)
        stream = Stream(context, connection, self._traffic, use=caller.use, rate=rate)
        with self._joined(stream, caller):
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(stream.write())
                self._heard(stream, caller.first)
                await stream.read(partial(self._heard, stream))
                writing.cancel()

    def update(self) -> None:
        """Bring every runner to what it is to have now."""
        self._cache.forget()
        for stream in tuple(self._streams):
            stream.happen("update", partial(self._update, stream))

    def look(self) -> None:
        """End the streams of runners that do not read, or whose token is over."""
        now = self._clock()
        for stream, bearer in tuple(self._streams.items()):
            stream.expire()
            if bearer is not None and (fault := bearer.fault(now)) is not None:
                stream.end(fault)

    def _connection(self, context: Context, caller: Caller) -> Connection:
        return Connection(
            proxy=caller.runner,
            node=caller.node.id,
            version=envoy_version(caller.node),
            peer=context.peer(),
            variant=Variant.DELTA,
            connected=self._clock(),
            session=DeltaSession(self._cache, self._snapshot()),
        )

    @contextmanager
    def _joined(self, stream: Stream, caller: Caller) -> Iterator[None]:
        """While the block runs, ``stream`` gets what happens."""
        self._streams[stream] = caller.bearer
        self.connections.joined(stream.connection)
        runner, token = caller.runner, caller.bearer.token_id if caller.bearer else None
        who = {"runner": runner.name, "namespace": runner.namespace}
        log.info("runner_connected", **who, peer=stream.connection.peer, token=token)
        try:
            self._changed(addresses_of(runner))
            yield
        finally:
            del self._streams[stream]
            self.connections.left(stream.connection)
            log.info("runner_disconnected", **who)
            self._changed({})

    def _heard(self, stream: Stream, body: bytes) -> None:
        session = stream.connection.session
        stream.rate.take(asyncio.get_running_loop().time())
        _, request = self._requests.delta(body)
        assert isinstance(session, DeltaSession), "runners are served by one variant"
        if not isinstance(request, DeltaRequest):
            log.info("type_not_served", type_url=shown(request))
            return
        if session.named_after(request) > LIMITS.names:
            text = f"the stream subscribes to more than {LIMITS.names:,} names"
            raise LimitExceeded(OF_NAMES, text)
        self._happened(stream, session.receive(request))

    def _update(self, stream: Stream) -> None:
        with Contained(stream):
            self._happened(stream, stream.connection.session.update(self._snapshot()))

    def _happened(self, stream: Stream, outputs: tuple[Output, ...]) -> None:
        stream.emit(outputs)
        self.connections.noted(stream.connection, outputs)
        for output in outputs:
            if isinstance(output, Rejected):
                self._traffic.rejected(output.type_url)
                runner = stream.connection.proxy.name
                log.warning(
                    "gateway_not_run", runner=runner, gateway=output.name, error=output.error
                )


def addresses_of(runner: Proxy) -> Mapping[str, str]:
    """Where the gateways that a runner runs listen, by their names; what is no IP address counts as
    unsaid.
    """
    said = dict(runner.node_metadata).get(ADDRESSES, "")
    pairs = (pair.partition("=") for pair in said.split(",") if "=" in pair)
    return {name: a for name, _, a in pairs if not a or is_unscoped_ip(a)}


NO_RUNNERS: Final = NoRunners()
