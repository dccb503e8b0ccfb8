"""Many simulated proxies on the xDS server: how long until all have everything, and one change.

    python benchmarks/xds_load.py [PROXIES] [SERVICES]

Each proxy is a plaintext delta stream on a connection of its own. It takes clusters, endpoints,
listeners and routes and acknowledges them. The clients run in one light process of their own, a
hand-written HTTP/2 that looks at nothing but type and nonce; the server's CPU time is what counts.
"""

import asyncio
import gc
import logging
import multiprocessing
import resource
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection

import structlog
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.address_pb2 import Address, SocketAddress
from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ConfigSource
from envoy.config.endpoint.v3.endpoint_components_pb2 import (
    Endpoint,
    LbEndpoint,
    LocalityLbEndpoints,
)
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import Route, RouteAction, RouteMatch, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from figures import show

from controlplane.envoy.resource import Resource, TypeUrl, resource as encoded
from controlplane.model.proxy import Proxy
from controlplane.xds.server import XdsServer
from controlplane.xds.snapshot import Snapshot, snapshot
from controlplane.xds.wire_pb2 import DeltaDiscoveryRequest, Node

ENDPOINTS = 10  # of each service
TYPES = (TypeUrl.CLUSTER, TypeUrl.ENDPOINT, TypeUrl.LISTENER, TypeUrl.ROUTE)
PATH = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"


def name_of(service: int) -> str:
    return f"outbound|8080||service-{service:04}.shop.svc.cluster.local"


def cluster(service: int) -> Resource:
    source = ConfigSource(ads=AggregatedConfigSource())
    message = Cluster(name=name_of(service), type=Cluster.EDS, alt_stat_name="x" * 350)
    message.eds_cluster_config.eds_config.CopyFrom(source)
    return encoded(TypeUrl.CLUSTER, message.name, message)


def assignment(service: int, *, port: int = 8080) -> Resource:
    found = [
        LbEndpoint(
            endpoint=Endpoint(
                address=Address(
                    socket_address=SocketAddress(
                        address=f"10.{service >> 8}.{service & 255}.{i}", port_value=port
                    )
                )
            )
        )
        for i in range(ENDPOINTS)
    ]
    locality = LocalityLbEndpoints(lb_endpoints=found)
    message = ClusterLoadAssignment(cluster_name=name_of(service), endpoints=[locality])
    return encoded(TypeUrl.ENDPOINT, message.cluster_name, message)


def routes(services: int) -> Resource:
    hosts = [
        VirtualHost(
            name=f"service-{i}",
            domains=[f"service-{i:04}.shop.svc.cluster.local"],
            routes=[Route(match=RouteMatch(prefix="/"), route=RouteAction(cluster=name_of(i)))],
        )
        for i in range(services)
    ]
    return encoded(TypeUrl.ROUTE, "8080", RouteConfiguration(name="8080", virtual_hosts=hosts))


class FixedEngine:
    """Gives every proxy the same snapshot."""

    def __init__(self, now: Snapshot) -> None:
        self.now = now
        self.ready = asyncio.Event()
        self.ready.set()

        self.asked: dict[Proxy, None] = {}

    def snapshot(self, proxy: Proxy) -> Snapshot:
        self.asked[proxy] = None
        return self.now

    def changed(self) -> tuple[Proxy, ...]:
        return tuple(self.asked)


# The clients: HTTP/2 by hand, as light as can be


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + payload


def literal(name: str, value: str) -> bytes:
    """An HPACK field that is not indexed; strings are shorter than 127."""
    n, v = name.encode(), value.encode()
    return b"\x00" + bytes((len(n),)) + n + bytes((len(v),)) + v


