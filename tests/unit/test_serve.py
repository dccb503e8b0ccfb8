"""Nothing is answered before the first load is complete, whatever changes meanwhile."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import grpc.aio
from envoy_data_plane.envoy.config.core.v3 import Node

from controlplane.base.addresses import Address
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.serve.control_plane import ControlPlane
from controlplane.serve.reload import Noticed, Reload
from controlplane.serve.settings import Settings
from controlplane.sources.files import changes
from controlplane.sources.state import StateDirectory
from tests.support.ads import INGRESS, delta_stream
from tests.support.changing_mesh import gateway, route, rule
from tests.unit.test_whole_changes import names, service

EDGE = Node.from_dict(
    {
        "id": INGRESS,
        "cluster": "ingress",
        "metadata": {"NAMESPACE": "istio-system", "LABELS": {"istio": "ingressgateway"}},
    }
)


async def test_an_edit_of_the_mesh_config_waits_for_the_first_load(tmp_path: Path) -> None:
    mesh_file = tmp_path / "mesh.yaml"
    mesh_file.write_text("connectTimeout: 1s\n")
    loopback = Address(host="127.0.0.1", port=0)
    settings = Settings(
        config=(tmp_path,),
        xds=loopback,
        admin=loopback,
        state=StateDirectory.opened(tmp_path / "state"),
        mesh=MeshConfig(),
        mesh_file=mesh_file,
        environment={},
    )
    plane = ControlPlane(settings, lambda: datetime.now(UTC), lambda _: None)
    before = plane.engine.revision

    async with (
        asyncio.timeout(10),
        aclosing(changes((mesh_file,), environment={})) as seen,
        asyncio.TaskGroup() as tasks,
    ):
        following = tasks.create_task(plane.follow_mesh(tasks))
        await anext(seen)
        for seconds in range(2, 12):  # by the last, the first was seen by whoever follows
            mesh_file.write_text(f"connectTimeout: {seconds}s\n")
            await anext(seen)

        assert (plane.snapshots.ready.is_set(), plane.engine.revision) == (False, before)

        plane.snapshots.ready.set()
        while plane.engine.revision == before:
            await asyncio.sleep(0)
        following.cancel()
    await plane.stop()


async def test_a_file_that_does_not_parse_is_reported_though_a_part_of_it_waits(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(f"{gateway()}---{service()}---{rule('blue')}---{route('blue')}")
    plane, reports = _plane(tmp_path)
    stop = asyncio.Event()

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        await plane.start()
        tasks.create_task(plane.serve_until(stop))
        await _until(reports, lambda reload: reload.is_first)
        file.write_text(f"{gateway()}---{service()}---{rule('green')}---\nkind: [Virtual")
        broken = await _until(reports, lambda reload: bool(reload.found))
        stop.set()
    await plane.stop()

    assert names(broken.edit.waiting) == ["DestinationRule rev"]


async def test_edits_that_follow_each_other_each_say_how_many_proxies_they_changed(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(gateway())
    plane, reports = _plane(tmp_path)
    stop = asyncio.Event()

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        port = await plane.start()
        tasks.create_task(plane.serve_until(stop))
        await _until(reports, lambda reload: reload.is_first)
        async with (
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
            delta_stream(channel) as client,
        ):
            await client.ask("LDS", node=EDGE)
            await client.ask("LDS", nonce=(await client.response()).nonce)
            for number in (8081, 8082):
                another = gateway(f"gw-{number}").replace("8080", str(number))
                file.write_text(f"{file.read_text()}---{another}")
                served = await client.response()  # each is reported only once it is acknowledged
                await client.ask("LDS", nonce=served.nonce)
            changing = [await _until(reports, lambda _: True) for _ in range(2)]
            file.write_text(f"{file.read_text()}---{rule('blue')}")
            unseen = await _until(reports, lambda _: True)
        stop.set()
    await plane.stop()

    assert [(r.affected, r.proxies) for r in (*changing, unseen)] == [(1, 1), (1, 1), (0, 1)]


def _plane(folder: Path) -> tuple[ControlPlane, asyncio.Queue[Reload | Noticed]]:
    reports: asyncio.Queue[Reload | Noticed] = asyncio.Queue()
    loopback = Address(host="127.0.0.1", port=0)
    settings = Settings(
        config=(folder,),
        xds=loopback,
        admin=loopback,
        state=StateDirectory.opened(folder.with_name(f"{folder.name}-state")),
        mesh=MeshConfig(),
        environment={},
        is_insecure=True,
    )
    return ControlPlane(settings, lambda: datetime.now(UTC), reports.put_nowait), reports


async def _until(
    reports: asyncio.Queue[Reload | Noticed], holds: Callable[[Reload], bool]
) -> Reload:
    while True:
        one = await reports.get()
        if isinstance(one, Reload) and holds(one):
            return one
