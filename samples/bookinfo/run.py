"""Bookinfo on this machine, without containers: each workload in a network namespace of its own,
with an Envoy that intercepts its traffic; the control plane and the ingress gateway outside.

    python samples/bookinfo/run.py      what `make bookinfo` runs, as root; Ctrl-C ends everything
    python samples/bookinfo/run.py --tracing    with Zipkin, which gets a trace of each request

Keys and logs are in .bookinfo, beside samples.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tracing")]
import inside  # noqa: E402 - beside this file
import programs  # noqa: E402
import proxies  # noqa: E402
import zipkin  # noqa: E402
from network import Host, Network, why_not  # noqa: E402

ROOT: Final = HERE.parents[1]
WORK: Final = inside.HOSTS.parent
MESH: Final = HERE / "mesh"
CONTROLPLANE: Final = (sys.executable, "-m", "controlplane")
SERVED: Final = ("bookinfo.yaml", "workloads.yaml", "networking/bookinfo-gateway.yaml")
APPLICATION: Final = 10002  # the user of applications
LOOK_EVERY: Final = 0.1  # seconds
OPEN_WITHIN: Final = 60.0  # seconds
URL: Final = "http://localhost:8080/productpage"
SHARED: Final = "bookinfo-"
"""How the names begin of folders in /tmp."""
GATEWAY_CLUSTERS: Final = "http://127.0.0.1:15000/clusters"
HEALTHY: Final = r"^outbound\|9080\|\|\w+\.default\..*?::([0-9.]+):9080::health_flags::healthy$"
"""A line of what Envoy says of its clusters; the address."""
OUTSIDE: Final = "edition.example"
"""A host outside of the mesh, for the lessons about traffic that leaves."""


ZIPKIN_PORT: Final = 9411
TRACING: Final = HERE.parent / "tracing/zipkin.yaml"
ZIPKIN_IS_OPEN: Final = """
Its traces: http://{address}:9411/zipkin/?lookback=15m
"""
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

    def __init__(self, network: Network, *, shared: Path, work: Path, mesh: Path) -> None:
        """``shared``: a folder that all users may read; ``work``: keys and logs; ``mesh``: what is
        served besides the sample.
        """
        self._network = network
        self.shared = shared
        self._mesh = mesh
        self.logs, self._state = work / "logs", work / "state"
        for folder in (work, self.logs):
            folder.mkdir(exist_ok=True)
        self._envoy, self._python = programs.envoy(shared), programs.python()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._xds = f"{network.address}:15010"
        self._tracing = shared / "tracing"
        self._tracing.mkdir()
        self._admin = shared / "admin"
        self._admin.mkdir(mode=0o700)
        os.chown(self._admin, proxies.PROXY_GROUP, proxies.PROXY_GROUP)
        for program in (*HERE.glob("*.py"), ROOT / "samples/upstream/server.py"):
            folder = shared / program.parent.name
            folder.mkdir(exist_ok=True)
            shutil.copy(program, folder)
            (folder / program.name).chmod(0o644)

    def start_control_plane(self) -> None:
        paths = (*(HERE / name for name in SERVED), self._mesh, self._tracing)
        served = [option for path in paths for option in ("--config", str(path))]
        options = ("--mesh-config", str(HERE / "mesh-config.yaml"), "--xds", self._xds)
        command = (*CONTROLPLANE, "serve", *served, *options, "--state", str(self._state))
        self._start("controlplane", command)

    def issue_tokens(self) -> None:
        for proxy in proxies.PROXIES:
            proxies.write_token(proxy, self.shared, self._state)

    def start_outside(self) -> None:
        """A server that is no part of the mesh, as root for port 80."""
        host = self._network.add(OUTSIDE)
        server = str(self.shared / "upstream/server.py")
        command = (self._python, server, "--host", "0.0.0.0", "outside=80")
        self._start(OUTSIDE, host.command(*command))

    def start_zipkin(self) -> None:
        """On a host that only this machine reaches; then every request is traced."""
        said = zipkin.command()
        host = self._network.add("zipkin")
        self._start(host.name, host.command("env", f"QUERY_PORT={ZIPKIN_PORT}", *said))
        text = TRACING.read_text(encoding="utf-8")
        served = text.replace("address: zipkin", f"address: {host.address}")
        (self._tracing / "zipkin.yaml").write_text(served, encoding="utf-8")

    @property
    def zipkin(self) -> Host | None:
        return self._network.hosts.get("zipkin")

    def start_workloads(self) -> None:
        for proxy in proxies.SIDECARS:
            name = proxy.name.rpartition("-")[0]
            self.start_workload(proxy, proxy.name if name == "reviews" else name)
        self._network.names["reviews"] = self._network.hosts["reviews-v1"].address
        self._network.write_names()

    def start_workload(self, proxy: proxies.Proxy, name: str, number: int = 1) -> None:
        """A replica on a host of its own."""
        host, replica = self._network.add(name), f"{proxy.name}-{number}"
        application = (self._python, str(self.shared / "bookinfo/server.py"), proxy.name)
        command = ("--", "env", f"HOSTNAME={replica}", *application)
        admin = proxies.admin_socket(str(self._admin / f"{name}.sock"))
        self._start(name, [*self._supervised(proxy, host, replica, *admin), *command])

    def stop_workload(self, name: str) -> int:
        """As ``docker stop`` does; its exit status."""
        process = self._running.pop(name)
        process.terminate()
        status = process.wait()
        self._network.remove(name)
        return status

    def start_gateways(self) -> None:
        host = self._network.add("istio-egressgateway")
        self._start(host.name, [*self._supervised(proxies.EGRESS, host, host.name), "--gateway"])
        ports = ("--ready", "127.0.0.1:15021", "--metrics", "127.0.0.1:15090")
        options = ("--metadata", "BIND_ADDRESS=127.0.0.1", *ports)
        name = proxies.INGRESS.name
        ingress = self._supervised(proxies.INGRESS, None, name, *options)
        self._start(name, [*ingress, "--gateway"])

    def _supervised(
        self, proxy: proxies.Proxy, host: Host | None, name: str, *options: str
    ) -> list[str]:
        """The supervisor of an Envoy on a host, or on this side of the network; ``options`` are
        those of its bootstrap.
        """
        proxies.write_bootstrap(proxy, self.shared, self._state, self._xds, *options)
        file = proxies.bootstrap_file(proxy, self.shared)
        command = [self._python, str(ROOT / "envoy/workload.py"), "--envoy", self._envoy]
        command += ["--bootstrap", str(file), "--name", name, "--concurrency", "1"]
        return host.command(*command) if host else command

    def _start(self, name: str, command: Sequence[str]) -> None:
        log = self.logs / f"{name}.log"
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
        self._running[name] = process

    @property
    def hosts(self) -> Mapping[str, Host]:
        return self._network.hosts

    def ended(self) -> str | None:
        """The name of what has ended by itself."""
        return next(
            (name for name, process in self._running.items() if process.poll() is not None), None
        )

    def end(self) -> None:
        """At once: nobody is left who would miss a request."""
        control_plane, *others = self._running.values()
        for process in others:
            process.kill()
        control_plane.terminate()
        for process in self._running.values():
            process.wait()


def remove_what_is_left() -> None:
    """What a process that was killed could not remove."""
    for folder in Path(tempfile.gettempdir()).glob(f"{SHARED}*-*"):
        if not Path("/proc", folder.name.split("-")[1]).exists():
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(work: Path = WORK, mesh: Path = MESH, *, traces: bool = False) -> Iterator[Bookinfo]:
    with ExitStack() as stack:
        remove_what_is_left()
        prefix = f"{SHARED}{os.getpid()}-"
        shared = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix)))
        shared.chmod(0o755)
        network = stack.enter_context(Network())
        bookinfo = Bookinfo(network, shared=shared, work=work, mesh=mesh)
        stack.callback(bookinfo.end)
        bookinfo.start_control_plane()
        bookinfo.issue_tokens()
        bookinfo.start_outside()
        if traces:
            bookinfo.start_zipkin()
        bookinfo.start_workloads()
        bookinfo.start_gateways()
        yield bookinfo


def is_open() -> bool:
    """Whether the page is whole, and every replica is found healthy, as the gateway sees it."""
    return "Book Reviews" in _text(URL) and _healthy_endpoints() >= len(proxies.SIDECARS)


def _healthy_endpoints() -> int:
    found = re.findall(HEALTHY, _text(GATEWAY_CLUSTERS), re.MULTILINE)
    return len(set(found))


def _text(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError):
        return ""


@contextmanager
def known_hosts(bookinfo: Bookinfo) -> Iterator[None]:
    """While the block runs, ``inside.py`` finds the hosts."""
    found = {name: (host.namespace, APPLICATION) for name, host in bookinfo.hosts.items()}
    inside.HOSTS.write_text(json.dumps(found), encoding="utf-8")
    try:
        yield
    finally:
        inside.HOSTS.unlink(missing_ok=True)


def attend(bookinfo: Bookinfo) -> int:
    """Say what to try once it is open; the status when something has ended by itself."""
    began = renewed = time.monotonic()
    is_said = False
    while True:
        if (name := bookinfo.ended()) is not None:
            print(f"{name} has ended: see {bookinfo.logs / name}.log", file=sys.stderr)
            return 1
        now = time.monotonic()
        if not is_said and is_open():
            is_said = True
            text = WHAT_TO_TRY.format(
                url=URL, here=os.path.relpath(HERE), logs=os.path.relpath(bookinfo.logs)
            )
            print(text, flush=True)
            if bookinfo.zipkin is not None:
                print(ZIPKIN_IS_OPEN.format(address=bookinfo.zipkin.address), flush=True)
        if not is_said and now - began > OPEN_WITHIN:
            print(f"{URL} does not answer: see {bookinfo.logs}", file=sys.stderr)
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
        traces = "--tracing" in sys.argv[1:]
        with running(traces=traces) as bookinfo, known_hosts(bookinfo):
            return attend(bookinfo)
    except KeyboardInterrupt:
        return 0
    except (LookupError, zipkin.NoZipkin) as fault:
        sys.exit(f"make bookinfo: {fault.args[0]}")


if __name__ == "__main__":
    sys.exit(main())