HEADERS = b"".join(
    literal(name, value)
    for name, value in (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", PATH),
        (":authority", "xds"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    )
)
SETTINGS = frame(4, 0, 0, b"\x00\x04\x01\x00\x00\x00\x00\x05\x00\xff\xff\xff")
WINDOW = frame(8, 0, 0, (1 << 30).to_bytes(4, "big"))
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SETTINGS + WINDOW + frame(1, 4, 1, HEADERS)


def message(body: bytes) -> bytes:
    """A gRPC message in DATA frames of the size every peer takes."""
    data = b"\x00" + len(body).to_bytes(4, "big") + body
    return b"".join(frame(0, 0, 1, data[i : i + 16384]) for i in range(0, len(data), 16384))


@dataclass
class Fleet:
    """All simulated proxies; ``acked`` counts acknowledgements by type."""

    names: tuple[str, ...]
    acked: int = 0
    received: int = 0
    bytes: int = 0

    def request(self, kind: TypeUrl, *names: str, node: Node | None = None) -> bytes:
        body = DeltaDiscoveryRequest(type_url=kind.value, resource_names_subscribe=names, node=node)
        return message(body.SerializeToString())


class Client(asyncio.BufferedProtocol):
    """One proxy: asks for the next type when it got the last."""

    def __init__(self, fleet: Fleet, number: int, asks: dict[TypeUrl, bytes]) -> None:
        self.fleet, self.asks = fleet, asks
        self.data = bytearray()
        self.buffer = bytearray(1 << 18)
        self.left = 0  # bytes of the current message that have not come yet
        self.head = bytearray()
        self.tail = bytearray()
        node = Node(
            id=f"sidecar~10.9.{number >> 8}.{number & 255}~p{number}.shop~shop.svc.cluster.local"
        )
        self.first = fleet.request(TypeUrl.CLUSTER, node=node)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(PREFACE + self.first)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return memoryview(self.buffer)

    def buffer_updated(self, nbytes: int) -> None:
        self.fleet.bytes += nbytes
        data = self.data
        data += memoryview(self.buffer)[:nbytes]
        position = 0
        while len(data) - position >= 9:
            length = int.from_bytes(data[position : position + 3], "big")
            if len(data) - position < 9 + length:
                break
            kind, flags = data[position + 3], data[position + 4]
            if kind == 0:
                self.part(memoryview(data)[position + 9 : position + 9 + length])
            elif kind == 4 and not flags & 1:
                self.transport.write(frame(4, 1, 0, b""))
            elif kind == 6 and not flags & 1:
                self.transport.write(frame(6, 1, 0, bytes(data[position + 9 : position + 17])))
            elif kind in (3, 7) or (kind == 1 and flags & 1):
                raise AssertionError(
                    f"the server sent frame {kind}: {data[position : position + 200]}"
                )
            position += 9 + length
        del data[:position]

    def part(self, payload: memoryview) -> None:
        """A DATA frame: of each message only the beginning and the end are kept."""
        while payload:
            if self.left == 0:
                need = 5 - len(self.head)
                self.head += payload[:need]
                payload = payload[need:]
                if len(self.head) < 5:
                    return
                self.left = int.from_bytes(self.head[1:5], "big")
            here = payload[: self.left]
            if len(self.head) < 200:
                self.head += here[:200]
            self.tail = bytearray(self.tail[-32:] + here[-32:])
            self.left -= len(here)
            payload = payload[len(here) :]
            if self.left == 0:
                self.whole(bytes(self.head[5:]), bytes(self.tail))
                self.head, self.tail = bytearray(), bytearray()

    def whole(self, head: bytes, tail: bytes) -> None:
        """A response has come: acknowledge it, go on to the next type at the first of each."""
        kind = next(k for k in TYPES if k.value.encode() in head[:200])
        at = tail.rindex(b"\x2a", 0, len(tail) - 1)
        nonce = tail[at + 2 :].decode()
        self.fleet.received += 1
        ack = DeltaDiscoveryRequest(type_url=kind.value, response_nonce=nonce)
        self.transport.write(message(ack.SerializeToString()))
        self.fleet.acked += 1
        if kind in self.asks:
            self.transport.write(self.asks[kind])
            self.asks = {k: v for k, v in self.asks.items() if k is not kind}


async def clients(pipe: Connection, port: int, proxies: int, services: int) -> None:
    fleet = Fleet(tuple(map(name_of, range(services))))
    asks = {
        TypeUrl.CLUSTER: fleet.request(TypeUrl.ENDPOINT, *fleet.names),
        TypeUrl.ENDPOINT: fleet.request(TypeUrl.LISTENER),
        TypeUrl.LISTENER: fleet.request(TypeUrl.ROUTE, "8080"),
    }
    loop = asyncio.get_running_loop()
    for i in range(proxies):
        await loop.create_connection(lambda i=i: Client(fleet, i, asks), "127.0.0.1", port)
    await loop.run_in_executor(None, pipe.recv)
    pipe.send((fleet.received, fleet.bytes))


def run_clients(pipe: Connection, port: int, proxies: int, services: int) -> None:
    asyncio.run(clients(pipe, port, proxies, services))


# The measurement


@dataclass
class Measured:
    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall * 1000:7.0f} ms wall, {self.cpu * 1000:7.0f} ms server CPU"


