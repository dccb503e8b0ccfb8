"""Bookinfo on this machine, without containers: each workload in a network namespace of its own,
with an Envoy that intercepts its traffic; the control plane and the ingress gateway outside.

    python samples/bookinfo/run.py      what `make bookinfo` runs, as root; Ctrl-C ends everything

Keys and logs are in .bookinfo, in the folder where it is started.
"""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from controlplane.cli.main import main as controlplane

HERE: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]
import inside  # noqa: E402 - beside this file
import programs  # noqa: E402
from network import Host, Network, why_not  # noqa: E402

ROOT: Final = HERE.parents[1]
WORK: Final = inside.HOSTS.parent
LOGS: Final = WORK / "logs"
STATE: Final = WORK / "state"
CONTROLPLANE: Final = (sys.executable, "-m", "controlplane")
SERVED: Final = ("bookinfo.yaml", "workloads.yaml", "networking/bookinfo-gateway.yaml", "mesh")
PROXY, APPLICATION = 1337, 10002  # users
RENEW_EVERY: Final = 6 * 3600.0  # seconds; tokens are valid for 24 hours
LOOK_EVERY: Final = 0.1  # seconds
OPEN_WITHIN: Final = 60.0  # seconds
URL: Final = "http://localhost:8080/productpage"
OUTSIDE: Final = "edition.example"
"""A host outside of the mesh, for the lessons about traffic that leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A host; its WorkloadGroup has the name of the application and its version."""

    host: str
    application: str
    account: str

    @property
    def group(self) -> str:
        return self.application if "-v" in self.application else f"{self.application}-v1"


WORKLOADS: Final = (
    Workload(host="productpage", application="productpage", account="bookinfo-productpage"),
    Workload(host="details", application="details", account="bookinfo-details"),
    Workload(host="ratings", application="ratings", account="bookinfo-ratings"),
    *(
        Workload(host=f"reviews-{v}", application=f"reviews-{v}", account="bookinfo-reviews")
        for v in ("v1", "v2", "v3")
    ),
)
EGRESS: Final = "istio-egressgateway"
WHAT_TO_TRY: Final = """
Bookinfo is open: {url}
In another terminal, in this folder:

  curl -s {url} | grep -o 'reviews-v[123]' | uniq
  python3 {here}/apply.py {here}/networking/destination-rule-all.yaml
  python3 {here}/apply.py {here}/networking/virtual-service-all-v1.yaml
  python3 {here}/inside.py productpage curl -s http://details:9080/details/0
  controlplane status

The lessons are in docs/bookinfo.md. Logs are in {logs}. Ctrl-C ends everything.
"""


def printed(*arguments: str) -> str:
    """What a command of controlplane prints; ends the program where it fails. In this process: one
    of its own would take most of a second.
    """
    out, complaints = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(complaints):
        status = controlplane(arguments, standalone_mode=False)
    if status:
        sys.exit(complaints.getvalue().strip())
    return out.getvalue()


