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


@dataclass(frozen=True, kw_only=True)
class SidecarMesh(Mesh):
    """A mesh with a gateway on this side; ``upstreams`` are on ``host``, behind the sidecar."""

    host: Host
    sidecar: Envoy


@contextmanager
def sidecar_mesh(folder: Path, text: str, *serve_options: str) -> Iterator[SidecarMesh]:
    """Start everything; ``ADDRESS`` in ``text`` is the host's. When the block ends, no Envoy has
    rejected anything.
    """
    with ExitStack() as stack:
        network = stack.enter_context(mesh_network())
        host = network.add("app")
        done = intercept(host)
        assert done.returncode == 0, done.stderr
        with on(host):
            upstreams = stack.enter_context(running_upstreams())
        control_plane = ControlPlane(folder, *serve_options)
        control_plane.xds = control_plane.xds.replace("127.0.0.1", network.address)
        (control_plane.config / "mesh.yaml").write_text(
            text.replace("ADDRESS", host.address), encoding="utf-8"
        )
        stack.enter_context(control_plane.running())
        gateway = stack.enter_context(control_plane.proxy(folder / "gateway", Workload()))
        sidecar = stack.enter_context(_sidecar(control_plane, folder / "sidecar", host))
        yield SidecarMesh(
            control_plane=control_plane,
            gateway=gateway,
            workload=Workload(),
            upstreams=upstreams,
            host=host,
            sidecar=sidecar,
        )
        assert gateway.rejected() == {}, gateway.process.last_words()
        with on(host):
            assert sidecar.rejected() == {}, sidecar.process.last_words()


@contextmanager
def _sidecar(control_plane: ControlPlane, folder: Path, host: Host) -> Iterator[Envoy]:
    """The sidecar of the application on ``host``; only its start is on that host."""
    workload = Workload(
        role="sidecar",
        name="app",
        namespace="default",
        address=host.address,
        labels={"app": "app"},
        account="default",
    )
    proxy = control_plane.proxy(folder, workload, _AS_PROXY)
    with ExitStack() as stack:
        with on(host):
            envoy = stack.enter_context(proxy)
        yield envoy
