"""A law: whatever happens to any file of the state directory, at any time, the control plane starts
or goes on, loses nothing but what that file held, and says so; or it says what keeps it from
starting, which only keys can do.
"""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from controlplane.base.addresses import Address
from controlplane.base.errors import ControlPlaneError, KeyUnusable, StateHeld, StateUnusable
from controlplane.base.names import ObjectKey
from controlplane.identity.authority import kept_authority
from controlplane.identity.kept_keys import make_lost_anew
from controlplane.identity.revoked_tokens import revoke
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.serve.control_plane import ControlPlane
from controlplane.serve.reload import Noticed, Reload
from controlplane.serve.settings import Settings
from controlplane.sources.state import StateDirectory
from controlplane.sources.state_lock import Holder, StateLock
from tests.unit.test_the_world import good, refused

NOBODY = 65534
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOLDER = Holder(pid=1, host="here", command="controlplane serve", since=NOW, config=("mesh",))
KEYS = (
    "authority/ca.pem",
    "authority/ca.mesh.pem",
    "authority/rotation.json",
    "authority/token-key.pem",
    "authority/revoked-tokens",
)
INTERMEDIATE, ROTATION = KEYS[1:3]
ROOT = "authority/ca.root.pem"  # which may be moved away
MEMORY = ("accepted.db", "accepted.db-wal")
FILES = ("lock", *MEMORY, *KEYS, ROOT, "authority", ".")


def deleted(file: Path) -> None:
    if file.is_dir():
        shutil.rmtree(file)
    else:
        file.unlink()


def put_in_place(file: Path, make: Callable[[], object]) -> None:
    """Make something where ``file`` was, however often a control plane writes it again."""
    while True:
        with suppress(FileExistsError):
            make()
            return
        with suppress(OSError):
            deleted(file)


def emptied(file: Path) -> None:
    if file.is_dir():
        for name in file.iterdir():
            deleted(name)
    else:
        file.write_bytes(b"")


def truncated(file: Path) -> None:
    if file.is_file():
        os.truncate(file, file.stat().st_size // 2)


def of_random_bytes(file: Path) -> None:
    if file.is_file():
        file.write_bytes(bytes(range(256)) * 40)


def a_folder(file: Path) -> None:
    if file.is_file():
        file.unlink()
        put_in_place(file, lambda: file.mkdir(mode=0o700))


def a_file(file: Path) -> None:
    if file.is_dir():
        shutil.rmtree(file)
        put_in_place(file, lambda: os.close(os.open(file, os.O_CREAT | os.O_EXCL, 0o600)))


def a_fifo(file: Path) -> None:
    deleted(file)
    put_in_place(file, lambda: os.mkfifo(file, 0o600))


def a_link(file: Path) -> None:
    elsewhere = file.absolute().parent / f"elsewhere-{file.name or 'state'}"
    file.absolute().rename(elsewhere)
    put_in_place(file, lambda: file.absolute().symlink_to(elsewhere))


def a_link_to_nowhere(file: Path) -> None:
    deleted(file)
    put_in_place(file, lambda: file.symlink_to("nowhere"))


def read_only(file: Path) -> None:
    file.chmod(0o500 if file.is_dir() else 0o400)


def without_any_permission(file: Path) -> None:
    file.chmod(0)


def open_to_all(file: Path) -> None:
    file.chmod(0o777)


def of_a_newer_version(file: Path) -> None:
    if file.name == "accepted.db":
        with closing(sqlite3.connect(file)) as database, suppress(sqlite3.OperationalError):
            database.execute("PRAGMA user_version = 1000")  # fails where it is in use


DAMAGES = (
    deleted,
    emptied,
    truncated,
    of_random_bytes,
    a_folder,
    a_file,
    a_fifo,
    a_link,
    a_link_to_nowhere,
    read_only,
    without_any_permission,
    open_to_all,
    of_a_newer_version,
)


@dataclass(kw_only=True)
class Served:
    """A control plane in this process, and what it reloaded."""

    plane: ControlPlane
    config: Path
    reloads: "asyncio.Queue[Reload | Noticed]" = field(default_factory=asyncio.Queue)

    def object(self, name: str) -> bool:
        key = ObjectKey(DESTINATION_RULE, "default", name)  # type: ignore[arg-type] # a literal
        return self.plane.engine.object(key) is not None

    async def edited(self, name: str) -> None:
        """A new object is served."""
        (self.config / f"{name}.yaml").write_text(good(name))
        async with asyncio.timeout(10):
            while not self.object(name):
                await self.reloads.get()


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Served]:
    loopback = Address(host="127.0.0.1", port=0)
    state = StateDirectory.opened(folder / "state")
    lock = StateLock(state.path, HOLDER)
    settings = Settings(
        config=(folder / "mesh",),
        xds=loopback,
        admin=loopback,
        state=state,
        lock=lock,
        mesh=MeshConfig(),
        environment={},
    )
    reloads: asyncio.Queue[Reload | Noticed] = asyncio.Queue()
    stop = asyncio.Event()
    try:
        plane = ControlPlane(settings, lambda: datetime.now(UTC), reloads.put_nowait)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(plane.serve_until(stop))
            async with asyncio.timeout(10):
                await reloads.get()
            yield Served(plane=plane, config=folder / "mesh", reloads=reloads)
            stop.set()
        await plane.stop()
    finally:
        lock.release()


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read and write whatever the mode says; nobody may not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """A folder with a configuration, and the state of a control plane that was killed: an object
    ``a`` was accepted and is refused now; ``accepted.db-wal`` is there.
    """
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o777)
        with as_nobody():
            (folder / "mesh").mkdir()
            (folder / "mesh/a.yaml").write_text(good("a"))
            revoke(StateDirectory.opened(folder / "state").authority, "0123456789abcdef")

            async def run() -> None:
                async with serving(folder):
                    pass
                async with serving(folder) as served:
                    await served.edited("b")
                    await served.plane.look_after_state()
                    shutil.copytree(folder / "state", folder / "killed")

            asyncio.run(run())
            shutil.rmtree(folder / "state")
            (folder / "killed").rename(folder / "state")
            (folder / "mesh/a.yaml").write_text(refused("a"))
        yield folder


