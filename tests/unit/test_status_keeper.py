"""What follows statuses while the control plane runs: what it cannot write, it tries again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controlplane.base.addresses import Address
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.serve.settings import Settings
from controlplane.serve.status_keeper import StatusKeeper
from controlplane.sources.state import StateDirectory
from controlplane.xds.connections import Connections
from tests.support.kubernetes_gateways import gateway

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LOOPBACK = Address(host="127.0.0.1", port=0)


class Keeping:
    """A keeper without the rest of a control plane, over one Gateway, with a clock that is set."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.status_dir = folder / "status"
        self.state = StateDirectory.opened(folder / "state")
        engine = Engine(MeshConfig(), now=NOW)
        engine.apply([(Path("mesh.yaml"), gateway("{name: http, port: 80, protocol: HTTP}"))])
        settings = Settings(
            config=(),
            xds=LOOPBACK,
            admin=LOOPBACK,
            state=self.state,
            mesh=MeshConfig(),
            environment={},
        )
        settings = replace(settings, status_dir=self.status_dir)
        connections = Connections(self.clock)
        self.keeper = StatusKeeper(engine, connections, settings, self.clock, ())

    def clock(self) -> datetime:
        return self.now

    async def later(self, **after: float) -> None:
        self.now += timedelta(**after)
        await self.keeper.look()


async def test_a_folder_that_can_be_written_again_is_written_though_nothing_changes(
    tmp_path: Path,
) -> None:
    keeping = Keeping(tmp_path)
    keeping.status_dir.write_text("a file")
    await keeping.later(seconds=0)
    keeping.status_dir.unlink()

    await keeping.later(seconds=4)
    soon = keeping.status_dir.exists()
    await keeping.later(seconds=2)

    assert not soon
    assert [file.name for file in keeping.status_dir.iterdir()] == ["gateway_default_edge.yaml"]


async def test_what_is_kept_over_a_restart_is_tried_again_as_well(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path)
    kept = keeping.state.path / "statuses.json"
    kept.mkdir()
    await keeping.later(seconds=0)
    kept.rmdir()

    await keeping.later(seconds=6)

    assert kept.is_file()
