"""The rig of docker-compose.yml, under a project name of its own."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from samples.bookinfo.pages import sign
from tests.support.client import Answer, send
from tests.support.envoy import free_port
from tests.support.process import eventually

ROOT: Final = Path(__file__).parents[2]
BUILD_WITHIN: Final = 600.0  # seconds; the first build installs every dependency
LOOPBACK: Final = "127.0.0.1"
PORTS: Final = (
    *("HTTP_PORT", "HTTPS_PORT", "BOOKINFO_PORT"),
    *("EGRESS_HTTP_PORT", "EGRESS_TLS_PORT", "EGRESS_TCP_PORT"),
)
BOOKINFO: Final = (
    *("bookinfo-tokens", "bookinfo-controlplane", "bookinfo-ingressgateway", "bookinfo-outside"),
    *("productpage", "details", "ratings", "reviews-v1", "reviews-v2", "reviews-v3"),
)
"""The services of Bookinfo that its tests need, besides those on which they depend."""


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
class Project:
    """Containers under a project name of their own."""

    folder: Path
    """A copy of what compose mounts: tests edit the files below ``samples``."""
    name: str
    ports: Mapping[str, int | str]
    """By the variable of docker-compose.yml; ``8100-8101`` for a range."""
    profiles: tuple[str, ...] = ()

    def compose(self, *arguments: str, within: float = 120.0) -> str:
        """What a compose command prints; ``AssertionError`` with its complaint where it fails."""
        profiles = [f"--profile={profile}" for profile in self.profiles]
        done = subprocess.run(
            ["docker", "compose", "--project-name", self.name, *profiles, *arguments],
            cwd=self.folder,
            env={**os.environ, **{name: str(port) for name, port in self.ports.items()}},
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )
        assert done.returncode == 0, f"compose {arguments}: {done.stderr[-3000:]}"
        return done.stdout

    @contextmanager
    def up(self, *services: str) -> Iterator[None]:
        """Build and start them; afterwards nothing of it is left but the images."""
        if (why := _why_no_engine()) is not None:
            pytest.skip(why)
        _copied(self.folder)
        try:
            self.compose("build", within=BUILD_WITHIN)
            self.compose("up", "--detach", *services, within=BUILD_WITHIN)
            yield
        finally:
            self.compose("down", "--volumes", "--timeout", "2")

    def until(self, what: str, holds: Callable[[], bool], *, within: float) -> None:
        """As ``eventually``; a failure shows the containers' logs."""
        try:
            eventually(what, holds, within=within)
        except AssertionError as never:
            raise AssertionError(f"{never}\n{self.compose('logs', '--tail', '40')}") from never


