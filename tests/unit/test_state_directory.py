"""One state directory and several commands on it. Real processes, no Envoy."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.mesh import CONTROLPLANE, ControlPlane
from tests.support.process import Running


def test_a_second_control_plane_says_who_has_the_directory_and_changes_nothing(
    tmp_path: Path,
) -> None:
    plane = ControlPlane(tmp_path)
    with plane.running() as first:
        keys = sorted((plane.state / "authority").iterdir())
        before = [key.read_bytes() for key in keys]
        command = [*CONTROLPLANE, "serve", "--config", str(plane.config)]
        second = subprocess.run(
            [*command, "--state", str(plane.state)], capture_output=True, text=True, timeout=30
        )

        assert second.returncode == 3
        assert second.stderr.startswith(
            f"error: {plane.state} is in use by controlplane serve --config {plane.config} "
        )
        assert f"(pid {first.pid}), since 20" in second.stderr
        assert f" UTC, serving {plane.config}\nhint: stop that one, or" in second.stderr
        assert [key.read_bytes() for key in keys] == before

        for reader in (
            ("cert", "a.example"),
            ("cert", "--trust"),
            ("bootstrap", "gateway", "edge", "--namespace", "shop"),
            ("bootstrap", "gateway", "edge", "--namespace", "shop", "--only-token"),
        ):
            assert plane.command(*reader, "--state", str(plane.state))

        first.terminate(signal.SIGKILL)
    with plane.running() as third:
        assert third.terminate() == 0


def run(home: Path, *arguments: str, at: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command of a user whose home is ``home``, in the folder ``at``."""
    environment = {**os.environ, "XDG_STATE_HOME": str(home), "PYTHONPATH": str(Path.cwd())}
    return subprocess.run(
        [*CONTROLPLANE, *arguments],
        env=environment,
        cwd=at,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )


def test_the_same_config_leads_every_command_to_the_same_authority(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "other").mkdir()
    trust = ("cert", "--trust", "--config")
    bootstrap = ("bootstrap", "gateway", "edge", "--namespace", "shop")

    first = run(tmp_path, *trust, str(tmp_path / "mesh"))
    again = run(tmp_path, *trust, "mesh", at=tmp_path)
    here = run(tmp_path, *bootstrap, at=tmp_path / "mesh")
    other = run(tmp_path, *trust, str(tmp_path / "other"))

    assert first.stderr.startswith(f"note: new keys in {tmp_path}/controlplane/mesh-")
    assert "started with the same --config uses them" in first.stderr
    assert again.stdout == first.stdout
    assert "note:" not in again.stderr + here.stderr
    assert first.stdout.rstrip().replace("\n", "\\n") in here.stdout
    assert other.stdout != first.stdout
    names = [path.name for path in (tmp_path / "controlplane").iterdir()]
    assert sorted(re.sub(r"-\w{10}$", "", name) for name in names) == ["mesh", "other"]


@pytest.mark.parametrize("variable", ["XDG_STATE_HOME", "HOME"])
def test_serve_uses_the_directory_of_its_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    config = tmp_path / "mesh"
    config.mkdir()
    trusted = run_here("cert", "--trust", "-c", str(config))
    command = [*CONTROLPLANE, "serve", "--config", str(config)]
    command += ["--xds", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
    with Running(command, tmp_path / "log") as serving:
        serving.eventually("it serves", lambda: "event=serving" in serving.last_words(), within=20)
        second = subprocess.run(command, capture_output=True, text=True, timeout=30)

        assert second.returncode == 3
        assert f"(pid {serving.pid}), since" in second.stderr
        assert run_here("cert", "--trust", "-c", str(config)) == trusted


def run_here(*arguments: str) -> str:
    return subprocess.run(
        [*CONTROLPLANE, *arguments], capture_output=True, text=True, timeout=30, check=True
    ).stdout


def test_keys_of_a_version_with_one_directory_for_all_are_pointed_to(tmp_path: Path) -> None:
    earlier = tmp_path / "controlplane"
    (tmp_path / "mesh").mkdir()
    run(tmp_path, "cert", "--trust", "--state", str(earlier))

    after = run(tmp_path, "cert", "--trust", "--config", str(tmp_path / "mesh"))

    line = f"note: to go on with the keys of an earlier version, pass --state {earlier}\n"
    assert after.stderr.startswith(line)
    assert (
        run(tmp_path, "cert", "--trust", "--config", str(tmp_path / "mesh")).stderr.count("note")
        == 0
    )
