"""A small mesh for real: YAML in a folder, ``controlplane serve``, Envoys, upstreams.

Everything runs in the network of the test (``network.own_network``), so the YAML may name any
port, and requests go to the gateway's own address.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.support.client import Answer, send
from tests.support.envoy import Envoy, free_port, running_envoy
from tests.support.process import Running, eventually
from tests.support.upstream import Upstreams, running_upstreams

CONTROLPLANE: Final = (sys.executable, "-m", "controlplane")
LOOPBACK: Final = "127.0.0.1"
METRICS_PORT: Final = 15090
WHOLE: Final = "mesh.yaml"
"""The one file of a mesh whose configuration is given as a whole."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The proxy that a test runs; by default Istio's own ingress gateway."""

    role: str = "gateway"
    name: str = "ingressgateway"
    namespace: str = "istio-system"
    address: str = "127.0.0.2"
    labels: dict[str, str] = field(default_factory=lambda: {"istio": "ingressgateway"})
    account: str | None = None
    """Its service account, where that is not its name."""
    group: str | None = None

    def options(self) -> list[str]:
        labels = [
            part for key, value in self.labels.items() for part in ("--label", f"{key}={value}")
        ]
        return [
            *(self.role, self.name, "--namespace", self.namespace),
            *("--service-account", self.account or self.name, "--ip", self.address, *labels),
            *(("--group", self.group) if self.group is not None else ()),
        ]


@dataclass(frozen=True, kw_only=True)
class Status:
    """What the control plane says of itself and its proxies."""

    revision: int
    waiting: int
    proxies: list[dict[str, Any]]

    def answered(self, before: int) -> bool:
        """Whether a revision after ``before`` is in force, nothing of it waits for the rest of its
        change, and every proxy has answered it.
        """
        return (
            self.revision > before
            and not self.waiting
            and all(
                proxy["revision"] == self.revision
                and not any(kind["state"] in ("waiting", "overdue") for kind in proxy["types"])
                for proxy in self.proxies
            )
        )


