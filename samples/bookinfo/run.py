"""Bookinfo on this machine, without containers: each workload in a network namespace of its own,
with an Envoy that intercepts its traffic; the control plane and the ingress gateway outside.

    python samples/bookinfo/run.py      what `make bookinfo` runs, as root; Ctrl-C ends everything

Keys and logs are in .bookinfo, beside samples.
"""

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
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]
import inside  # noqa: E402 - beside this file
import programs  # noqa: E402
import proxies  # noqa: E402
from network import Host, Network, why_not  # noqa: E402

ROOT: Final = HERE.parents[1]
WORK: Final = inside.HOSTS.parent
LOGS: Final = WORK / "logs"
STATE: Final = WORK / "state"
CONTROLPLANE: Final = (sys.executable, "-m", "controlplane")
SERVED: Final = ("bookinfo.yaml", "workloads.yaml", "networking/bookinfo-gateway.yaml", "mesh")
APPLICATION: Final = 10002  # the user of applications
LOOK_EVERY: Final = 0.1  # seconds
OPEN_WITHIN: Final = 60.0  # seconds
URL: Final = "http://localhost:8080/productpage"
OUTSIDE: Final = "edition.example"
"""A host outside of the mesh, for the lessons about traffic that leaves."""


WHAT_TO_TRY: Final = """
Bookinfo is open: {url}
In another terminal:

  curl -s {url} | grep -o 'reviews-v[123]' | uniq
  python3 {here}/apply.py {here}/networking/destination-rule-all.yaml
  python3 {here}/apply.py {here}/networking/virtual-service-all-v1.yaml
  python3 {here}/inside.py productpage curl -s http://details:9080/details/0
  controlplane status

The lessons are in docs/bookinfo.md. Logs are in {logs}. Ctrl-C ends everything.
"""


def bound_to_this(command: Sequence[str]) -> list[str]:
    """``command`` as one that is killed when this process ends in whatever way."""
    return ["setpriv", "--pdeathsig", "KILL", "--", *command]


class Bookinfo:
    """Everything that runs."""

    def __init__(self, network: Network, shared: Path) -> None:
        """``shared``: a folder that all users may read."""
        self._network = network
        self._shared = shared
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
        command = (*CONTROLPLANE, "serve", *served, *options, "--state", str(STATE))
        self._start("controlplane", command)

    def issue_tokens(self) -> None:
        for proxy in proxies.PROXIES:
            proxies.write_token(proxy, self._shared, STATE)

    def start_outside(self) -> None:
        """A server that is no part of the mesh, as root for port 80."""
        host = self._network.add(OUTSIDE)
        server = str(self._shared / "upstream/server.py")
        command = (self._python, server, "--host", "0.0.0.0", "outside=80")
        self._start(OUTSIDE, host.command(*command))

    def start_workloads(self) -> None:
        for proxy in proxies.SIDECARS:
            name = proxy.name.rpartition("-")[0]
            host = self._network.add(proxy.name if name == "reviews" else name)
            application = (self._python, str(self._shared / "bookinfo/server.py"), proxy.name)
            replica = f"HOSTNAME={proxy.name}-1"
            command = ("--", "env", replica, *application)
            self._start(host.name, [*self._supervised(proxy, host), *command])
        self._network.names["reviews"] = self._network.hosts["reviews-v1"].address
        self._network.write_names()

    def start_gateways(self) -> None:
        host = self._network.add("istio-egressgateway")
        self._start(host.name, [*self._supervised(proxies.EGRESS, host), "--gateway"])
        ports = ("--ready", "127.0.0.1:15021", "--metrics", "127.0.0.1:15090")
        options = ("--metadata", "BIND_ADDRESS=127.0.0.1", *ports)
        ingress = self._supervised(proxies.INGRESS, None, *options)
        self._start("istio-ingressgateway", [*ingress, "--gateway"])

    def _supervised(self, proxy: proxies.Proxy, host: Host | None, *options: str) -> list[str]:
        """The supervisor of an Envoy on a host, or on this side of the network; ``options`` are
        those of its bootstrap.
        """
        proxies.write_bootstrap(proxy, self._shared, STATE, self._xds, *options)
        file = proxies.bootstrap_file(proxy, self._shared)
        command = [self._python, str(ROOT / "envoy/workload.py"), "--envoy", self._envoy]
        command += ["--bootstrap", str(file), "--name", f"{proxy.name}-1", "--concurrency", "1"]
        return host.command(*command) if host else command

    def _start(self, name: str, command: Sequence[str]) -> None:
        log = LOGS / f"{name}.log"
        log.write_bytes(b"")
        log.chmod(0o666)  # Envoy opens it itself, as a user of its own, for the access log
        with log.open("ab") as out:
            process = subprocess.Popen(
                bound_to_this(command),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for this program alone
            )
        self._running.append((name, process))

    def write_hosts(self) -> None:
        hosts = self._network.hosts.items()
        found = {name: (host.namespace, APPLICATION) for name, host in hosts}
        inside.HOSTS.write_text(json.dumps(found), encoding="utf-8")

    def ended(self) -> str | None:
        """The name of what has ended by itself."""
        return next((name for name, process in self._running if process.poll() is not None), None)

    def end(self) -> None:
        """At once: nobody is left who would miss a request."""
        (_, control_plane), *others = self._running
        for _, process in others:
            process.kill()
        control_plane.terminate()
        for _, process in self._running:
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
        bookinfo.start_workloads()
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
            text = WHAT_TO_TRY.format(
                url=URL, here=os.path.relpath(HERE), logs=os.path.relpath(LOGS)
            )
            print(text, flush=True)
        if not is_said and now - began > OPEN_WITHIN:
            print(f"{URL} does not answer: see {LOGS}", file=sys.stderr)
            return 1
        if now - renewed > proxies.RENEW_EVERY:
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