@dataclass(frozen=True, kw_only=True)
class Rig:
    """The bookshop's containers, seen from the machine that runs them."""

    project: Project

    @property
    def folder(self) -> Path:
        return self.project.folder

    @property
    def http_port(self) -> int:
        return int(self.project.ports["HTTP_PORT"])

    @property
    def https_port(self) -> int:
        return int(self.project.ports["HTTPS_PORT"])

    def compose(self, *arguments: str, within: float = 120.0) -> str:
        return self.project.compose(*arguments, within=within)

    def get(self, path: str, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"http://localhost:{self.http_port}{path}"
        return send(url, address=LOOPBACK, headers=named)

    def leave(self, host: str) -> Answer:
        """One request to the egress gateway."""
        return send(
            f"http://{host}/", address=LOOPBACK, port=int(self.project.ports["EGRESS_HTTP_PORT"])
        )

    def root_certificate(self) -> str:
        return self.compose(
            "exec", "-T", "controlplane", "controlplane", "cert", "--trust", "--state", "/state"
        )

    def is_open(self) -> bool:
        answer = self.get("/about")
        return answer.status == 200 and "bookshop" in answer.text

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


def _project(folder: Path, *names: str, profiles: tuple[str, ...] = ()) -> Project:
    """With free ports for the variables ``names``, and any for the others."""
    others = dict.fromkeys(PORTS, 0)
    return Project(
        folder=folder,
        name=f"controlplane-test-{os.getpid()}-{folder.name.strip('0')}",
        ports={**others, **{name: free_port() for name in names}},
        profiles=profiles,
    )


@contextmanager
def running_rig(folder: Path) -> Iterator[Rig]:
    """The bookshop."""
    rig = Rig(project=_project(folder, "HTTP_PORT", "HTTPS_PORT", "EGRESS_HTTP_PORT"))
    with rig.project.up():
        rig.project.until("the bookshop is open", rig.is_open, within=60)
        yield rig


@dataclass(frozen=True, kw_only=True)
class BookinfoRig:
    """Bookinfo's containers, without those of the bookshop."""

    project: Project

    def compose(self, *arguments: str, within: float = 120.0) -> str:
        return self.project.compose(*arguments, within=within)

    def get(self, path: str, *, user: str = "") -> Answer:
        cookie = {"cookie": f"session={sign(user)}"} if user else {}
        url = f"http://localhost:{self.project.ports['BOOKINFO_PORT']}{path}"
        return send(url, address=LOOPBACK, headers=cookie)

    def page(self) -> Answer:
        return self.get("/productpage")

    def is_open(self) -> bool:
        answer = self.page()
        return answer.status == 200 and "Book Reviews" in answer.text

    def served_by(self, user: str = "") -> str:
        """The replica of reviews that served a page."""
        answer = self.get("/api/v1/products/0/reviews", user=user)
        return str(answer.seen["podname"]) if answer.status == 200 else f"{answer.status}"

    def versions(self, count: int, *, user: str = "") -> set[str]:
        return {self.served_by(user)[: len("reviews-v1")] for _ in range(count)}

    def replicas(self) -> set[str]:
        return {self.served_by() for _ in range(30)}

    def apply(self, *names: str) -> None:
        """Files of Istio's tutorial, as its reader does."""
        files = [f"samples/bookinfo/networking/{name}.yaml" for name in names]
        program = "samples/bookinfo/apply.py"
        subprocess.run([sys.executable, program, *files], cwd=self.project.folder, check=True)

    def mesh(self, name: str, text: str | None) -> None:
        """Put a file into the folder that is served, or take it out."""
        file = self.project.folder / "samples/bookinfo/mesh" / name
        if text is None:
            file.unlink()
        else:
            file.write_text(text, encoding="utf-8")
            file.chmod(0o644)

    def scale(self, service: str, replicas: int) -> None:
        number = f"{service}={replicas}"
        self.compose("up", "--detach", "--no-deps", "--no-recreate", "--scale", number, service)

    def endpoints(self, subset: str) -> int:
        """How many of reviews the Envoy of productpage knows."""
        shown = self.compose(
            *("exec", "-T", "-u", "1337", "productpage", "curl", "-sS"),
            *("--unix-socket", "/tmp/admin.sock", "http://localhost/clusters"),
        )
        cluster = f"outbound|9080|{subset}|reviews.default.svc.cluster.local::"
        lines = [line for line in shown.splitlines() if line.startswith(cluster)]
        return sum(line.endswith("::health_flags::healthy") for line in lines)


@contextmanager
def running_bookinfo_rig(folder: Path) -> Iterator[BookinfoRig]:
    rig = BookinfoRig(project=_project(folder, "BOOKINFO_PORT", profiles=("bookinfo",)))
    with rig.project.up(*BOOKINFO):
        rig.project.until("Bookinfo is open", rig.is_open, within=90)
        yield rig


@dataclass(frozen=True, kw_only=True)
class GatewaysRig:
    """A control plane, a runner that publishes two ports, and two services."""

    project: Project
    ports: tuple[int, int]

    def compose(self, *arguments: str, within: float = 120.0) -> str:
        return self.project.compose(*arguments, within=within)

    def write(self, name: str, text: str) -> None:
        """Put a file into the folder that is served."""
        file = self.project.folder / "samples/mesh" / name
        draft = file.with_name(f".{name}.new")
        draft.write_text(text, encoding="utf-8")
        draft.chmod(0o644)
        draft.rename(file)

    def delete(self, name: str) -> None:
        (self.project.folder / "samples/mesh" / name).unlink()

    def until(self, what: str, holds: Callable[[], bool], *, within: float = 30.0) -> None:
        self.project.until(what, holds, within=within)

    def log(self) -> str:
        """What the runner logged, by the names of events."""
        return self.compose("logs", "--no-log-prefix", "gateways")

    def envoys(self) -> int:
        """How many Envoys run in the runner's container."""
        count = "cat /proc/[0-9]*/comm 2> /dev/null | grep -c '^envoy$' || true"
        return int(self.compose("exec", "-T", "gateways", "bash", "-c", count))


@contextmanager
def running_gateways_rig(folder: Path) -> Iterator[GatewaysRig]:
    first = _two_ports()
    project = _project(folder, profiles=("gateway-api",))
    ports = {**project.ports, "GATEWAY_PORTS": f"{first}-{first + 1}"}
    rig = GatewaysRig(project=replace(project, ports=ports), ports=(first, first + 1))
    with rig.project.up("controlplane", "gateways", "storefront", "catalog"):
        yield rig


def _two_ports() -> int:
    """The first of two free ports one after the other."""
    while True:
        first = free_port()
        with socket.socket() as probe, suppress(OSError):
            probe.bind((LOOPBACK, first + 1))
            return first