class ControlPlane:
    """``controlplane serve`` over a folder of its own, with its state and its ports. With
    ``--metrics`` each proxy answers ``/stats/prometheus`` on its own address.
    """

    def __init__(self, folder: Path, *options: str, guards_removals: bool = False) -> None:
        self.config = folder / "config"
        self.config.mkdir(exist_ok=True)
        self.state = folder / "state"
        self.xds = f"{LOOPBACK}:{free_port()}"
        self.admin_port = free_port()
        self.log = folder / "controlplane.log"
        # Tests replace whole meshes at once.
        self._options = options if guards_removals else (*options, "--allow-removal")
        self._is_scraped = "--metrics" in options

    @contextmanager
    def running(self, *wrapper: str) -> Iterator[Running]:
        """Serve until the block ends; may be entered again, after a crash for example.

        ``wrapper``: a command that runs the one that follows it.
        """
        command = [
            *wrapper,
            *CONTROLPLANE,
            "serve",
            "--config",
            str(self.config),
            "--xds",
            self.xds,
        ]
        command += ["--admin", f"{LOOPBACK}:{self.admin_port}", "--state", str(self.state)]
        with Running([*command, *self._options], self.log) as child:
            child.eventually("the first load is complete", self.is_ready, within=20)
            yield child

    def is_ready(self) -> bool:
        return self.admin("/readyz").status == 200

    def admin(self, path: str) -> Answer:
        return send(f"http://{LOOPBACK}:{self.admin_port}{path}", address=LOOPBACK)

    def status(self) -> Status:
        said = json.loads(self.admin("/api/v1/status").body)
        proxies = [proxy["proxy"] | {"rejected": proxy["rejected"]} for proxy in said["proxies"]]
        return Status(revision=said["revision"], waiting=said["waiting"], proxies=proxies)

    def command(self, *arguments: str) -> str:
        """What a command prints; ``AssertionError`` with its complaint where it fails."""
        done = subprocess.run([*CONTROLPLANE, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    def bootstrap(self, workload: Workload, admin_port: int) -> str:
        where = ["--xds", self.xds, "--admin", f"{LOOPBACK}:{admin_port}"]
        # Several run on this machine.
        scraped = f"{workload.address}:{METRICS_PORT}" if self._is_scraped else "off"
        where += ["--ready", "off", "--metrics", scraped]
        return self.command("bootstrap", *workload.options(), *where, "--state", str(self.state))

    @contextmanager
    def proxy(
        self,
        folder: Path,
        workload: Workload,
        wrapper: tuple[str, ...] = (),
        options: tuple[str, ...] = (),
    ) -> Iterator[Envoy]:
        """A real Envoy with this control plane's bootstrap."""
        folder.mkdir(exist_ok=True)
        admin_port = free_port()
        bootstrap = self.bootstrap(workload, admin_port)
        with running_envoy(
            bootstrap, folder, admin_port=admin_port, wrapper=wrapper, options=options
        ) as envoy:
            yield envoy


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """What a test holds: files to edit, a gateway to ask, upstreams that tell what they saw."""

    control_plane: ControlPlane
    gateway: Envoy
    workload: Workload
    upstreams: Upstreams

    def write(self, name: str, text: str) -> None:
        """Put a file in the folder at once, as an editor does: written beside, then renamed."""
        file = self.control_plane.config / name
        draft = file.with_name(f".{name}.new")
        draft.write_text(text, encoding="utf-8")
        draft.rename(file)

    def apply(self, text: str) -> None:
        """Make ``text`` the whole configuration, and wait until the gateway has answered it."""
        for file in self.control_plane.config.glob("*.yaml"):
            if file.name != WHOLE:
                self.edited(file.unlink)
        self.edited(lambda: self.write(WHOLE, text))

    def edited(self, edit: Callable[[], None]) -> None:
        """Make an edit that changes a file, and wait until every proxy has answered it."""
        before = self.control_plane.status().revision
        edit()
        eventually("the edit is answered", lambda: self.control_plane.status().answered(before))

    def delete(self, name: str) -> None:
        (self.control_plane.config / name).unlink()

    def send(self, url: str, **options: Any) -> Answer:
        """One request to the gateway; see ``client.send`` for the options."""
        return send(url, address=self.workload.address, **options)

    def until(
        self, holds: Callable[[Answer], bool], url: str, *, within: float = 10.0, **options: Any
    ) -> Answer:
        """Repeat the request until its answer is as wanted, and return that answer."""
        answers: list[Answer] = []

        def asked() -> bool:
            answers.append(self.send(url, **options))
            return holds(answers[-1])

        try:
            eventually(f"{url} answers as wanted", asked, within=within)
        except AssertionError as late:
            raise AssertionError(f"{late}; last answer: {answers[-1]}") from late
        return answers[-1]

    def until_upstream(self, name: str, url: str, **options: Any) -> Answer:
        return self.until(lambda answer: answer.upstream == name, url, **options)


@contextmanager
def running_mesh(
    folder: Path,
    *,
    files: dict[str, str] | None = None,
    workload: Workload | None = None,
    serve_options: tuple[str, ...] = (),
    guards_removals: bool = False,
) -> Iterator[Mesh]:
    """Start everything; when the block ends, Envoy must have rejected nothing and still run."""
    proxy = workload or Workload()
    control_plane = ControlPlane(folder, *serve_options, guards_removals=guards_removals)
    for name, text in (files or {}).items():
        (control_plane.config / name).write_text(text, encoding="utf-8")
    with ExitStack() as stack:
        upstreams = stack.enter_context(running_upstreams())
        stack.enter_context(control_plane.running())
        gateway = stack.enter_context(control_plane.proxy(folder / proxy.name, proxy))
        yield Mesh(
            control_plane=control_plane, gateway=gateway, workload=proxy, upstreams=upstreams
        )
        assert gateway.process.alive(), gateway.process.last_words()
        assert gateway.rejected() == {}, gateway.process.last_words()
