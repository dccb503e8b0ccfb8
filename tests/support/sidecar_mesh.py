"""A workload with a sidecar that intercepts its traffic, on a host of its own, beside a gateway.

Needs root; the test is skipped elsewhere.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from samples.bookinfo.network import Host
from tests.support.envoy import Envoy
from tests.support.mesh import ControlPlane, Mesh, Workload
from tests.support.mesh_network import PROXY, intercept, mesh_network, on
from tests.support.upstream import running_upstreams

_AS_PROXY: Final = ("setpriv", f"--regid={PROXY}", "--clear-groups")
"""The rules of interception let its group pass; root reads the files of the test."""
_DRAINS_AT_ONCE: Final = ("--drain-time-s", "1", "--drain-strategy", "immediate")


@dataclass(frozen=True, kw_only=True)
class SidecarMesh(Mesh):
    """A mesh with a gateway on this side; ``upstreams`` are on ``host``, behind a sidecar, and
    ``client`` is a host behind another.
    """

    host: Host
    client: Host


@contextmanager
def sidecar_mesh(folder: Path, text: str, *options: str) -> Iterator[SidecarMesh]:
    """Start everything, ``serve`` with ``options``; ``ADDRESS`` in ``text`` is the host's. When the
    block ends, no Envoy has rejected anything.
    """
    with ExitStack() as stack:
        network = stack.enter_context(mesh_network())
        host, client = network.add("app"), network.add("client")
        control_plane = ControlPlane(folder, *options)
        control_plane.xds = control_plane.xds.replace("127.0.0.1", network.address)
        written = text.replace("ADDRESS", host.address)
        (control_plane.config / "mesh.yaml").write_text(written, encoding="utf-8")
        stack.enter_context(control_plane.running())
        with on(host):
            upstreams = stack.enter_context(running_upstreams())
        gateway = stack.enter_context(control_plane.proxy(folder / "gateway", Workload()))
        for each in (host, client):
            stack.enter_context(_sidecar(control_plane, folder / each.name, each))
        yield SidecarMesh(
            control_plane=control_plane,
            gateway=gateway,
            workload=Workload(),
            upstreams=upstreams,
            host=host,
            client=client,
        )
        assert gateway.rejected() == {}, gateway.process.last_words()


@contextmanager
def _sidecar(control_plane: ControlPlane, folder: Path, host: Host) -> Iterator[Envoy]:
    """The sidecar of the application on ``host``; only its start is on that host."""
    done = intercept(host)
    assert done.returncode == 0, done.stderr
    workload = Workload(
        role="sidecar",
        name=host.name,
        namespace="default",
        address=host.address,
        labels={"app": host.name},
        account="default",
    )
    proxy = control_plane.proxy(folder, workload, _AS_PROXY, _DRAINS_AT_ONCE)
    with ExitStack() as stack:
        with on(host):
            envoy = stack.enter_context(proxy)
        yield envoy
        with on(host):
            assert envoy.rejected() == {}, envoy.process.last_words()
