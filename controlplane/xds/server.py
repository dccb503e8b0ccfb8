"""The ADS server: gRPC streams in, a session for each, one engine that decides what every proxy
gets.

Messages pass as bytes; grpc.aio does the HTTP/2 and the TLS. A fault of one stream ends that stream
with a status that says why, and nothing else.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Final

import grpc
import grpc.aio
import structlog

from controlplane.base.peer_text import shown
from controlplane.envoy.resource import TypeUrl
from controlplane.model.proxy import Proxy, Role
from controlplane.xds.connections import Connection, Connections
from controlplane.xds.contained import Contained
from controlplane.xds.deadlines import WAIT_LIMIT, Deadlines
from controlplane.xds.delta import DeltaSession
from controlplane.xds.engine import Engine, OwnSecrets
from controlplane.xds.events import (
    Acked,
    DeltaRequest,
    Output,
    Refused,
    Rejected,
    Send,
    SotwRequest,
)
from controlplane.xds.fault_log import FaultLog
from controlplane.xds.free_port import not_free, require_free
from controlplane.xds.greeting import Authenticate, bearer_of, first_request
from controlplane.xds.grpc_options import CHANNEL_OPTIONS
from controlplane.xds.limits import OF_NAMES, Limits, RequestRate, Usage, Use, account_of
from controlplane.xds.log_throttle import LogThrottle
from controlplane.xds.node import Bearer, Identity, envoy_version, proxy_of
from controlplane.xds.registrar import NoRegistrar, Registrar, claim_of
from controlplane.xds.response import Variant
from controlplane.xds.response_cache import ResponseCache
from controlplane.xds.runners import NO_RUNNERS, Caller, Runners
from controlplane.xds.service import Service
from controlplane.xds.session import Session
from controlplane.xds.sotw import SotwSession
from controlplane.xds.stream import Stream, Traffic, Uncounted
from controlplane.xds.wire import LimitExceeded, Requests, StreamFault, node_of, sotw
from controlplane.xds.wire_pb2 import Node

SERVICE: Final = "envoy.service.discovery.v3.AggregatedDiscoveryService"
WATCH_INTERVAL: Final = 0.5  # seconds
RETRY_EVERY: Final = 10  # looks
"""How often a listener whose port was taken is offered again; the port may be free by then."""
ARRIVAL_TIME: Final = 0.1  # seconds in which Envoy has asked for what it needs, see ``arrived``
STOP_TIME: Final = 2.0  # seconds in which thousands of streams have ended

UNCOUNTED: Final = Uncounted()
UNREGISTERED: Final = NoRegistrar()
LIMITS: Final = Limits()

log = structlog.stdlib.get_logger("xds")


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
        registrar: Registrar = UNREGISTERED,
        services: Iterable[Service] = (),
        runners: Runners = NO_RUNNERS,
        wait_limit: float = WAIT_LIMIT,
        limits: Limits = LIMITS,
    ) -> None:
        """``services`` are served on the same port; ``wait_limit``: seconds that a stream waits for
        its client, see ``Deadlines``.
        """
        self.connections = Connections(clock)
        self.proxies_changed = asyncio.Event()
        """Set when a proxy came or went; the waiter clears it."""
        self._gone: dict[Proxy, None] = {}
        self._traffic = traffic
        self._registrar = registrar
        self._services = tuple(services)
        self._runners = runners
        self._engine = engine
        self._authenticate = authenticate
        self._own_secrets = own_secrets
        self._clock = clock
        self._wait_limit = wait_limit
        self._cache = ResponseCache()
        self._requests = Requests()
        self._limits = limits
        self._usage = Usage(limits)
        self._log_throttle = LogThrottle()
        self._faults = FaultLog(traffic, clock)
        self._streams: dict[Stream, Bearer | None] = {}
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
        more = (service.handler(self._authenticate, self._faults) for service in self._services)
        server.add_generic_rpc_handlers((handler, *more))
        require_free(address)
        try:
            if tls is None:
                port = server.add_insecure_port(address)
            else:
                port = server.add_secure_port(address, tls)
        except RuntimeError as error:
            raise not_free(address, str(error)) from error
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

    def publish(self, revision: int) -> int:
        """Bring every connected proxy to the engine's current state, which is ``revision``. Gives
        how many proxies are to have something else than before.
        """
        proxies = [proxy for proxy in self._engine.changed() if proxy in self._of_proxy]
        concerned = [stream for proxy in proxies for stream in self._of_proxy[proxy]]
        if concerned:  # else what is remembered is what is asked for
            self._cache.forget()
        self.connections.published(revision, (stream.connection for stream in concerned))
        for stream in concerned:
            stream.happen("update", partial(self._update, stream))
        return len(proxies)

    def take_gone(self) -> tuple[Proxy, ...]:
        """The proxies that have had no stream since the last call, though they had one before."""
        gone, self._gone = tuple(self._gone), {}
        return gone

    def rotate(self) -> None:
        """Ask for every proxy's own secrets again and send those that changed."""
        for stream in tuple(self._streams):
            stream.happen("rotate", partial(self._rotate, stream))

    def _update(self, stream: Stream) -> None:
        with Contained(stream):
            connection = stream.connection
            snapshot = self._engine.snapshot(connection.proxy)
            self._happened(stream, connection.session.update(snapshot))

    def _rotate(self, stream: Stream) -> None:
        with Contained(stream):
            connection, bearer = stream.connection, self._streams[stream]
            own = self._own_secrets(connection.proxy, bearer.identity if bearer else None)
            self._happened(stream, connection.session.replace_own(own))

    def _handler(self, variant: Variant) -> "grpc.RpcMethodHandler[bytes, bytes]":
        return grpc.stream_stream_rpc_method_handler(partial(self._serve, variant))

    async def _serve(
        self,
        variant: Variant,
        requests: object,  # noqa: ARG002  # the stream is read through its context
        context: grpc.aio.ServicerContext[bytes, bytes],
    ) -> None:
        await self._faults.guard(context, self._converse(variant, context))

    async def _converse(
        self, variant: Variant, context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> None:
        bearer = bearer_of(context, self._authenticate)
        identity = bearer.identity if bearer is not None else None
        with ExitStack() as ended:
            use: Use | None = None
            if identity is not None:
                use = ended.enter_context(self._usage.of(account_of(identity)))
            first = await first_request(context, self._limits.first_request)
            if first is None:
                return
            node = node_of(variant, first)
            if node is None or not node.id:
                text = "the first request of a stream has no node"
                raise StreamFault(grpc.StatusCode.INVALID_ARGUMENT, text)
            proxy = proxy_of(node, identity)
            if use is None:
                use = ended.enter_context(self._usage.of(account_of(proxy)))
            use.say_node(node.id)
            await self._engine.ready.wait()
            if proxy.role is Role.RUNNER:
                caller = Caller(proxy, node, first, bearer, use)
                await self._runners.converse(variant, context, caller)
                return
            claim = claim_of(proxy, bearer, context.peer())
            proxy = self._registrar.recognised(proxy, claim)
            connection = self._connection(variant, proxy, node, context.peer(), identity)
            rate = RequestRate(self._limits, asyncio.get_running_loop().time())
            stream = Stream(context, connection, self._traffic, use=use, rate=rate)
            with self._joined(stream, bearer), self._registrar.stream(proxy, claim):
                await self._live(variant, stream, first)

    @contextmanager
    def _joined(self, stream: Stream, bearer: Bearer | None) -> Iterator[None]:
        """While the block runs, ``stream`` gets what happens."""
        connection = stream.connection
        proxy, peer = connection.proxy, connection.peer
        self._streams[stream] = bearer
        self._of_proxy.setdefault(proxy, {})[stream] = None
        self._gone.pop(proxy, None)
        self.connections.joined(connection)
        self.proxies_changed.set()
        token = bearer.token_id if bearer is not None else None
        who: dict[str, str | None] = {"proxy": proxy.name, "namespace": proxy.namespace}
        log.info("proxy_connected", **who, peer=peer, token=token)
        try:
            yield
        finally:
            del self._streams[stream]
            del self._of_proxy[proxy][stream]
            if not self._of_proxy[proxy]:
                del self._of_proxy[proxy]
                self._gone[proxy] = None
            if stream.timer is not None:
                stream.timer.cancel()
            self.connections.left(connection)
            self.proxies_changed.set()
            log.info("proxy_disconnected", **who)

    async def _live(self, variant: Variant, stream: Stream, first: bytes) -> None:
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(stream.write())
            self._heard(variant, stream, first)
            self._give_time(stream)
            await stream.read(partial(self._heard, variant, stream))
            writing.cancel()

    def _connection(
        self, variant: Variant, proxy: Proxy, node: Node, peer: str, identity: Identity | None
    ) -> Connection:
        snapshot, own = self._engine.snapshot(proxy), self._own_secrets(proxy, identity)
        kind = DeltaSession if variant is Variant.DELTA else SotwSession
        return Connection(
            proxy=proxy,
            node=node.id,
            version=envoy_version(node),
            peer=peer,
            variant=variant,
            connected=self._clock(),
            session=kind(self._cache, snapshot, own),
            deadlines=Deadlines(self._wait_limit),
        )

    def _read(
        self, variant: Variant, body: bytes
    ) -> tuple[Node | None, DeltaRequest | SotwRequest | str]:
        return self._requests.delta(body) if variant is Variant.DELTA else sotw(body)

    def _heard(self, variant: Variant, stream: Stream, body: bytes) -> None:
        connection = stream.connection
        stream.rate.take(asyncio.get_running_loop().time())
        node, request = self._read(variant, body)
        if node is not None and node.id != connection.node:
            text = f'the node of a stream cannot change, it was "{shown(connection.node)}"'
            raise StreamFault(grpc.StatusCode.INVALID_ARGUMENT, text)
        match request, connection.session:
            case DeltaRequest(), DeltaSession() as session:
                self._limit_names(session, session.named_after(request))
                outputs = session.receive(request)
            case SotwRequest(), SotwSession() as session:
                self._limit_names(session, session.named_after(request))
                outputs = session.receive(request)
            case str(), _:
                self._not_served(connection, request)
                return
            case _:
                raise AssertionError("a session of one variant got a request of the other")
        stream.use.subscribe(session.subscriptions, in_mesh=lambda: session.in_mesh)
        self._happened(stream, outputs)

    def _limit_names(self, session: Session, named: int) -> None:
        """What is named already may stay, though the mesh became smaller."""
        if named > max(self._limits.names, session.named):
            most = self._limits.names + session.in_mesh
            if named > max(most, session.named):
                text = f"the stream subscribes to {named:,} names, at most {most:,} are accepted"
                raise LimitExceeded(OF_NAMES, text)

    def _not_served(self, connection: Connection, type_url: str) -> None:
        if self._log_throttle.is_due(connection.peer, "type_not_served", self._clock()):
            name = connection.proxy.name
            log.info("type_not_served", proxy=name, type_url=shown(type_url))

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
        connection = stream.connection
        self._traffic.rejected(output.type_url)
        type_ = output.type_url.name.lower()
        if self._log_throttle.is_due(connection.peer, f"{type_} {resource} {error}", self._clock()):
            log.warning(
                "configuration_rejected",
                proxy=connection.proxy.name,
                namespace=connection.proxy.namespace,
                type=type_,
                resource=resource,
                error=error,
            )

    def _give_time(self, stream: Stream) -> None:
        """Give the client time to ask for more, if it may be about to."""
        if stream.connection.session.may_ask_more:
            asyncio.get_running_loop().call_later(ARRIVAL_TIME, self._arrived, stream)

    def _arrived(self, stream: Stream) -> None:
        if stream in self._streams:
            stream.happen("arrived", partial(self._has_arrived, stream))

    def _has_arrived(self, stream: Stream) -> None:
        with Contained(stream):
            self._happened(stream, stream.connection.session.arrived())

    def _set_timer(self, stream: Stream) -> None:
        connection = stream.connection
        if stream.timer is None:
            when = connection.deadlines.next(connection.session)
            if when is not None:
                loop = asyncio.get_running_loop()
                stop = partial(self._waited_long, stream)
                stream.timer = loop.call_at(when, stream.happen, "waited", stop)

    def _waited_long(self, stream: Stream) -> None:
        """Stop waits that have lasted long enough."""
        stream.timer = None
        connection, now = stream.connection, asyncio.get_running_loop().time()
        with Contained(stream):
            for type_url in connection.deadlines.answered_late(connection.session, now):
                self._happened(stream, connection.session.stop_waiting(type_url))
            for type_url in connection.deadlines.held_back_too_long(now):
                self._happened(stream, connection.session.send_anyway(type_url))
            self._set_timer(stream)

    async def _watch(self) -> None:
        """Offer again what may be taken now, end streams whose clients do not read."""
        for look in itertools.count(1):
            await asyncio.sleep(WATCH_INTERVAL)
            now = self._clock()
            for stream, bearer in tuple(self._streams.items()):
                stream.expire()
                if bearer is not None and (fault := bearer.fault(now)) is not None:
                    stream.end(fault)
                if look % RETRY_EVERY == 0:
                    stream.happen("retry", partial(self._retry, stream))

    def _retry(self, stream: Stream) -> None:
        with Contained(stream):
            self._happened(stream, stream.connection.session.retry())