class RoutesSent:
    """Counts the proxies that got their last type."""

    def __init__(self) -> None:
        self.count = 0

    def sent(self, type_url: TypeUrl, size: int) -> None:  # noqa: ARG002
        self.count += type_url is TypeUrl.ROUTE

    def rejected(self, type_url: TypeUrl) -> None:
        raise AssertionError(f"{type_url.name} was rejected")


async def timed(server: XdsServer, routes_sent: RoutesSent, proxies: int) -> Measured:
    """From now until ``proxies`` have acknowledged all their types."""
    wall, cpu = time.perf_counter(), time.process_time()
    while routes_sent.count < proxies:
        await asyncio.sleep(0.01)
    await server.connections.acknowledged(1)
    return Measured(time.perf_counter() - wall, time.process_time() - cpu)


async def load(proxies: int, services: int) -> dict[str, float]:
    clusters = [cluster(i) for i in range(services)]
    world = {
        TypeUrl.CLUSTER: clusters,
        TypeUrl.ENDPOINT: [assignment(i) for i in range(services)],
        TypeUrl.LISTENER: [encoded(TypeUrl.LISTENER, "8080", Listener(name="8080"))],
        TypeUrl.ROUTE: [routes(services)],
    }
    engine = FixedEngine(snapshot(1, world))
    routes_sent = RoutesSent()
    server = XdsServer(
        engine,
        authenticate=lambda _: None,
        own_secrets=lambda *_: {},
        clock=lambda: datetime.now(UTC),
        traffic=routes_sent,
    )
    port = await server.start("127.0.0.1:0", None)
    server.publish(1)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=run_clients, args=(theirs, port, proxies, services), daemon=True
    )
    process.start()
    while not len(server.connections):
        await asyncio.sleep(0.001)
    connect = await timed(server, routes_sent, proxies)
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # as serve does
    changes = []
    for revision in range(2, 12):
        world[TypeUrl.ENDPOINT][7] = assignment(7, port=8000 + revision)
        changed = snapshot(revision, world)
        shelves = dict(engine.now.shelves) | {TypeUrl.ENDPOINT: changed.shelf(TypeUrl.ENDPOINT)}
        engine.now = Snapshot(revision, shelves)
        wall, cpu = time.perf_counter(), time.process_time()
        server.publish(revision)
        await server.connections.acknowledged(revision)
        changes.append(Measured(time.perf_counter() - wall, time.process_time() - cpu))
    change = sorted(changes, key=lambda m: m.wall)[len(changes) // 2]
    ours.send(None)
    await asyncio.to_thread(ours.recv)
    await server.stop()
    name = f"{proxies:,} proxies, {services:,} services"
    return {
        f"{name}: connect until all acknowledged, s": connect.wall,
        f"{name}: server CPU of that, s": connect.cpu,
        f"{name}: one endpoint change until all acknowledged, median, ms": change.wall * 1e3,
        f"{name}: server CPU of that, ms": change.cpu * 1e3,
        f"{name}: peak RSS, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measured(proxies: int = 1000, services: int = 1000) -> dict[str, float]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return asyncio.run(load(proxies, services))


if __name__ == "__main__":
    show(measured(*map(int, sys.argv[1:])))
