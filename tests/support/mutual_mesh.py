"""Workloads with sidecars that call each other by mutual TLS while their certificates change.

Each is on a host of its own. Every call is a new connection, and so a new handshake. Needs root
(``mesh_network``).
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from click.testing import CliRunner

from controlplane.cli.main import main
from samples.bookinfo import programs
from samples.bookinfo.network import Host, Network
from tests.support.mesh_network import PROXY, mesh_network
from tests.support.process import Running, eventually

XDS: Final = 15010
ROOT: Final = Path(__file__).parents[2]
APPLICATION: Final = Path(__file__).with_name("mutual_application.py")
START_WITHIN: Final = 120.0  # seconds until all call each other; twenty Envoys share the processors
OF_ALL: Final = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: handshakes, namespace: istio-system}
spec:
  host: "*.default.svc.cluster.local"
  trafficPolicy:
    connectionPool: {http: {maxRequestsPerConnection: 1}}
---
"""
OF_ONE: Final = """\
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec:
  selector: {{app: {name}}}
  ports: [{{name: http, port: 9080}}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {{name: {name}, namespace: default}}
spec:
  metadata: {{labels: {{app: {name}}}}}
  template: {{serviceAccount: {name}}}
---
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MutualMesh:
    """What runs: a control plane and workloads."""

    state: Path
    server: Running
    workloads: tuple[Running, ...]
    hosts: tuple[Host, ...]

    def command(self, *arguments: str) -> str:
        """What a command of controlplane prints about the state directory."""
        result = CliRunner().invoke(main, [*arguments, "--state", str(self.state)])
        assert result.exit_code == 0, result.stderr
        return result.stdout

    def failures(self) -> list[str]:
        """Of the calls that every workload made since its first that succeeded."""
        return [line for workload in self.workloads for line in _failures(workload)]

    def succeeded(self) -> int:
        return sum(map(_succeeded, self.workloads))

    def all_call(self) -> bool:
        return all(_succeeded(one) or not one.alive() for one in self.workloads)


@contextmanager
def mutual_mesh(folder: Path, count: int, *, life: str, pause: float) -> Iterator[MutualMesh]:
    """``count`` workloads, each of which calls the next one, with certificates that live for
    ``life``; gives when every one has had an answer.
    """
    names = [f"w{number}" for number in range(count)]
    (folder / "mesh.yaml").write_text(OF_ALL + "".join(OF_ONE.format(name=n) for n in names))
    state = folder / "state"
    with ExitStack() as stack:
        shared = Path(stack.enter_context(TemporaryDirectory(prefix="mutual-mesh-")))
        shared.chmod(0o755)  # for users other than root
        Path(shutil.copy(APPLICATION, shared)).chmod(0o644)
        network = stack.enter_context(mesh_network())
        hosts = [network.add(name) for name in names]
        serve = (sys.executable, "-m", "controlplane", "serve", str(folder / "mesh.yaml"))
        options = ("--xds", f"{network.address}:{XDS}", "--certificate-life", life)
        command = [*serve, *options, "--state", str(state)]
        server = stack.enter_context(Running(command, folder / "controlplane.log"))
        server.eventually("it serves", lambda: "loaded" in server.last_words(), within=60)
        workloads = [
            stack.enter_context(
                _workload(folder, shared, network, host, names[(i + 1) % count], pause)
            )
            for i, host in enumerate(hosts)
        ]
        mesh = MutualMesh(
            state=state, server=server, workloads=tuple(workloads), hosts=tuple(hosts)
        )
        eventually("all have an answer, or ended", mesh.all_call, within=START_WITHIN)
        assert all(workload.alive() for workload in workloads), workloads[0].last_words()
        yield mesh


def _workload(
    folder: Path, shared: Path, network: Network, host: Host, called: str, pause: float
) -> Running:
    state, token = ("--state", str(folder / "state")), shared / f"{host.name}.yaml"
    account, group = f"default/{host.name}", ("--group", host.name)
    _printed("token", account, *group, "--out", str(token), "--net", f"{host.address}/32", *state)
    shutil.chown(token, group=PROXY)
    token.chmod(0o640)
    bootstrap = folder / f"{host.name}.json"
    proxy = ("sidecar", host.name, "--namespace", "default", "--service-account", host.name)
    where = ("--xds", f"{network.address}:{XDS}", "--token-file", str(token), "--replicas")
    bootstrap.write_text(_printed("bootstrap", *proxy, *where, *state))
    python, envoy = programs.python(), programs.envoy(shared)
    supervisor = (python, str(ROOT / "envoy/workload.py"), "--bootstrap", str(bootstrap))
    options = ("--envoy", envoy, "--concurrency", "1", "--grace", "1", "--name", host.name)
    application = (python, str(shared / APPLICATION.name), called, str(pause))
    command = host.command(*supervisor, *options, "--", *application)
    return Running(command, folder / f"{host.name}.log")


def _printed(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def _lines(workload: Running) -> list[str]:
    return workload.log.read_text(errors="replace").splitlines()


def _succeeded(workload: Running) -> int:
    counts = [line.split()[1] for line in _lines(workload) if line.startswith("succeeded ")]
    return int(counts[-1]) if counts else 0


def _failures(workload: Running) -> list[str]:
    """Before its first success a workload may call one that is not there yet."""
    lines = _lines(workload)
    first = next((i for i, line in enumerate(lines) if line.startswith("succeeded ")), len(lines))
    return [f"{workload.log.stem}: {line}" for line in lines[first:] if line.startswith("failed")]
