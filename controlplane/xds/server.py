"""The ADS server: gRPC streams in, a session for each, one engine that decides what every proxy
gets.

Messages pass as bytes; grpc.aio does the HTTP/2 and the TLS. A fault of one stream ends that stream
with a status that says why, and nothing else.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final, Protocol

import grpc
import grpc.aio
import structlog

from controlplane.base.errors import ListenFailed, TokenRefused
from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.model.proxy import Proxy
from controlplane.xds.connections import Connection, Connections
from controlplane.xds.deadlines import WAIT_LIMIT, Deadlines
from controlplane.xds.delta import DeltaSession
from controlplane.xds.events import (
    Acked,
    DeltaRequest,
    Output,
    Refused,
    Rejected,
    Send,
    SotwRequest,
)
from controlplane.xds.log_throttle import LogThrottle
from controlplane.xds.node import Identity, proxy_of
from controlplane.xds.response import Variant
from controlplane.xds.response_cache import ResponseCache
from controlplane.xds.snapshot import Snapshot
from controlplane.xds.sotw import SotwSession
from controlplane.xds.stream import Stream, Traffic, Uncounted
from controlplane.xds.wire import Requests, StreamFault, sotw
from controlplane.xds.wire_pb2 import Node

SERVICE: Final = "envoy.service.discovery.v3.AggregatedDiscoveryService"
WATCH_INTERVAL: Final = 0.5  # seconds
RETRY_EVERY: Final = 10  # looks
"""How often a listener whose port was taken is offered again; the port may be free by then."""
ARRIVAL_TIME: Final = 0.1  # seconds in which Envoy has asked for what it needs, see ``arrived``
STOP_TIME: Final = 2.0  # seconds in which thousands of streams have ended
MEBIBYTE: Final = 1 << 20

CHANNEL_OPTIONS: Final = (
    # A node with 70,000 subscriptions sends 7 MB when it reconnects; gRPC's own limit is 4 MiB.
    ("grpc.max_receive_message_length", 32 * MEBIBYTE),
    ("grpc.max_send_message_length", -1),
    # Without these gRPC refuses streams at random when a thousand reconnect at once.
    ("grpc.server.max_pending_requests", 100_000),
    ("grpc.server.max_pending_requests_hard_limit", 100_000),
    ("grpc.max_concurrent_streams", 100_000),
    # Two servers on one port would each get half of the proxies.
    ("grpc.so_reuseport", 0),
    # Clients that never finish their handshake; gRPC's own limit is 120 s.
    ("grpc.server_handshake_timeout_ms", 5_000),
    # A dead peer is noticed within 40 s, and a peer may ping as often as Envoy's bootstrap says.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # So is one that does not read from its socket and so keeps a response in memory.
    ("grpc.http2.ping_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
)

UNCOUNTED: Final = Uncounted()

log = structlog.stdlib.get_logger("xds")


class Engine(Protocol):
    """What the server needs of the engine."""

    @property
    def ready(self) -> asyncio.Event:
        """Set once the first load is complete; no proxy is answered before."""
        ...

    def snapshot(self, proxy: Proxy) -> Snapshot:
        """What ``proxy`` is to have now; the same object for proxies that get the same."""
        ...

    def changed(self) -> Iterable[Proxy]:
        """The proxies that are to have another snapshot than at the last call."""
        ...


Authenticate = Callable[[Mapping[str, str]], Identity | None]
"""Metadata of a stream to who it is; raises ``TokenRefused``. ``None`` believes the node."""

OwnSecrets = Callable[[Proxy, Identity | None], Mapping[str, Resource]]
"""A proxy's own certificate and trust bundle, by the name it asks for."""