@contextmanager
def copied(template: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o777)
        with as_nobody():
            shutil.copytree(template / "mesh", folder / "mesh")
            shutil.copytree(template / "state", folder / "state", symlinks=True)
            yield folder
            for top, names, _ in os.walk(folder):
                for path in (Path(top) / name for name in names):
                    if not path.is_symlink():
                        path.chmod(0o700)  # so that it can be deleted


def contents(state: Path) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    for name in KEYS:
        found[name] = None
        with suppress(OSError):
            found[name] = (state / name).read_bytes()
    return found


def test_the_law_is_over_every_file_that_there_is(template: Path) -> None:
    there = {str(path.relative_to(template / "state")) for path in (template / "state").rglob("*")}

    assert there | {"."} == set(FILES)


def looked_at(file: Path) -> object:
    with suppress(OSError):
        status = file.lstat()
        content = file.read_bytes() if file.is_file() and os.access(file, os.R_OK) else b""
        is_listed = file.is_dir() and os.access(file, os.R_OK)
        names = sorted(path.name for path in file.iterdir()) if is_listed else []
        return (status.st_ino, status.st_mode, content, names)
    return None


def differs(file: Path, damage: Callable[[Path], None]) -> bool:
    """Whether ``damage`` does anything to it."""
    before = looked_at(file)
    damage(file)
    return looked_at(file) != before


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_before_the_start(template: Path, damage: Callable[[Path], None], name: str) -> None:
    with copied(template) as folder:
        state = folder / "state"
        keys = contents(state)
        if not differs(state / name, damage):
            return
        started: list[Served] = []
        refusals: list[ControlPlaneError] = []

        async def run() -> None:
            async with serving(folder) as served:
                started.append(served)
                await served.edited("c")
                if name not in (*MEMORY, "."):
                    assert served.object("a"), "the memory is another file"

        with capture_logs() as logs:
            try:
                asyncio.run(run())
            except ControlPlaneError as refusal:
                refusals.append(refusal)
        for refusal in refusals:
            assert not started
            assert refusal.exit_status == 3
            assert refusal.hint is not None
            assert str(state if name == "." else state / name) in refusal.message
            assert name in (*KEYS, ROOT, "authority", "."), "only keys keep it from starting"
            assert damage not in (deleted, emptied, truncated, of_random_bytes)
            return
        said = [entry for entry in logs if entry.get("log_level") in ("warning", "error")]
        assert len(said) <= 1, said
        assert "internal_error" not in [entry["event"] for entry in logs]
        assert all("effect" in entry for entry in said)
        lost = (name,) if name in KEYS else KEYS if name in ("authority", ".") else ()
        if name == INTERMEDIATE:
            lost += (ROTATION,)  # which says that another one signs
        after = contents(state)
        assert {k: after[k] for k in KEYS if k not in lost} == {
            k: keys[k] for k in KEYS if k not in lost
        }


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_while_running(template: Path, damage: Callable[[Path], None], name: str) -> None:
    with copied(template) as folder:
        state = folder / "state"

        async def run() -> None:
            async with serving(folder) as served:
                keys = contents(state)
                if not os.path.lexists(state / name) or not differs(state / name, damage):
                    return
                for _ in range(3):
                    await served.plane.look_after_state()
                await served.edited("c")
                await served.plane.look_after_state()
                if damage in (deleted, emptied, truncated, of_random_bytes):
                    assert contents(state) == keys, "what is in memory is written again"

        with capture_logs() as logs:
            asyncio.run(run())
        said = [entry for entry in logs if entry.get("log_level") in ("warning", "error")]
        assert "internal_error" not in [entry["event"] for entry in logs], logs
        assert all("effect" in entry for entry in said)
        subjects = [(e["event"], e.get("reason"), e.get("file")) for e in said]
        assert len(subjects) == len(set(subjects)), "each is said once"
        assert len(said) <= 2, said


