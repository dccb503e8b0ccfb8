"""The rig of docker-compose.yml, under a project name of its own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.support.client import Answer, send
from tests.support.envoy import free_port
from tests.support.process import eventually

ROOT: Final = Path(__file__).parents[2]
BUILD_WITHIN: Final = 600.0  # seconds; the first build installs every dependency
LOOPBACK: Final = "127.0.0.1"


def _why_no_engine() -> str | None:
    """Why compose cannot be used here; ``None`` where it can."""
    if shutil.which("docker") is None:
        return "no docker command"
    for what, command in (
        ("engine", ["docker", "info", "--format", "{{.ServerVersion}}"]),
        ("compose plugin", ["docker", "compose", "version"]),
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode:
            return f"no {what} answers: {done.stderr.strip().splitlines()[-1:]}"
    return None


@dataclass(frozen=True, kw_only=True)
class Rig:
    """The containers, seen from the machine that runs them."""

    folder: Path
    """A copy of what compose mounts: tests edit the files below ``samples``."""
    project: str
    http_port: int
    https_port: int
    egress_port: int

    def compose(self, *arguments: str, within: float = 120.0) -> str:
        """What a compose command prints; ``AssertionError`` with its complaint where it fails."""
        done = subprocess.run(
            ["docker", "compose", "--project-name", self.project, *arguments],
            cwd=self.folder,
            env={
                **os.environ,
                "HTTP_PORT": str(self.http_port),
                "HTTPS_PORT": str(self.https_port),
                "EGRESS_HTTP_PORT": str(self.egress_port),
                "EGRESS_TLS_PORT": "0",
                "EGRESS_TCP_PORT": "0",
            },
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )
        assert done.returncode == 0, f"compose {arguments}: {done.stderr[-3000:]}"
        return done.stdout

    def get(self, path: str, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"http://localhost:{self.http_port}{path}"
        return send(url, address=LOOPBACK, headers=named)

    def leave(self, host: str) -> Answer:
        """One request to the egress gateway."""
        return send(f"http://{host}/", address=LOOPBACK, port=self.egress_port)

    def root_certificate(self) -> str:
        return self.compose(
            "exec", "-T", "controlplane", "controlplane", "cert", "--trust", "--state", "/state"
        )

    def until(self, what: str, path: str, status: int, body: str, *, within: float = 30.0) -> None:
        """Wait for an answer with this status and this text in its body."""

        def as_wanted() -> bool:
            answer = self.get(path)
            return answer.status == status and body in answer.text

        eventually(what, as_wanted, within=within)


def _copied(folder: Path) -> None:
    """What the images are built from and what is mounted, so that the checkout stays as it is."""
    for name in ("docker-compose.yml", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    unwanted = shutil.ignore_patterns("__pycache__")
    for name in ("controlplane", "protos", "envoy", "samples"):
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    for path in (folder, *folder.rglob("*")):
        # Containers read the mounted files as users of their own.
        path.chmod(0o755 if path.is_dir() else 0o644)


@contextmanager
def running_rig(folder: Path) -> Iterator[Rig]:
    """Build and start everything; afterwards nothing of it is left but the images."""
    if (why := _why_no_engine()) is not None:
        pytest.skip(why)
    _copied(folder)
    rig = Rig(
        folder=folder,
        project=f"controlplane-test-{os.getpid()}",
        http_port=free_port(),
        https_port=free_port(),
        egress_port=free_port(),
    )
    try:
        rig.compose("build", within=BUILD_WITHIN)
        rig.compose("up", "--detach")
        try:
            rig.until("the bookshop is open", "/about", 200, "bookshop")
        except AssertionError as closed:
            raise AssertionError(f"{closed}\n{rig.compose('logs', '--tail', '40')}") from closed
        yield rig
    finally:
        rig.compose("down", "--volumes", "--timeout", "2")
