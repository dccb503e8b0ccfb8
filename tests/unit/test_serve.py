"""Nothing is answered before the first load is complete, whatever changes meanwhile."""

import asyncio
from contextlib import aclosing
from datetime import UTC
from datetime import datetime
from pathlib import Path

from controlplane.base.addresses import Address
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.serve import ControlPlane
from controlplane.serve import Settings
from controlplane.sources.files import changes
from controlplane.sources.state import StateDirectory


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
