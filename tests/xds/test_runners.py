"""Runners on the ADS port: they are sent gateways to run, and proxies never are."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import grpc
import grpc.aio
from envoy_data_plane.envoy.config.core.v3 import Node
from google.protobuf.struct_pb2 import Struct

from controlplane.base.names import Namespace
from controlplane.envoy.gateway_proxies import RunnableGateway, gateway_proxy
from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.xds.runners import ConnectedRunners
from controlplane.xds.server import XdsServer
from controlplane.xds.snapshot import Snapshot, snapshot
from controlplane.xds.stream import Uncounted
from controlplane.xds.wire_pb2 import Node as WireNode
from tests.support.ads import INGRESS, WAIT, DeltaClient, delta_stream, sotw_stream
from tests.support.xds_rig import FixedEngine

GATEWAYS = TypeUrl.GATEWAY_PROXY.value
RUNNER = "runner~10.0.0.9~box.istio-system~istio-system.svc.cluster.local"


def gateway(name: str, token: str = "first") -> Resource:
    return gateway_proxy(
        RunnableGateway(
            name=name,
            namespace=Namespace("shop"),
            service_account=name,
            labels=(),
            address="",
            token=token,
            root_certificate="",
            server_name="",
        )
    )


def runner_node(ports: str = "", addresses: str = "") -> Node:
    metadata = Struct()
    metadata.update({"PORTS": ports, "ADDRESSES": addresses})
    return Node.parse(bytes(Node(id=RUNNER)) + _metadata(metadata))


def _metadata(metadata: Struct) -> bytes:
    return WireNode(metadata=metadata.SerializeToString()).SerializeToString()


@dataclass
class Rig:
    target: str
    runners: ConnectedRunners
    world: list[Snapshot]
    changes: list[int] = field(default_factory=list)
    said: list[Mapping[str, str]] = field(default_factory=list)

    def give(self, *resources: Resource) -> None:
        self.world.append(snapshot(len(self.world), {TypeUrl.GATEWAY_PROXY: resources}))
        self.runners.update()

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[DeltaClient]:
        async with grpc.aio.insecure_channel(self.target) as channel, delta_stream(channel) as it:
            yield it


@asynccontextmanager
async def running(*resources: Resource) -> AsyncIterator[Rig]:
    world = [snapshot(0, {TypeUrl.GATEWAY_PROXY: resources})]
    changes: list[int] = []
    said: list[Mapping[str, str]] = []

    def changed(addresses: Mapping[str, str]) -> None:
        changes.append(len(runners.connections))
        said.append(addresses)

    def clock() -> datetime:
        return datetime.now(UTC)

    runners = ConnectedRunners(lambda: world[-1], clock, Uncounted(), changed)
    engine = FixedEngine(Snapshot(0, {}))
    engine.ready.set()
    server = XdsServer(
        engine,
        authenticate=lambda _: None,
        own_secrets=lambda *_: {},
        clock=clock,
        runners=runners,
    )
    port = await server.start("127.0.0.1:0", None)
    try:
        yield Rig(f"127.0.0.1:{port}", runners, world, changes, said)
    finally:
        await server.stop()


async def test_a_runner_is_sent_every_gateway_and_what_changes() -> None:
    async with running(gateway("a"), gateway("b")) as rig, rig.stream() as stream:
        await stream.ask(GATEWAYS, "*", node=runner_node())
        first = await stream.response()
        await stream.ask(GATEWAYS, nonce=first.nonce)
        rig.give(gateway("a"), gateway("c"))
        second = await stream.response()
        await stream.ask(GATEWAYS, nonce=second.nonce)
        third = await stream.response()

    assert [resource.name for resource in first.resources] == ["a.shop", "b.shop"]
    assert [resource.name for resource in second.resources] == ["c.shop"]
    assert third.removed_resources == ["b.shop"]


async def test_a_runner_that_comes_back_is_sent_what_differs_from_what_it_runs() -> None:
    held = {"a.shop": gateway("a").version, "gone.shop": "1"}
    async with running(gateway("a"), gateway("b")) as rig, rig.stream() as stream:
        await stream.ask(GATEWAYS, "*", node=runner_node(), held=held)
        sent = await stream.response()
        await stream.ask(GATEWAYS, nonce=sent.nonce)
        removed = sent.removed_resources or (await stream.response()).removed_resources

    assert [resource.name for resource in sent.resources] == ["b.shop"]
    assert removed == ["gone.shop"]


async def test_a_proxy_is_sent_no_gateway_of_a_runner() -> None:
    async with running(gateway("a")) as rig, rig.stream() as stream:
        await stream.ask(GATEWAYS, "*", "a.shop", node=Node(id=INGRESS))
        sent = await stream.response()

    assert sent.resources == []


async def test_what_a_runner_rejects_is_shown_as_rejected() -> None:
    async with running(gateway("a")) as rig, rig.stream() as stream:
        await stream.ask(GATEWAYS, "*", node=runner_node())
        sent = await stream.response()
        await stream.ask(GATEWAYS, nonce=sent.nonce, error="no space left on device")
        rig.give(gateway("a"), gateway("b"))
        await stream.response()
        (status,) = rig.runners.connections.states()
        refuses = rig.runners.connections.refusing

    assert (status.name, status.role, refuses) == ("box", "runner", True)


async def test_the_ports_of_a_runner_are_known_while_it_is_connected() -> None:
    async with running(gateway("a")) as rig:
        before = rig.runners.published
        async with rig.stream() as stream:
            await stream.ask(GATEWAYS, "*", node=runner_node("8080,8100-8119"))
            await stream.response()
            connected = rig.runners.published
        async with asyncio.timeout(WAIT):
            while rig.changes != [1, 0]:
                await asyncio.sleep(0.01)

    assert (before, rig.runners.published) == (None, None)
    assert connected == (range(8080, 8081), range(8100, 8120))


async def test_a_runner_has_to_speak_delta() -> None:
    async with (
        running() as rig,
        grpc.aio.insecure_channel(rig.target) as channel,
        sotw_stream(channel) as stream,
    ):
        await stream.ask("CDS", node=runner_node())
        code, text = await stream.ended()

    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert text == "runners are served by DeltaAggregatedResources alone"


async def test_what_a_runner_says_of_ports_and_addresses_is_read_as_far_as_it_makes_sense() -> None:
    said = "a.shop=127.0.1.1,b.shop=,c.shop=nowhere,d.shop=fe80::1%eth0,e.shop"
    async with running(gateway("a")) as rig, rig.stream() as stream:
        await stream.ask(GATEWAYS, "*", node=runner_node(f"8080,{'9' * 5000},70000,9-1", said))
        await stream.response()

        assert rig.runners.published == (range(8080, 8081),)
        assert rig.said[0] == {"a.shop": "127.0.1.1", "b.shop": ""}


async def test_a_runner_asks_for_nothing_else() -> None:
    """Secrets, endpoints and the rest are for proxies, whose namespace their token names."""
    secret = TypeUrl.SECRET.value
    async with running(gateway("a")) as rig, rig.stream() as stream:
        await stream.ask(secret, "*", "default", "kubernetes://shop", node=runner_node())
        await stream.ask(GATEWAYS, "*")
        sent = [await stream.response(), await stream.response()]

    assert {response.type_url: [r.name for r in response.resources] for response in sent} == {
        secret: [],
        GATEWAYS: ["a.shop"],
    }
