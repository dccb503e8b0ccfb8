"""What ``serve`` logs, and where else it answers monitoring."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from controlplane.cli.main import main as controlplane
from tests.support.client import send
from tests.support.envoy import free_port
from tests.support.mesh import CONTROLPLANE
from tests.support.process import Running

WRONG = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: "b\u00fccher", namespace: default}
spec: {hosts: [a.example], http: [{route: [{destination: {host: a}}], timeout: soon}]}
"""


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Running]:
    (folder / "mesh").mkdir(exist_ok=True)
    (folder / "mesh" / "mesh.yaml").write_text(WRONG)
    ports = [f"--{name}=127.0.0.1:{free_port()}" for name in ("xds", "admin")]
    where = [str(folder / "mesh"), "--state", str(folder / "state")]
    command = [*CONTROLPLANE, "serve", *where, *ports, *options]
    with Running(command, folder / "log") as process:
        yield process


def test_the_log_is_json_where_that_is_asked_for(tmp_path: Path) -> None:
    with serving(tmp_path, "--log-format=json") as process:
        process.eventually("it loads", lambda: '"loaded"' in process.log.read_text())

    lines = [json.loads(line) for line in process.log.read_text().splitlines()]
    levels = {line["event"]: line["level"] for line in lines}
    assert (levels["serving"], levels["diagnostic"], levels["loaded"]) == ("info", "error", "info")
    assert all("timestamp" in line for line in lines)


@pytest.mark.parametrize(
    ("level", "expected"),
    [("error", {"diagnostic"}), ("info", {"serving", "diagnostic", "loaded"})],
)
def test_only_what_is_of_the_level_is_logged(
    level: str, expected: set[str], tmp_path: Path
) -> None:
    at = f"127.0.0.1:{free_port()}"
    options = ("--log-format=json", f"--log-level={level}", f"--metrics-bind={at}")
    with serving(tmp_path, *options) as process:
        process.eventually("it logs", lambda: "diagnostic" in process.log.read_text())
        process.eventually(
            "it is ready",
            lambda: send(f"http://{at}/readyz", address="127.0.0.1").status == 200,
        )
        if level == "info":
            process.eventually("it loads", lambda: '"loaded"' in process.log.read_text())

    lines = process.log.read_text().splitlines()
    assert {json.loads(line)["event"] for line in lines} == expected


def test_metrics_have_an_address_of_their_own_where_that_is_asked_for(tmp_path: Path) -> None:
    at = f"127.0.0.1:{free_port()}"
    with serving(tmp_path, f"--metrics-bind={at}") as process:
        process.eventually(
            "it is ready",
            lambda: send(f"http://{at}/readyz", address="127.0.0.1").status == 200,
        )
        metrics = send(f"http://{at}/metrics", address="127.0.0.1")
        status = send(f"http://{at}/api/v1/status", address="127.0.0.1")

    assert b"\npilot_xds 0.0\n" in metrics.body
    assert (metrics.status, status.status) == (200, 404)


def test_an_address_for_metrics_that_is_taken_is_named_with_its_option(tmp_path: Path) -> None:
    at = f"127.0.0.1:{free_port()}"
    with serving(tmp_path, f"--admin={at}", f"--metrics-bind={at}") as process:
        assert process.wait() == 3

    assert f"cannot listen on {at}: Address already in use" in process.log.read_text()
    assert "choose another with --metrics-bind HOST:PORT" in process.log.read_text()


@pytest.mark.parametrize("below", [".", "status", "link/status"])
def test_statuses_are_not_written_where_configuration_is_read(tmp_path: Path, below: str) -> None:
    """They would be read as the objects that they show, and replace files of their names."""
    mesh = tmp_path / "mesh"
    mesh.mkdir()
    (tmp_path / "link").symlink_to(mesh)
    folder = tmp_path / below if "link" in below else mesh / below

    done = CliRunner().invoke(controlplane, ["serve", str(mesh), "--status-dir", str(folder)])

    assert done.exit_code == 2
    assert f"--status-dir {folder} is in the folder of --config {mesh}" in done.output
