"""No step of a background task ends the task, and what it cost is logged once."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from controlplane.base.addresses import Address
from controlplane.base.errors import ConfigMissing
from controlplane.base.names import Namespace, ObjectKey
from controlplane.graph import Fault
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.serve.background import Batch, Steps, followed, log_faults
from controlplane.serve.control_plane import ControlPlane
from controlplane.serve.reload import Reload
from controlplane.serve.settings import Settings
from controlplane.sources.state import StateDirectory
from controlplane.sources.tree import Changed

A, B = Path("a.yaml"), Path("b.yaml")


def batch(*paths: Path) -> Batch:
    return tuple(Changed(path=path, text=b"") for path in paths)


def test_a_step_that_fails_again_and_again_is_logged_once_and_when_it_is_over() -> None:
    steps = Steps()

    with capture_logs() as logged:
        for error in (ValueError("a"), ValueError("a"), ValueError("b"), None, None):
            with steps.contained("tidying", "later"):
                if error is not None:
                    raise error

    assert [(line["event"], line["where"]) for line in logged] == [
        ("internal_error", "tidying"),
        ("internal_error", "tidying"),
        ("internal_error_over", "tidying"),
    ]


def test_one_bug_that_many_objects_meet_is_one_line_with_its_number() -> None:
    keys = [ObjectKey(DESTINATION_RULE, Namespace("default"), name) for name in ("a", "b")]

    with capture_logs() as logged:
        log_faults(Fault("rule_of", (key,), ValueError(key.name)) for key in keys)

    (line,) = logged
    assert (line["where"], line["object"], line["times"]) == ("rule_of", str(keys[0]), 2)


async def test_a_follower_that_fails_begins_again_and_tells_what_went_meanwhile() -> None:
    runs = [[batch(A, B), OSError("lost")], [batch(A), batch(B)]]

    async def begin() -> AsyncGenerator[Batch, None]:
        for step in runs.pop(0):
            if isinstance(step, OSError):
                raise step
            yield step

    with capture_logs() as logged:
        seen = [[(c.path, c.text) for c in found] async for found in followed(begin, pause=0)]

    assert seen == [[(A, b""), (B, b"")], [(A, b""), (B, None)], [(B, b"")]]
    assert [line["event"] for line in logged] == ["internal_error", "internal_error_over"]


async def test_what_the_world_refuses_at_first_is_raised() -> None:
    async def begin() -> AsyncGenerator[Batch, None]:
        raise ConfigMissing("mesh does not exist")
        yield ()

    with pytest.raises(ConfigMissing):
        await anext(followed(begin, pause=0))


async def test_a_report_that_fails_does_not_keep_the_next_edit_from_being_served(
    tmp_path: Path,
) -> None:
    config = tmp_path / "mesh"
    config.mkdir()
    edits: asyncio.Queue[tuple[Path, ...]] = asyncio.Queue()

    def on_reload(reload: Reload) -> None:
        edits.put_nowait(reload.edit.paths)
        raise BrokenPipeError("nobody reads any more")

    loopback = Address(host="127.0.0.1", port=0)
    settings = Settings(
        config=(config,),
        xds=loopback,
        admin=loopback,
        state=StateDirectory.opened(tmp_path / "state"),
        mesh=MeshConfig(),
        environment={},
    )
    plane = ControlPlane(settings, lambda: datetime.now(UTC), on_reload)
    stop = asyncio.Event()

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(plane.serve_until(stop))
        assert await edits.get() == ()
        (config / "a.yaml").write_text("# nothing yet\n")
        assert await edits.get() == (config / "a.yaml",)
        stop.set()
    await plane.stop()