class Bookinfo:
    """Everything that runs; ``end`` ends it in order: gateways first, the control plane last."""

    def __init__(self, network: Network, shared: Path) -> None:
        self._network = network
        self._shared = shared
        """A folder that all users may read."""
        self._envoy, self._python = programs.envoy(shared), programs.python()
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._xds = f"{network.address}:15010"
        for program in (*HERE.glob("*.py"), ROOT / "samples/upstream/server.py"):
            folder = shared / program.parent.name
            folder.mkdir(exist_ok=True)
            shutil.copy(program, folder)
            (folder / program.name).chmod(0o644)

    def start_control_plane(self) -> None:
        served = [option for name in SERVED for option in ("--config", str(HERE / name))]
        options = ("--mesh-config", str(HERE / "mesh-config.yaml"), "--xds", self._xds)
        self._start(
            "controlplane", [*CONTROLPLANE, "serve", *served, *options, "--state", str(STATE)]
        )

    def issue_tokens(self) -> None:
        """Into files that the Envoys follow; the group of the Envoys may read them."""
        for workload in WORKLOADS:
            account = f"default/{workload.account}"
            self._issue(workload.host, account, "--group", workload.group)
        self._issue(EGRESS, f"istio-system/{EGRESS}", "--role", "gateway", "--group", EGRESS)
        self._issue("ingress", "istio-system/istio-ingressgateway", "--role", "gateway")

    def _issue(self, name: str, account: str, *options: str) -> None:
        file = self._token(name)
        draft = file.with_suffix(".new.yaml")
        printed("token", account, *options, "--out", str(draft), "--state", str(STATE))
        os.chown(draft, 0, PROXY)
        draft.chmod(0o640)
        draft.rename(file)

    def _token(self, name: str) -> Path:
        folder = self._shared / "tokens"
        folder.mkdir(exist_ok=True)
        return folder / f"{name}.yaml"

    def start_outside(self) -> None:
        """A server that is no part of the mesh."""
        host = self._network.add(OUTSIDE)
        server = str(self._shared / "upstream/server.py")
        # As root, for port 80.
        command = host.command(self._python, server, "--host", "0.0.0.0", "outside=80")
        self._start(OUTSIDE, command)

    def start_workload(self, workload: Workload) -> None:
        host = self._network.add(workload.host)
        bootstrap = self._bootstrap(
            *("sidecar", workload.host, "--namespace", "default"),
            *("--service-account", workload.account),
        )
        replica = f"{workload.group}-1"
        application = (self._python, str(self._shared / "bookinfo/server.py"), workload.application)
        command = self._supervised(bootstrap, host, replica)
        self._start(host.name, [*command, "--", "env", f"HOSTNAME={replica}", *application])

    def start_gateways(self) -> None:
        egress = self._bootstrap(
            *("gateway", EGRESS, "--namespace", "istio-system", "--service-account", EGRESS),
            *("--label", "istio=egressgateway"),
        )
        host = self._network.add(EGRESS)
        self._start(EGRESS, [*self._supervised(egress, host, EGRESS), "--gateway"])
        ingress = self._bootstrap(
            *("gateway", "ingress", "--namespace", "istio-system"),
            *("--service-account", "istio-ingressgateway", "--label", "istio=ingressgateway"),
            *("--metadata", "BIND_ADDRESS=127.0.0.1", "--ready", "127.0.0.1:15021"),
            *("--metrics", "127.0.0.1:15090"),
        )
        command = self._supervised(ingress, None, "istio-ingressgateway")
        self._start("istio-ingressgateway", [*command, "--gateway"])

    def _bootstrap(self, role: str, name: str, *options: str) -> Path:
        where = ("--xds", self._xds, "--state", str(STATE), "--token-file", str(self._token(name)))
        file = WORK / f"{name}.json"
        file.write_text(printed("bootstrap", role, name, *options, "--replicas", *where))
        return file

    def _supervised(self, bootstrap: Path, host: Host | None, name: str) -> list[str]:
        """The supervisor of an Envoy on a host, or on this side of the network."""
        supervisor = [self._python, str(ROOT / "envoy/workload.py"), "--envoy", self._envoy]
        options = ["--bootstrap", str(bootstrap.resolve()), "--name", name, "--concurrency", "1"]
        command = [*supervisor, *options, "--grace", "3"]
        return host.command(*command) if host else command

    def _start(self, name: str, command: list[str]) -> None:
        log = LOGS / f"{name}.log"
        log.write_bytes(b"")
        log.chmod(0o666)  # Envoy opens it itself, as a user of its own, for the access log
        with log.open("ab") as out:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for this program alone
            )
        self._running.append((name, process))

    def write_hosts(self) -> None:
        self._network.names["reviews"] = self._network.hosts["reviews-v1"].address
        self._network.write_names()
        hosts = self._network.hosts.items()
        found = {name: (host.namespace, APPLICATION) for name, host in hosts}
        inside.HOSTS.write_text(json.dumps(found), encoding="utf-8")

    def ended(self) -> str | None:
        """The name of what has ended by itself."""
        return next((name for name, process in self._running if process.poll() is not None), None)

    def end(self) -> None:
        """Workloads and gateways together, then the control plane, which sees them leave."""
        processes = [process for _, process in self._running]
        for some in (processes[1:], processes[:1]):
            for process in some:
                process.terminate()
            for process in some:
                process.wait()


@contextmanager
def running() -> Iterator[Bookinfo]:
    for folder in (WORK, LOGS):
        folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        shared = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bookinfo-")))
        shared.chmod(0o755)
        bookinfo = Bookinfo(stack.enter_context(Network()), shared)
        stack.callback(inside.HOSTS.unlink, missing_ok=True)
        stack.callback(bookinfo.end)
        bookinfo.start_control_plane()
        bookinfo.issue_tokens()
        bookinfo.start_outside()
        for workload in WORKLOADS:
            bookinfo.start_workload(workload)
        bookinfo.start_gateways()
        bookinfo.write_hosts()
        yield bookinfo


def is_open() -> bool:
    try:
        with urllib.request.urlopen(URL, timeout=5) as answer:
            return "Book Reviews" in answer.read().decode()
    except (urllib.error.URLError, OSError):
        return False


def attend(bookinfo: Bookinfo) -> int:
    """Say what to try once it is open; the status when something has ended by itself."""
    began = renewed = time.monotonic()
    is_said = False
    while True:
        if (name := bookinfo.ended()) is not None:
            print(f"{name} has ended: see {LOGS / name}.log", file=sys.stderr)
            return 1
        now = time.monotonic()
        if not is_said and is_open():
            is_said = True
            text = WHAT_TO_TRY.format(url=URL, here=os.path.relpath(HERE), logs=LOGS)
            print(text, flush=True)
        if not is_said and now - began > OPEN_WITHIN:
            print(f"{URL} does not answer: see {LOGS}", file=sys.stderr)
            return 1
        if now - renewed > RENEW_EVERY:
            bookinfo.issue_tokens()
            renewed = now
        time.sleep(LOOK_EVERY)


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    if (reason := why_not()) is not None:
        sys.exit(f"make bookinfo: {reason}; docker compose --profile bookinfo up needs none of it")
    signal.signal(signal.SIGTERM, interrupted)
    try:
        with running() as bookinfo:
            return attend(bookinfo)
    except KeyboardInterrupt:
        return 0
    except LookupError as fault:
        sys.exit(f"make bookinfo: {fault.args[0]}")


if __name__ == "__main__":
    sys.exit(main())
