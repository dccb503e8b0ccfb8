"""What one client may ask for, over real gRPC on loopback with small limits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import grpc.aio
import pytest
import structlog
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy_data_plane.envoy.config.core.v3 import Locality, Node

from controlplane.base.names import Namespace
from controlplane.envoy.resource import Resource, TypeUrl, resource
from controlplane.identity.authority import kept_authority
from controlplane.identity.certificates import xds_credential
from controlplane.identity.identity import Identity
from controlplane.model.proxy import Role
from controlplane.sources.state import StateDirectory
from controlplane.xds.limits import LimitExceeded, Limits, RequestRate, Usage
from controlplane.xds.node import Bearer
from controlplane.xds.server import XdsServer
from controlplane.xds.snapshot import snapshot
from tests.support.ads import INGRESS, DeltaClient, delta_stream, sotw_stream
from tests.support.xds_rig import FixedEngine

NODE = Node(id=INGRESS)
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
SMALL = Limits(
    names=10,
    names_of_identity=15,
    streams=3,
    streams_of_node=2,
    requests_per_second=0.0,
    requests_at_once=20,
)


@dataclass
class Counted:
    """What was counted as limited."""

    limits: list[str] = field(default_factory=list)

    def sent(self, type_url: TypeUrl, size: int, due: float, wrote: float) -> None: ...

    def rejected(self, type_url: TypeUrl) -> None: ...

    def limited(self, limit: str) -> None:
        self.limits.append(limit)


@dataclass
class Rig:
    server: XdsServer
    channel: "grpc.aio.Channel"
    counted: Counted
    engine: FixedEngine
    port: int
    revoked: set[str]
    now: datetime = NOW


def cluster(name: str) -> Resource:
    return resource(TypeUrl.CLUSTER, name, Cluster(name=name))


@asynccontextmanager
async def rig(
    limits: Limits = SMALL, *clusters: Resource, tls: grpc.ServerCredentials | None = None
) -> AsyncIterator[Rig]:
    engine = FixedEngine(snapshot(1, {TypeUrl.CLUSTER: clusters}))
    engine.ready.set()
    identity = Identity(
        trust_domain="cluster.local",
        namespace=Namespace("istio-system"),
        service_account="ingress",
        role=Role.GATEWAY,
    )
    revoked: set[str] = set()
    bearer = Bearer(
        identity=identity,
        expires=NOW + timedelta(hours=1),
        token_id="0123456789abcdef",
        revoked=revoked,
    )
    server = XdsServer(
        engine,
        authenticate=lambda _: bearer,
        own_secrets=lambda *_: {},
        clock=lambda: found.now,
        traffic=(counted := Counted()),
        limits=limits,
        wait_limit=0.02,
    )
    port = await server.start("127.0.0.1:0", tls)
    server.publish(1)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            found = Rig(server, channel, counted, engine, port, revoked)
            yield found
    finally:
        await server.stop()


def names(first: int, last: int) -> list[str]:
    return [f"n{i}" for i in range(first, last)]


@asynccontextmanager
async def connected(r: Rig, node: Node = NODE) -> AsyncIterator[DeltaClient]:
    async with delta_stream(r.channel) as client:
        await client.ask("CDS", node=node)
        await client.response()
        yield client


async def test_a_stream_names_ten_resources_more_than_the_mesh_has() -> None:
    async with rig(SMALL, cluster("a"), cluster("b")) as r, connected(r) as client:
        await client.ask("EDS", *names(0, 12))
        await client.response()
        await client.ask("EDS", "n12", unsubscribe=("n0",))
        await client.response()
        await client.ask("EDS", "n13")

        assert await client.ended() == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "the stream subscribes to 13 names, at most 12 are accepted",
        )
        assert r.counted.limits == ["names_of_stream"]


async def test_a_stream_of_the_other_variant_names_as_many() -> None:
    async with rig() as r, sotw_stream(r.channel) as client:
        await client.ask("EDS", *names(0, 11), node=NODE)

        assert (await client.ended())[0] is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_names_that_a_client_says_it_has_count_as_well() -> None:
    async with rig() as r, delta_stream(r.channel) as client:
        await client.ask("CDS", node=NODE, held=dict.fromkeys(names(0, 11), "1"))

        assert (await client.ended())[0] is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_mesh_that_becomes_smaller_ends_no_stream_that_names_more() -> None:
    clusters = tuple(cluster(name) for name in names(0, 12))
    async with rig(SMALL, *clusters) as r, connected(r) as client:
        await client.ask("EDS", *names(0, 12))
        await client.response()
        r.engine.now = snapshot(2, {TypeUrl.CLUSTER: (cluster("a"),)})
        r.server.publish(2)
        await client.ask("EDS", unsubscribe=("n0",))
        await client.ask("EDS", "a", unsubscribe=("n1",))
        while "a" not in (await client.response()).removed_resources:
            pass

        assert r.counted.limits == []


async def test_streams_of_an_identity_that_name_the_same_count_once() -> None:
    async with rig() as r, AsyncExitStack() as streams:
        one, two, three = [
            await streams.enter_async_context(connected(r, node(i))) for i in range(3)
        ]
        for client in (one, two):
            await client.ask("EDS", *names(0, 9))
            await client.response()
        await three.ask("EDS", *names(9, 16))

        assert await three.ended() == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "the streams of the identity subscribe to more than 15 names",
        )


async def test_an_identity_has_three_streams_and_a_node_two() -> None:
    async with rig() as r, AsyncExitStack() as streams:
        for _ in range(2):
            await streams.enter_async_context(connected(r))
        async with delta_stream(r.channel) as third:
            await third.ask("CDS", node=NODE)
            of_node = await third.ended()
        await streams.enter_async_context(connected(r, node(1)))
        async with delta_stream(r.channel) as fourth:
            of_identity = await fourth.ended()

        assert of_node == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "the node id has 2 streams, which is the limit",
        )
        assert of_identity[1] == "the identity has 3 streams, which is the limit"
        assert r.counted.limits == ["streams_of_node", "streams_of_identity"]


def node(i: int) -> Node:
    return Node(id=INGRESS.replace("~ingress.", f"~ingress-{i}."))


async def test_streams_that_ended_do_not_count() -> None:
    async with rig() as r:
        for i in range(4):
            async with connected(r, node(i)):
                pass
            while len(r.server.connections):
                await asyncio.sleep(0)

        assert r.counted.limits == []


async def test_a_stream_sends_twenty_requests_at_once() -> None:
    async with rig() as r, connected(r) as client:
        for i in range(20):
            await client.ask("unknown", node=NODE if i else None)

        assert await client.ended() == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "the stream sends more than 0 requests a second",
        )


def test_requests_are_counted_over_time() -> None:
    rate = RequestRate(Limits(requests_per_second=2, requests_at_once=3), now=0.0)
    for now in (0.0, 0.0, 0.0, 0.5, 1.0):
        rate.take(now)

    with pytest.raises(LimitExceeded):
        rate.take(1.4)


async def test_a_stream_that_says_nothing_ends() -> None:
    async with rig(Limits(first_request=0.05)) as r, delta_stream(r.channel) as client:
        assert await client.ended() == (
            grpc.StatusCode.DEADLINE_EXCEEDED,
            "the stream has no request after 0.05 s",
        )


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (
            Node(id="router~10.0.0.1~" + "x" * 10_000_000),
            "the node's id has 10000016 characters, at most 1024 are accepted",
        ),
        (
            Node(id=INGRESS, locality=Locality(region="x" * 254)),
            "the node's locality has a part of 254 characters, at most 253 are accepted",
        ),
    ],
    ids=["id of 10 MB", "locality"],
)
async def test_a_large_node_is_refused_in_few_words(said: Node, text: str) -> None:
    with structlog.testing.capture_logs() as lines:
        async with rig() as r, delta_stream(r.channel) as client:
            await client.ask("CDS", node=said)

            assert await client.ended() == (grpc.StatusCode.INVALID_ARGUMENT, text)
            assert r.counted.limits == ["node_size"]
    assert max(len(str(line)) for line in lines) < 400


async def test_a_limit_is_logged_once_in_thirty_seconds_whoever_exceeds_it() -> None:
    with structlog.testing.capture_logs() as lines:
        async with rig() as r:
            for after in (0, 10, 29, 30):
                r.now = NOW + timedelta(seconds=after)
                async with connected(r) as client:
                    await client.ask("EDS", *names(0, 11))
                    await client.ended()

        assert r.counted.limits == ["names_of_stream"] * 4
    assert [line["limit"] for line in lines if line["event"] == "client_limited"] == [
        "names_of_stream",
        "names_of_stream",
    ]


async def test_a_name_of_more_than_1024_characters_ends_the_stream() -> None:
    async with rig() as r, connected(r) as client:
        await client.ask("EDS", "x" * 1_025)

        assert await client.ended() == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "the request names a resource with more than 1024 characters",
        )


async def test_a_stream_ends_two_minutes_after_its_token() -> None:
    async with rig() as r, connected(r) as client:
        r.now = NOW + timedelta(hours=1, minutes=1, seconds=59)
        await client.ask("EDS", "a")
        await client.response()
        r.now = NOW + timedelta(hours=1, minutes=2)

        assert await client.ended() == (
            grpc.StatusCode.UNAUTHENTICATED,
            "the token of the stream expired at 2026-11-29 13:00:00 UTC",
        )


async def test_a_stream_ends_when_its_token_is_revoked() -> None:
    async with rig() as r, connected(r) as client:
        r.revoked.add("0123456789abcdef")

        assert await client.ended() == (
            grpc.StatusCode.UNAUTHENTICATED,
            "the token 0123456789abcdef of the stream is revoked",
        )


async def test_unknown_types_are_logged_once() -> None:
    with structlog.testing.capture_logs() as lines:
        async with rig() as r, connected(r) as client:
            for i in range(5):
                await client.ask(f"\x1b[31m{i}" + "x" * 1_000)
            await client.ask("EDS", "a")
            await client.response()

    (line,) = [line for line in lines if line["event"] == "type_not_served"]
    assert line["type_url"] == "\\x1b[31m0" + "x" * 191 + "…"


def test_nothing_is_kept_of_an_identity_without_streams() -> None:
    usage = Usage(SMALL)
    with usage.of(("shop", "cart")) as use:
        use.say_node("a")
        use.subscribe((frozenset({"n"}),), in_mesh=lambda: 0)
        held = len(usage)

    assert (held, len(usage)) == (1, 0)


async def test_a_handshake_that_is_not_finished_is_cut_and_keeps_nobody_out(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    authority = kept_authority(StateDirectory(tmp_path / "state").authority, now)
    credential = xds_credential(authority, ("localhost",), now)
    tls = grpc.ssl_server_credentials([(credential.key, credential.chain)])
    async with rig(Limits(), cluster("a"), tls=tls) as r:
        silent = [await asyncio.open_connection("127.0.0.1", r.port) for _ in range(100)]
        trusting = grpc.ssl_channel_credentials(authority.trust_bundle)
        async with (
            grpc.aio.secure_channel(f"localhost:{r.port}", trusting) as channel,
            delta_stream(channel) as client,
        ):
            await client.ask("CDS", node=NODE)
            assert [sent.name for sent in (await client.response()).resources] == ["a"]

        for reader, writer in silent:
            assert await asyncio.wait_for(reader.read(), 20) == b""
            writer.close()


def deep(levels: int) -> bytes:
    """A first request whose node has metadata that nest so deep."""
    body = b""
    for _ in range(levels):
        value = _field(5, body)  # Value.struct_value
        body = _field(1, _field(1, b"a") + _field(2, value))  # Struct.fields, a map
    return _field(1, _field(1, INGRESS.encode()) + _field(3, body))


def _field(number: int, content: bytes) -> bytes:
    size, length = len(content), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


NAMES = b"".join(_field(3, b"%d" % i) for i in range(100_000))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (_field(3, b"x" * (17 << 20)), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (_field(3, b"a") * 100_001, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (
            b"".join(_field(3, b"%d" % i) for i in range(100_000)),
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        ),
        (_field(3, b"\xc3\x28"), grpc.StatusCode.INVALID_ARGUMENT),
        (b"\xff\xff\xff", grpc.StatusCode.INVALID_ARGUMENT),
        (_field(1, _field(1, b"another~node")), grpc.StatusCode.INVALID_ARGUMENT),
    ],
    ids=["17 MiB", "too many names", "100,000 names", "no UTF-8", "no protobuf", "another node"],
)
async def test_a_hostile_request_ends_its_own_stream_only(
    body: bytes, code: grpc.StatusCode
) -> None:
    eds = _field(2, b"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment")
    async with rig(Limits(), cluster("a")) as r, connected(r, node(1)) as good, connected(r) as bad:
        await good.ask("CDS", nonce="1")
        await bad.send_bytes(eds + body)
        assert (await bad.ended())[0] is code

        r.engine.now = snapshot(2, {TypeUrl.CLUSTER: (cluster("a"), cluster("b"))})
        r.server.publish(2)
        assert [sent.name for sent in (await good.response()).resources] == ["b"]


@pytest.mark.parametrize("levels", [40, 1_000])
async def test_metadata_that_nest_too_deep_end_the_stream(levels: int) -> None:
    async with rig() as r, delta_stream(r.channel) as client:
        await client.send_bytes(deep(levels))

        assert await client.ended() == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "the node's metadata is not a google.protobuf.Struct",
        )


async def test_a_flood_of_unknown_types_ends_the_stream() -> None:
    limits = Limits(requests_per_second=0.0, requests_at_once=5_000)
    async with rig(limits) as r, connected(r) as client:
        for i in range(5_000):
            await client.ask(f"type-{i}" if i else "")

        assert (await client.ended())[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert r.counted.limits == ["requests"]