class XdsServer:
    """Serves ADS in both variants."""

    def __init__(
        self,
        engine: Engine,
        *,
        authenticate: Authenticate,
        own_secrets: OwnSecrets,
        clock: Callable[[], datetime],
        traffic: Traffic = UNCOUNTED,
        wait_limit: float = WAIT_LIMIT,
    ) -> None:
        """``wait_limit``: seconds that a stream waits for its client, see ``Deadlines``."""
        self.connections = Connections(clock)
        self.proxies_changed = asyncio.Event()
        """Set when a proxy came or went; the waiter clears it."""
        self._traffic = traffic
        self._engine = engine
        self._authenticate = authenticate
        self._own_secrets = own_secrets
        self._clock = clock
        self._wait_limit = wait_limit
        self._cache = ResponseCache()
        self._requests = Requests()
        self._log_throttle = LogThrottle()
        self._streams: dict[Stream, Identity | None] = {}
        self._of_proxy: dict[Proxy, dict[Stream, None]] = {}
        self._server: grpc.aio.Server | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self, address: str, tls: grpc.ServerCredentials | None) -> int:
        """Listen on ``address`` (``HOST:PORT``) and return the port.

        ``tls`` has the server's certificate; ``None`` serves plaintext,
        which belongs on loopback addresses only. Raises ``ListenFailed``.
        """
        server = grpc.aio.server(options=CHANNEL_OPTIONS)
        methods = {
            "DeltaAggregatedResources": self._handler(Variant.DELTA),
            "StreamAggregatedResources": self._handler(Variant.SOTW),
        }
        handler = grpc.method_handlers_generic_handler(SERVICE, methods)
        server.add_generic_rpc_handlers((handler,))
        try:
            if tls is None:
                port = server.add_insecure_port(address)
            else:
                port = server.add_secure_port(address, tls)
        except RuntimeError as error:
            text = f"cannot listen on {address} for xDS: {error}"
            raise ListenFailed(text, hint="another process may use the port; see --xds") from error
        await server.start()
        self._server = server
        self._watching = asyncio.get_running_loop().create_task(self._watch())
        return port

    async def stop(self, grace: float | None = None) -> None:
        """End all streams, after ``grace`` seconds for those that end by themselves."""
        if self._watching is not None:
            self._watching.cancel()
        if self._server is not None:
            await self._server.stop(grace)
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_TIME):
                    while self._streams:
                        await asyncio.sleep(0.01)

    def publish(self, revision: int) -> None:
        """Bring every connected proxy to the engine's current state, which is ``revision``."""
        self._cache.forget()
        concerned = [s for proxy in self._engine.changed() for s in self._of_proxy.get(proxy, ())]
        self.connections.published(revision, (stream.connection for stream in concerned))
        for stream in concerned:
            with _Contained(stream):
                connection = stream.connection
                snapshot = self._engine.snapshot(connection.proxy)
                self._happened(stream, connection.session.update(snapshot))

    def rotate(self) -> None:
        """Ask for every proxy's own secrets again and send those that changed."""
        for stream, identity in tuple(self._streams.items()):
            with _Contained(stream):
                connection = stream.connection
                own = self._own_secrets(connection.proxy, identity)
                self._happened(stream, connection.session.replace_own(own))

    def _handler(self, variant: Variant) -> "grpc.RpcMethodHandler[bytes, bytes]":
        return grpc.stream_stream_rpc_method_handler(partial(self._serve, variant))

    async def _serve(
        self,
        variant: Variant,
        requests: object,  # noqa: ARG002  # the stream is read through its context
        context: grpc.aio.ServicerContext[bytes, bytes],
    ) -> None:
        fault: StreamFault | None = None
        try:
            await self._converse(variant, context)
        except* StreamFault as faults:
            fault = _first(faults)
            if self._log_throttle.is_due(context.peer(), fault.text, self._clock()):
                log.warning("stream_closed", peer=context.peer(), reason=fault.text)
        except* Exception:
            fault = StreamFault(
                grpc.StatusCode.INTERNAL, "internal error of the control plane on this stream"
            )
            log.exception("stream_failed", peer=context.peer())
        if fault is not None:
            # A client that does not read sees its status when it does; one that does not even read
            # from its socket answers no ping and is dropped with its connection.
            await context.abort(fault.code, fault.text)

    async def _converse(
        self, variant: Variant, context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> None:
        identity = self._identity(context)
        first = await context.read()
        if not isinstance(first, bytes):
            return
        node = self._read(variant, first)[0]
        if node is None or not node.id:
            text = "the first request of a stream has no node"
            raise StreamFault(grpc.StatusCode.INVALID_ARGUMENT, text)
        proxy = proxy_of(node, identity)
        await self._engine.ready.wait()
        connection = self._connection(variant, proxy, node.id, context.peer(), identity)
        stream = Stream(context, connection, self._traffic)
        self._streams[stream] = identity
        self._of_proxy.setdefault(proxy, {})[stream] = None
        self.connections.joined(connection)
        self.proxies_changed.set()
        log.info(
            "proxy_connected", proxy=proxy.name, namespace=proxy.namespace, peer=context.peer()
        )
        try:
            await self._live(variant, stream, first)
        finally:
            del self._streams[stream]
            del self._of_proxy[proxy][stream]
            if not self._of_proxy[proxy]:
                del self._of_proxy[proxy]
            if stream.timer is not None:
                stream.timer.cancel()
            self.connections.left(connection)
            self.proxies_changed.set()
            log.info("proxy_disconnected", proxy=proxy.name, namespace=proxy.namespace)

    async def _live(self, variant: Variant, stream: Stream, first: bytes) -> None:
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(stream.write())
            self._heard(variant, stream, first)
            self._give_time(stream)
            await stream.read(partial(self._heard, variant, stream))
            writing.cancel()

    def _connection(
        self, variant: Variant, proxy: Proxy, node: str, peer: str, identity: Identity | None
    ) -> Connection:
        snapshot, own = self._engine.snapshot(proxy), self._own_secrets(proxy, identity)
        kind = DeltaSession if variant is Variant.DELTA else SotwSession
        return Connection(
            proxy=proxy,
            node=node,
            peer=peer,
            variant=variant,
            connected=self._clock(),
            session=kind(self._cache, snapshot, own),
            deadlines=Deadlines(self._wait_limit),
        )

    def _identity(self, context: grpc.aio.ServicerContext[bytes, bytes]) -> Identity | None:
        metadata = {k: v for k, v in context.invocation_metadata() or () if isinstance(v, str)}
        try:
            return self._authenticate(metadata)
        except TokenRefused as refusal:
            raise StreamFault(grpc.StatusCode.UNAUTHENTICATED, refusal.message) from refusal

    def _read(
        self, variant: Variant, body: bytes
    ) -> tuple[Node | None, DeltaRequest | SotwRequest | str]:
        return self._requests.delta(body) if variant is Variant.DELTA else sotw(body)

    def _heard(self, variant: Variant, stream: Stream, body: bytes) -> None:
        node, request = self._read(variant, body)
        connection = stream.connection
        if node is not None and node.id != connection.node:
            text = f'the node of a stream cannot change, it was "{connection.node}"'
            raise StreamFault(grpc.StatusCode.INVALID_ARGUMENT, text)
        match request, connection.session:
            case DeltaRequest(), DeltaSession() as session:
                self._happened(stream, session.receive(request))
            case SotwRequest(), SotwSession() as session:
                self._happened(stream, session.receive(request))
            case str(), _:
                log.info("type_not_served", proxy=connection.proxy.name, type_url=request[:200])
            case _:
                raise AssertionError("a session of one variant got a request of the other")

    def _happened(self, stream: Stream, outputs: tuple[Output, ...]) -> None:
        stream.emit(outputs)
        self.connections.noted(stream.connection, outputs)
        self._set_timer(stream)
        for output in outputs:
            match output:
                case Rejected(name=name, error=error):
                    self._refused(stream, output, resource=name, error=error)
                case Refused(error=error):
                    self._refused(stream, output, resource=None, error=error)
                case Acked(type_url=TypeUrl.LISTENER):
                    self._give_time(stream)
                case Send() | Acked():
                    pass

    def _refused(
        self, stream: Stream, output: Rejected | Refused, *, resource: str | None, error: str
    ) -> None:
        proxy = stream.connection.proxy
        self._traffic.rejected(output.type_url)
        log.warning(
            "configuration_rejected",
            proxy=proxy.name,
            namespace=proxy.namespace,
            type=output.type_url.name.lower(),
            resource=resource,
            error=error,
        )

    def _give_time(self, stream: Stream) -> None:
        """Give the client time to ask for more, if it may be about to."""
        if stream.connection.session.may_ask_more:
            asyncio.get_running_loop().call_later(ARRIVAL_TIME, self._arrived, stream)

    def _arrived(self, stream: Stream) -> None:
        if stream in self._streams:
            with _Contained(stream):
                self._happened(stream, stream.connection.session.arrived())

    def _set_timer(self, stream: Stream) -> None:
        connection = stream.connection
        if stream.timer is None:
            when = connection.deadlines.next(connection.session)
            if when is not None:
                loop = asyncio.get_running_loop()
                stream.timer = loop.call_at(when, self._waited_long, stream)

    def _waited_long(self, stream: Stream) -> None:
        """Stop waits that have lasted long enough."""
        stream.timer = None
        connection, now = stream.connection, asyncio.get_running_loop().time()
        with _Contained(stream):
            for type_url in connection.deadlines.answered_late(connection.session, now):
                self._happened(stream, connection.session.stop_waiting(type_url))
            for type_url in connection.deadlines.held_back_too_long(now):
                self._happened(stream, connection.session.send_anyway(type_url))
            self._set_timer(stream)

    async def _watch(self) -> None:
        """Offer again what may be taken now, end streams whose clients do not read."""
        for look in itertools.count(1):
            await asyncio.sleep(WATCH_INTERVAL)
            for stream in tuple(self._streams):
                stream.expire()
                if look % RETRY_EVERY == 0:
                    with _Contained(stream):
                        self._happened(stream, stream.connection.session.retry())


def _first(faults: ExceptionGroup[StreamFault]) -> StreamFault:
    """The first fault, however deep task groups have wrapped it."""
    for fault in faults.exceptions:
        return _first(fault) if isinstance(fault, ExceptionGroup) else fault
    raise AssertionError("a group of exceptions is never empty")


class _Contained:
    """The boundary of a stream for events that come from outside of it.

    Not a generator: a publish enters it a thousand times.
    """

    __slots__ = ("_stream",)

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        log.error("stream_failed", proxy=self._stream.connection.proxy.name, exc_info=error)
        return True