def refusal_of_command(state: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "controlplane", *arguments, "--state", str(state)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 3
    return done.stderr


def test_other_commands_leave_a_broken_key_alone(tmp_path: Path) -> None:
    area = StateDirectory.opened(tmp_path / "state").authority
    area.made_once("ca.pem", lambda: b"not PEM")

    assert refusal_of_command(tmp_path / "state", "cert", "a.example") == (
        f"error: {area.path}/ca.pem holds no PEM certificate that can be read\n"
        "hint: put back a copy of it, or delete it and give every proxy a new bootstrap\n"
    )
    assert [path.name for path in area.path.iterdir()] == ["ca.pem"]


def test_a_broken_key_is_set_aside_and_never_overwrites_another(tmp_path: Path) -> None:
    area = StateDirectory.opened(tmp_path / "state").authority
    for content in (b"first", b"second"):
        area.made_once("ca.pem", lambda content=content: content)  # type: ignore[misc]
        with capture_logs() as logs:
            make_lost_anew(area, NOW)

        assert [(entry["event"], entry["log_level"]) for entry in logs] == [("key_lost", "error")]
        assert "every proxy needs a new bootstrap" in logs[0]["effect"]
    assert (area.path / "ca.pem.unusable").read_bytes() == b"first"
    assert (area.path / "ca.pem.unusable-2").read_bytes() == b"second"


async def test_a_key_that_is_replaced_while_running_is_reported_and_left_alone(
    tmp_path: Path,
) -> None:
    (tmp_path / "mesh").mkdir()
    other = StateDirectory.opened(tmp_path / "other").authority
    kept_authority(other, NOW)
    async with serving(tmp_path) as served:
        file = tmp_path / "state/authority/ca.pem"
        own = file.read_bytes()
        with capture_logs() as logs:
            shutil.copy(other.path / "ca.pem", file)
            await served.plane.look_after_state()
            await served.plane.look_after_state()
            replaced = file.read_bytes()
            file.write_bytes(own)
            await served.plane.look_after_state()

    assert replaced == (other.path / "ca.pem").read_bytes()
    assert [entry["event"] for entry in logs] == ["state_unusable", "state_usable_again"]
    assert logs[0]["reason"] == f"{file} is no longer the key of this control plane"


async def test_a_key_that_is_being_written_is_not_taken_for_broken(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    async with serving(tmp_path) as served:
        file = tmp_path / "state/authority/ca.pem"
        own = file.read_bytes()
        with capture_logs() as logs:
            for part in (b"", own[:100], own[:300], own):
                file.write_bytes(part)
                await served.plane.look_after_state()

    assert logs == []


async def test_a_directory_that_is_deleted_while_running_is_whole_again_without_an_edit(
    tmp_path: Path,
) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh/a.yaml").write_text(good("a"))
    async with serving(tmp_path) as served:
        keys = contents(tmp_path / "state")
        shutil.rmtree(tmp_path / "state")
        with capture_logs() as logs:
            await served.plane.look_after_state()
            await served.plane.look_after_state()

        with pytest.raises(StateHeld):
            StateLock(tmp_path / "state", HOLDER)
    (tmp_path / "mesh/a.yaml").write_text(refused("a"))
    async with serving(tmp_path) as served:
        assert served.object("a")
    assert contents(tmp_path / "state") == keys
    events = [entry["event"] for entry in logs if entry["log_level"] == "error"]
    assert events == ["state_deleted", "accepted_lost"]


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.call(mount, stderr=subprocess.DEVNULL) != 0:
        pytest.skip("needs the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(ballast: Path) -> None:
    """Write until the disk is full."""
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


async def test_a_full_disk_costs_what_cannot_be_written_until_there_is_room(
    tmp_path: Path,
) -> None:
    (tmp_path / "mesh").mkdir()
    with small_disk(tmp_path / "state"):
        async with serving(tmp_path) as served:
            ballast = tmp_path / "state/ballast"
            with capture_logs() as logs:
                fill(ballast)
                for number in range(10):
                    await served.edited(f"x{number}")
                for _ in range(3):
                    await served.plane.look_after_state()
                said = [entry for entry in logs if entry["log_level"] == "error"]
                ballast.unlink()
                await served.plane.look_after_state()

        assert [(entry["event"], entry["reason"]) for entry in said] == [
            ("accepted_unusable", "database or disk is full")
        ]
        assert "accepted_kept_again" in [entry["event"] for entry in logs]
        (tmp_path / "mesh/x9.yaml").write_text(refused("x9"))
        async with serving(tmp_path) as served:
            assert served.object("x9")


async def test_a_full_disk_without_keys_is_refused_and_one_with_keys_is_not(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    with small_disk(tmp_path / "state"):
        ballast = tmp_path / "state/ballast"
        fill(ballast)
        with pytest.raises(StateUnusable, match="No space left on device"):
            async with serving(tmp_path):
                pass
        ballast.unlink()
        async with serving(tmp_path):
            pass
        fill(ballast)
        async with serving(tmp_path) as served:
            await served.edited("a")


async def test_nobody_else_may_read_anything_there_whatever_the_umask(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    before = os.umask(0)
    try:
        async with serving(tmp_path) as served:
            await served.edited("a")
            await served.plane.look_after_state()
            served.plane.settings.state.write("root.pem", b"")
            files = [tmp_path / "state", *(tmp_path / "state").rglob("*")]
            modes = {str(f.relative_to(tmp_path)): f.stat().st_mode & 0o777 for f in files}
    finally:
        os.umask(before)

    assert {name: mode for name, mode in modes.items() if mode & 0o077} == {}
    assert len(modes) == 11


async def test_half_an_update_of_the_authority_is_used_neither_now_nor_later(
    tmp_path: Path,
) -> None:
    """The certificate is another one already, the key is not."""
    (tmp_path / "mesh").mkdir()
    other = StateDirectory.opened(tmp_path / "other").authority
    kept_authority(other, NOW)
    async with serving(tmp_path) as served:
        file = tmp_path / "state/authority/ca.pem"
        certificate, begin, _ = (other.path / "ca.pem").read_bytes().partition(b"-----BEGIN PRIV")
        half = certificate + begin + file.read_bytes().partition(begin)[2]
        file.write_bytes(half)
        with capture_logs() as logs:
            for _ in range(3):
                await served.plane.look_after_state()
        assert [entry["event"] for entry in logs] == ["state_unusable"]

    with pytest.raises(KeyUnusable, match="is not the certificate's"):
        async with serving(tmp_path):
            pass
    assert file.read_bytes() == half
