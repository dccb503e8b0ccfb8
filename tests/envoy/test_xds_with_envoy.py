"""A real Envoy on our xDS server, with resources made by hand."""

import asyncio
from pathlib import Path

import pytest
from envoy.extensions.filters.http.router.v3 import router_pb2 as router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as http_connection_manager_pb2,
)

from controlplane.admin.view import SyncState
from controlplane.envoy.resource import TypeUrl
from controlplane.xds.snapshot import snapshot
from tests.support.xds_rig import WAIT, Rig, cluster, endpoints, listener, routes

pytestmark = pytest.mark.envoy


@pytest.fixture(params=["DELTA_GRPC", "GRPC"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    return Rig(tmp_path, request.param)


async def test_a_listener_with_routes_and_clusters_works_and_is_changed(rig: Rig) -> None:
    async with rig.running():
        await rig.give(*rig.world())
        await rig.until("/shop", "200 a")

        await rig.give(*rig.world(upstream="b"))
        assert await rig.ask("/shop") == "200 b"
        states = [status.state for status in rig.status.types]

    assert states == [SyncState.SYNCED] * 4 + [SyncState.UNASKED] * 2


async def test_a_changed_cluster_does_not_warm_for_long(rig: Rig) -> None:
    async with rig.running():
        await rig.give(*rig.world())
        await asyncio.wait_for(rig.give(*rig.world(timeout="2s")), 1.5)

        assert rig.status.types[0].state is SyncState.SYNCED


async def test_a_switch_to_a_new_cluster_fails_no_request(rig: Rig) -> None:
    async with rig.running():
        await rig.switch_to("first", "a")
        await rig.until("/", "200 a")
        answers: list[str] = []

        async def client() -> None:
            while True:
                answers.append(await rig.ask("/"))

        asking = asyncio.ensure_future(client())
        async with asyncio.timeout(WAIT):
            for i in range(20):
                await rig.switch_to(f"c{i}", "ab"[i % 2])
                enough = len(answers) + 3
                while len(answers) < enough:
                    await asyncio.sleep(0)
        asking.cancel()

    assert set(answers) == {"200 a", "200 b"}


async def test_a_refused_listener_leaves_the_others(rig: Rig) -> None:
    async with rig.running():
        await rig.give(*rig.world())
        await rig.until("/shop", "200 a")
        # A second listener on the address of the first is refused.
        await rig.give(*rig.world(upstream="b"), listener("twin", rig.port))
        answer = await rig.ask("/shop")
        status = rig.status.types[2]

        await rig.give(*rig.world(upstream="a"))
        healed = rig.status.types[2]

    assert answer == "200 b"
    assert status.state is SyncState.REJECTED
    assert [rejection.name for rejection in status.rejections] == ["twin"]
    assert "address" in status.rejections[0].error
    assert healed.state is SyncState.SYNCED


async def test_a_refused_route_keeps_the_old_one_and_takes_the_next(rig: Rig) -> None:
    async with rig.running():
        await rig.give(*rig.world())
        await rig.until("/shop", "200 a")
        await rig.give(*rig.world()[:3], routes("shop", regex=r"(\1"))
        rejected = rig.status.types[3]
        kept = await rig.ask("/shop")
        await rig.give(*rig.world())
        healed = rig.status.types[3]

    assert [rejection.name for rejection in rejected.rejections] == ["main"]
    assert kept == "200 a"
    assert healed.state is SyncState.SYNCED


async def test_one_refused_among_many_clusters_is_found(rig: Rig) -> None:
    async with rig.running():
        await rig.give(*rig.world())
        many = [cluster(f"c{i}", "-1s" if i == 7 else "1s") for i in range(20)]
        assignments = [endpoints(f"c{i}", 1) for i in range(20)]
        await rig.give(*rig.world(), *many, *assignments)
        status = rig.status.types[0]
        answer = await rig.ask("/shop")

    assert [rejection.name for rejection in status.rejections] == ["c7"]
    assert answer == "200 a"


async def test_a_reconnected_envoy_is_sent_nothing_that_is_current(rig: Rig) -> None:
    async with rig.running() as envoy:
        await rig.give(*rig.world())
        await rig.until("/shop", "200 a")
        counted = r"cluster\.shop\.update_success|rds\.main\.update_success"
        before = await asyncio.to_thread(envoy.stats, counted)

        await rig.restart_server()
        async with asyncio.timeout(WAIT):
            while not (states := rig.server.connections.states()) or any(
                status.state is not SyncState.SYNCED for status in states[0].types[:4]
            ):
                await asyncio.sleep(0.01)
        after = await asyncio.to_thread(envoy.stats, counted)
        answer = await rig.ask("/shop")

    assert answer == "200 a"
    if rig.api_type == "DELTA_GRPC":
        assert after == before


async def test_what_changed_while_envoy_was_away_is_sent(rig: Rig) -> None:
    async with rig.running():
        await rig.give(*rig.world())
        await rig.until("/shop", "200 a")
        await rig.server.stop()
        rig.revision += 1
        moved = [cluster("shop", "3s"), endpoints("shop", rig.upstreams["b"])]
        rig.engine.now = snapshot(
            rig.revision,
            {
                TypeUrl.CLUSTER: moved[:1],
                TypeUrl.ENDPOINT: moved[1:],
                TypeUrl.LISTENER: [listener("l", rig.port)],
                TypeUrl.ROUTE: [routes("shop")],
            },
        )
        await rig.restart_server()

        await rig.until("/shop", "200 b")


async def test_what_is_gone_when_envoy_comes_back_is_removed(rig: Rig) -> None:
    async with rig.running() as envoy:
        await rig.give(*rig.world(), cluster("old"), endpoints("old", 1))
        await rig.until("/shop", "200 a")
        await rig.server.stop()
        rig.revision += 1
        rig.engine.now = snapshot(
            rig.revision,
            {
                TypeUrl.CLUSTER: [cluster("shop")],
                TypeUrl.ENDPOINT: [endpoints("shop", rig.upstreams["a"])],
            },
        )
        await rig.restart_server()

        await rig.until("/shop", "refused")
        removed = "cluster_manager.cluster_removed"
        async with asyncio.timeout(WAIT):
            while (await asyncio.to_thread(envoy.stats, removed))[removed] != 1:
                await asyncio.sleep(0.01)
