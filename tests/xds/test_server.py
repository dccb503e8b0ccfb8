"""The server over real gRPC on loopback, asked by a client that decodes with envoy-data-plane."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import grpc
import grpc.aio
import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy_data_plane.envoy.config.cluster.v3 import Cluster as ReadCluster
from envoy_data_plane.envoy.config.core.v3 import Node

from controlplane.admin.view import SyncState
from controlplane.base.errors import ListenFailed, TokenRefused
from controlplane.base.names import Namespace
from controlplane.envoy.resource import Resource, TypeUrl, resource
from controlplane.identity.authority import kept_authority
from controlplane.identity.certificates import xds_credential
from controlplane.identity.identity import Identity
from controlplane.model.proxy import Proxy, Role
from controlplane.sources.state import StateDirectory
from controlplane.xds.node import Bearer
from controlplane.xds.server import XdsServer
from controlplane.xds.snapshot import snapshot
from tests.support.ads import INGRESS, DeltaClient, delta_stream, sotw_stream
from tests.support.xds_rig import FixedEngine

NODE = Node(id=INGRESS, cluster="ingress")
WITH_TOKEN = (("authorization", "Bearer ingress"),)
TOKENS = {
    "Bearer ingress": Bearer(
        identity=Identity(
            trust_domain="cluster.local",
            namespace=Namespace("istio-system"),
            service_account="ingress",
            role=Role.GATEWAY,
        ),
        expires=datetime(2126, 11, 27, tzinfo=UTC),
    )
}
TOKENS["Bearer elsewhere"] = replace(TOKENS["Bearer ingress"], network=ip_network("10.0.0.0/8"))


def cluster(name: str, alt_stat_name: str = "") -> Resource:
    return resource(TypeUrl.CLUSTER, name, Cluster(name=name, alt_stat_name=alt_stat_name))


def listener(name: str) -> Resource:
    return resource(TypeUrl.LISTENER, name, Listener(name=name))


@dataclass
class Rig:
    engine: FixedEngine
    server: XdsServer
    channel: "grpc.aio.Channel"
    secrets: dict[str, Resource]
    port: int

    def change(self, revision: int, *clusters: Resource) -> None:
        self.engine.now = snapshot(revision, {TypeUrl.CLUSTER: clusters})
        self.server.publish(revision)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[DeltaClient]:
        """A client that has its clusters and acknowledged them."""
        async with delta_stream(self.channel) as client:
            await client.ask("CDS", node=NODE)
            await client.ask("CDS", nonce=(await client.response()).nonce)
            await self.server.connections.acknowledged(1)
            yield client


def by_token(metadata: Mapping[str, str]) -> Bearer | None:
    token = metadata.get("authorization")
    if token is None:
        return None
    if token not in TOKENS:
        raise TokenRefused("the token is not one of this control plane")
    return TOKENS[token]


@asynccontextmanager
async def rig(
    *clusters: Resource, tls: grpc.ServerCredentials | None = None, wait_limit: float = 1.0
) -> AsyncIterator[Rig]:
    engine = FixedEngine(snapshot(1, {TypeUrl.CLUSTER: clusters}))
    engine.ready.set()
    secrets: dict[str, Resource] = {}
    server = XdsServer(
        engine,
        authenticate=by_token,
        own_secrets=lambda *_: dict(secrets),
        clock=lambda: datetime.now(UTC),
        wait_limit=wait_limit,
    )
    port = await server.start("127.0.0.1:0", tls)
    server.publish(1)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Rig(engine, server, channel, secrets, port)
    await server.stop()


async def test_a_revision_that_changes_nothing_for_proxies_leaves_their_answers_shared() -> None:
    async with rig(cluster("a")) as r, r.connected():
        cache = r.server._cache
        shared = cache.size
        r.engine.asked.clear()  # what changes concerns nobody
        r.server.publish(2)

        assert cache.size == shared > 0


async def test_an_independent_client_reads_what_is_sent() -> None:
    async with rig(cluster("a", "alternative")) as r, delta_stream(r.channel) as client:
        await client.ask("CDS", node=NODE)
        response = await client.response()

        (sent,) = response.resources
        assert (sent.name, response.nonce) == ("a", "1")
        assert response.type_url == "type.googleapis.com/envoy.config.cluster.v3.Cluster"
        assert sent.resource is not None
        assert sent.resource.type_url == response.type_url
        assert ReadCluster.parse(sent.resource.value).alt_stat_name == "alternative"
        assert sent.version == cluster("a", "alternative").version


async def test_an_independent_client_reads_the_state_of_the_world() -> None:
    async with rig(cluster("b"), cluster("a")) as r, sotw_stream(r.channel) as client:
        await client.ask("CDS", node=NODE)
        response = await client.response()

        assert [ReadCluster.parse(any.value).name for any in response.resources] == ["a", "b"]
        assert (response.nonce, len(response.version_info)) == ("1", 16)


async def test_a_change_reaches_a_connected_proxy_and_its_acknowledgement_is_known() -> None:
    async with rig(cluster("a")) as r, r.connected() as client:
        r.change(2, cluster("a"), cluster("b"))
        response = await client.response()
        acknowledged = asyncio.ensure_future(r.server.connections.acknowledged(2))
        before = r.server.connections.states()[0]
        await client.ask("CDS", nonce=response.nonce)
        await asyncio.wait_for(acknowledged, 5)
        after = r.server.connections.states()[0]

        assert [sent.name for sent in response.resources] == ["b"]
        assert (before.revision, before.types[0].state) == (1, SyncState.WAITING)
        assert before.types[0].since is not None
        assert (after.revision, after.types[0].state) == (2, SyncState.SYNCED)
        assert after.types[1].state is SyncState.UNASKED


async def test_a_client_that_does_not_answer_is_sent_what_comes_next_and_shown_as_overdue() -> None:
    async with rig(cluster("a"), wait_limit=0.05) as r, delta_stream(r.channel) as client:
        before = datetime.now(UTC)
        await client.ask("CDS", node=NODE)
        await client.response()
        sent = datetime.now(UTC)
        r.change(2, cluster("a"), cluster("b"))
        in_time = r.server.connections.states()[0].types[0]

        response = await client.response()

        late = r.server.connections.states()[0].types[0]
        assert [found.name for found in response.resources] == ["b"]
        assert (in_time.state, late.state) == (SyncState.WAITING, SyncState.OVERDUE)
        assert late.since is not None
        assert before < late.since < sent


async def test_a_client_that_does_not_answer_holds_back_no_other() -> None:
    async with rig(cluster("a")) as r, r.connected() as prompt, delta_stream(r.channel) as mute:
        await mute.ask("CDS", node=NODE)
        await mute.response()

        r.change(2, cluster("a"), cluster("b"))

        assert [found.name for found in (await prompt.response()).resources] == ["b"]


async def test_a_revision_without_news_is_acknowledged_at_once() -> None:
    async with rig(cluster("a")) as r, r.connected():
        r.change(2, cluster("a"))

        await asyncio.wait_for(r.server.connections.acknowledged(2), 5)


async def test_a_refused_resource_is_shown_with_envoys_words() -> None:
    async with rig(cluster("a")) as r, r.connected() as client:
        r.change(2, cluster("a", "bad"))
        response = await client.response()
        await client.ask("CDS", nonce=response.nonce, error="a: no such thing")
        await asyncio.wait_for(r.server.connections.acknowledged(2), 5)

        status = r.server.connections.states()[0].types[0]
        assert status.state is SyncState.REJECTED
        assert [(x.name, x.error) for x in status.rejections] == [("a", "a: no such thing")]


async def test_nothing_is_answered_before_the_first_load_is_complete() -> None:
    async with rig(cluster("a")) as r, delta_stream(r.channel) as client:
        r.engine.ready.clear()
        await client.ask("CDS", node=NODE)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(reading := _reading(client)), 0.05)
        assert len(r.server.connections) == 0

        r.engine.ready.set()

        assert b"type.googleapis.com" in await reading


def _reading(client: DeltaClient) -> "asyncio.Task[bytes]":
    return asyncio.ensure_future(client.receive_bytes())


async def test_a_token_that_is_refused_ends_the_stream() -> None:
    async with rig() as r, delta_stream(r.channel, (("authorization", "Bearer x"),)) as client:
        code, text = await client.ended()

        assert code is grpc.StatusCode.UNAUTHENTICATED
        assert text == "the token is not one of this control plane"


async def test_a_token_that_is_shown_from_outside_its_network_ends_the_stream() -> None:
    from_here = (("authorization", "Bearer elsewhere"),)
    async with rig(cluster("a")) as r, delta_stream(r.channel, from_here) as client:
        code, text = await client.ended()

    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert text.startswith("the token is for connections from 10.0.0.0/8, this one is from ipv4:")


async def test_a_node_of_another_namespace_than_its_token_ends_the_stream() -> None:
    elsewhere = Node(id="router~10.0.0.1~ingress.shop~shop.svc.cluster.local")
    async with rig() as r, delta_stream(r.channel, WITH_TOKEN) as client:
        await client.ask("CDS", node=elsewhere)
        code, text = await client.ended()

    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert text == 'the node says namespace "shop", its token is for namespace "istio-system"'


async def test_the_engine_is_asked_for_the_proxy_that_the_token_proves() -> None:
    async with rig() as r, delta_stream(r.channel, WITH_TOKEN) as client:
        await client.ask("CDS", node=NODE)
        await client.response()

    assert r.engine.asked[0] == Proxy(
        name="ingress",
        role=Role.GATEWAY,
        namespace=Namespace("istio-system"),
        service_account="ingress",
        addresses=("10.0.0.1",),
        cluster="ingress",
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\xff\xff\xff", grpc.StatusCode.INVALID_ARGUMENT),
        (b"", grpc.StatusCode.INVALID_ARGUMENT),
        (b"\x12\x02\xc3\x28", grpc.StatusCode.INVALID_ARGUMENT),
    ],
    ids=["not protobuf", "no node", "not UTF-8"],
)
async def test_a_malformed_request_ends_its_own_stream_only(
    body: bytes, code: grpc.StatusCode
) -> None:
    async with rig(cluster("a")) as r, r.connected() as good, delta_stream(r.channel) as bad:
        await bad.send_bytes(body)
        assert (await bad.ended())[0] is code

        r.change(2, cluster("a"), cluster("b"))
        assert [sent.name for sent in (await good.response()).resources] == ["b"]


async def test_a_malformed_later_request_ends_the_stream_with_a_clear_status() -> None:
    async with rig(cluster("a")) as r, r.connected() as client:
        await client.send_bytes(b"\xff\xff\xff")

        assert await client.ended() == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "the request is not a discovery request",
        )


async def test_a_node_that_changes_ends_the_stream() -> None:
    async with rig(cluster("a")) as r, r.connected() as client:
        await client.ask("CDS", node=Node(id=INGRESS.replace("ingress", "egress")))

        assert (await client.ended())[0] is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_type_that_is_not_served_is_ignored() -> None:
    async with rig(cluster("a")) as r, delta_stream(r.channel) as client:
        await client.ask("type.googleapis.com/envoy.service.runtime.v3.Runtime", node=NODE)
        await client.ask("", "x")
        await client.ask("CDS")

        assert (await client.response()).type_url.endswith("Cluster")


async def test_too_many_names_end_the_stream() -> None:
    async with rig(cluster("a")) as r, r.connected() as client:
        await client.send_bytes(b"\x1a\x01a" * 100_001)

        assert (await client.ended())[0] is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_own_secrets_reach_their_proxy_and_are_rotated() -> None:
    async with rig() as r, delta_stream(r.channel) as client:
        r.secrets["default"] = Resource("default", "1", (b"\x12\x09\x1a\x07default",))
        await client.ask("SDS", "default", node=NODE)
        first = await client.response()
        await client.ask("SDS", nonce=first.nonce)
        r.secrets["default"] = Resource("default", "2", (b"\x12\x09\x1a\x07default",))
        while r.server.connections.states()[0].types[4].state is not SyncState.SYNCED:
            await asyncio.sleep(0)
        r.server.rotate()
        second = await client.response()

        assert [s.name for s in (*first.resources, *second.resources)] == ["default", "default"]


async def test_a_proxy_that_leaves_is_no_longer_waited_for() -> None:
    async with rig(cluster("a")) as r:
        async with r.connected():
            r.change(2, cluster("b"))
            waiting = asyncio.ensure_future(r.server.connections.acknowledged(2))
        await asyncio.wait_for(waiting, 5)

        assert len(r.server.connections) == 0


async def test_over_tls_only_those_who_trust_the_authority_are_served(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    authority = kept_authority(StateDirectory(tmp_path / "state").authority, now)
    credential = xds_credential(authority, ("localhost",), now)
    tls = grpc.ssl_server_credentials([(credential.key, credential.chain)])
    async with rig(cluster("a"), tls=tls) as r:
        trusting = grpc.ssl_channel_credentials(authority.trust_bundle)
        async with (
            grpc.aio.secure_channel(f"localhost:{r.port}", trusting) as channel,
            delta_stream(channel, WITH_TOKEN) as client,
        ):
            await client.ask("CDS", node=NODE)
            assert [sent.name for sent in (await client.response()).resources] == ["a"]

        async with (
            grpc.aio.secure_channel(f"localhost:{r.port}", grpc.ssl_channel_credentials()) as other,
            delta_stream(other, WITH_TOKEN) as stranger,
        ):
            assert (await stranger.ended())[0] is grpc.StatusCode.UNAVAILABLE


async def test_a_revision_is_acknowledged_when_no_proxy_is_connected() -> None:
    async with rig() as r:
        waiting = asyncio.ensure_future(r.server.connections.acknowledged(2))
        await asyncio.sleep(0)
        r.change(2)

        await asyncio.wait_for(waiting, 5)


async def test_a_port_that_is_taken_is_said_so() -> None:
    async with rig() as r:
        with pytest.raises(
            ListenFailed, match=f"on 127.0.0.1:{r.port} for xDS: Address already in use$"
        ):
            await XdsServer(
                r.engine,
                authenticate=by_token,
                own_secrets=lambda *_: {},
                clock=lambda: datetime.now(UTC),
            ).start(f"127.0.0.1:{r.port}", None)
