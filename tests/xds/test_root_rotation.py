"""What a proxy is sent while the mesh's root changes: roots and leaves never at once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from envoy_data_plane.envoy.service.discovery.v3 import DeltaDiscoveryResponse

from controlplane.cli.main import main
from tests.support.ads import DeltaClient
from tests.support.tls_server import Server, node, secrets_of, tls_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    (tmp_path / "mesh").mkdir()
    async with tls_server(tmp_path) as found:
        yield found


async def connected(server: Server) -> DeltaClient:
    """A proxy that has its certificate and the roots, and said so."""
    client = await server.stream(server.token())
    await client.ask("SDS", "default", "ROOTCA", node=node())
    response = await client.response()
    assert sorted(secrets_of(response)) == ["ROOTCA", "default"]
    await client.ask("SDS", nonce=response.nonce)
    return client


async def turn(server: Server) -> str:
    """One turn of what looks after the state and the certificates; gives the step after it."""
    plane = server.plane
    await plane.look_after_state()
    await plane._mesh_trust.renew(plane.server.connections.proxies)
    plane.server.rotate()
    return plane._mesh_trust.status().step


async def test_roots_come_first_and_leaves_when_all_have_acknowledged_them(server: Server) -> None:
    client, other = await connected(server), await connected(server)
    state = str(server.plane.settings.state.path)
    assert CliRunner().invoke(main, ["ca", "rotate", "--state", state]).exit_code == 0

    assert await turn(server) == "announced"
    roots = await client.response()
    assert sorted(secrets_of(roots)) == ["ROOTCA"]
    await client.ask("SDS", nonce=roots.nonce)
    assert await turn(server) == "announced", "the other has not acknowledged them"
    answered = await other.response()
    await other.ask("SDS", nonce=answered.nonce)
    await _until(server, "switched")

    for one in (client, other):
        leaf = await one.response()
        assert sorted(secrets_of(leaf)) == ["default"]
        await one.ask("SDS", nonce=leaf.nonce)
    server.ahead = timedelta(hours=24)  # leaves are due as well by then
    async with asyncio.TaskGroup() as tasks:
        acknowledging = [tasks.create_task(_acknowledged(one)) for one in (client, other)]
        await _until(server, "steady")
        for task in acknowledging:
            task.cancel()


async def test_a_proxy_that_rejects_the_roots_holds_the_change_back(server: Server) -> None:
    client = await connected(server)
    state = str(server.plane.settings.state.path)
    CliRunner().invoke(main, ["ca", "rotate", "--state", state])
    await turn(server)
    roots = await client.response()

    await client.ask("SDS", nonce=roots.nonce, error="no")
    for _ in range(3):
        assert await turn(server) == "announced"

    (waits_for,) = server.plane._mesh_trust.status().waits_for
    assert waits_for == "shop/cart-1 10.0.0.7"


async def _acknowledged(client: DeltaClient) -> None:
    """Whatever comes."""
    while True:
        response = DeltaDiscoveryResponse.parse(await client.call.read())
        await client.ask("SDS", nonce=response.nonce)


async def _until(server: Server, step: str) -> None:
    """An acknowledgement takes its time to arrive."""
    async with asyncio.timeout(20):
        while await turn(server) != step:
            await asyncio.sleep(0.01)
