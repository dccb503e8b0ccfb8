"""One state directory and several commands on it. Real processes, no Envoy."""

import signal
import subprocess
from pathlib import Path

from tests.support.mesh import CONTROLPLANE, ControlPlane


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
