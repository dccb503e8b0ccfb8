"""A real Envoy that is given one accepted mesh after the other over one stream."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from controlplane.base.diagnostics import Report
from controlplane.engine.engine import Engine
from controlplane.graph import Fault
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.mesh import decode_mesh_config
from controlplane.model.proxy import Proxy, Role
from controlplane.serve.snapshot_cache import SnapshotCache
from controlplane.xds.server import XdsServer
from tests.support.accepted_meshes import AcceptedMesh
from tests.support.broad_mesh import MESH_CONFIG, Body, broad_mesh
from tests.support.envoy import free_port, running_envoy
from tests.support.every_kind import NOW, PROXIES
from tests.support.xds_rig import bootstrap

T = TypeVar("T")
GATEWAY: Final = PROXIES[0]
SIDECAR: Final = PROXIES[1]
PATIENCE: Final = 60.0
"""Seconds: Envoy withholds answers while clusters warm, and each costs a limit of the server."""
BOOTSTRAP: Final = Path(__file__).parents[2] / "envoy" / "bootstrap.json"
OF_THE_MACHINE: Final = ("annot bind", "Invalid path: /dev/null", "Invalid path: ./")
"""What Envoy refuses because of where it runs: an address that is not there, a file."""


def _mesh(config: Body) -> MeshConfig:
    return decode_mesh_config(config, Path("mesh.yaml"), Report())


class AcceptedMeshes:
    """An engine that has ``broad_mesh``, changed by one accepted mesh at a time."""

    def __init__(self, proxies: tuple[Proxy, ...] = PROXIES) -> None:
        self.engine = Engine(_mesh(MESH_CONFIG), now=NOW)
        self.snapshots = SnapshotCache(self.engine)
        self.snapshots.ready.set()
        self._put(broad_mesh())
        for proxy in proxies:
            self.snapshots.snapshot(proxy)
        self._changed = AcceptedMesh({})
        self.take_faults()

    def put(self, mesh: AcceptedMesh) -> int:
        """Put ``mesh`` in the place of the one before; the revision."""
        last = self._changed
        restored = {name: broad_mesh().get(name) for name in last.objects}
        self._put(restored | dict(mesh.objects))
        if mesh.mesh_config is not None or last.mesh_config is not None:
            self.engine.set_mesh(_mesh(mesh.mesh_config or MESH_CONFIG))
        self._changed = mesh
        return self.engine.revision

    def _put(self, objects: Mapping[str, Body | None]) -> None:
        self.engine.apply(
            (
                Path(f"{name}.yaml"),
                None if body is None else json.dumps(body, ensure_ascii=False),
            )
            for name, body in objects.items()
        )

    def take_faults(self) -> tuple[Fault, ...]:
        """The internal errors since the last call, once everything is computed."""
        self.snapshots.changed()
        while self.engine.analyse():
            pass
        self.engine.diagnostics()
        return self.engine.take_faults()


class AcceptingEnvoy:
    def __init__(self, meshes: AcceptedMeshes, server: XdsServer, runner: asyncio.Runner) -> None:
        self.meshes = meshes
        self._server = server
        self._runner = runner

    def refused(self, mesh: AcceptedMesh) -> list[str]:
        """What Envoy has against ``mesh``: the type, the resource's name, and its words."""
        revision = self.meshes.put(mesh)
        return self._runner.run(self._refused(revision))

    async def _refused(self, revision: int) -> list[str]:
        self._server.publish(revision)
        await asyncio.wait_for(self._server.connections.acknowledged(revision), PATIENCE)
        (status,) = self._server.connections.states()
        return [
            f"{of_type.type} {rejection.name}: {rejection.error}"
            for of_type in status.types
            for rejection in of_type.rejections
            if not any(words in rejection.error for words in OF_THE_MACHINE)
        ]


@contextmanager
def accepting_envoy(folder: Path, proxy: Proxy = GATEWAY) -> Iterator[AcceptingEnvoy]:
    """An Envoy that has ``broad_mesh``, in the network of this thread."""
    meshes = AcceptedMeshes((proxy,))
    with asyncio.Runner() as runner, AsyncContext(runner) as context:
        server, port = context.enter(_serving(meshes))
        context.enter(_envoy(server, port, folder, proxy))
        yield AcceptingEnvoy(meshes, server, runner)


class AsyncContext:
    """Asynchronous context managers for code that is not: what they do runs in ``runner``."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._stack = AsyncExitStack()

    def __enter__(self) -> "AsyncContext":
        return self

    def enter(self, manager: AbstractAsyncContextManager[T]) -> T:
        return self._runner.run(self._stack.enter_async_context(manager))

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._stack.aclose())


@asynccontextmanager
async def _serving(meshes: AcceptedMeshes) -> AsyncIterator[tuple[XdsServer, int]]:
    server = XdsServer(
        meshes.snapshots,
        authenticate=lambda _: None,
        own_secrets=lambda *_: {},
        clock=lambda: datetime.now(UTC),
    )
    port = free_port()
    await server.start(f"127.0.0.1:{port}", None)
    server.publish(meshes.engine.revision)
    yield server, port
    await server.stop()


@asynccontextmanager
async def _envoy(server: XdsServer, xds: int, folder: Path, proxy: Proxy) -> AsyncIterator[None]:
    admin = free_port()
    config = json.loads(bootstrap(xds, admin, "DELTA_GRPC"))
    if proxy.role is Role.SIDECAR:
        name = f"{proxy.name}.{proxy.namespace}"
        domain = f"{proxy.namespace}.svc.cluster.local"
        config["node"]["id"] = f"sidecar~{proxy.addresses[0]}~{name}~{domain}"
    config["node"]["metadata"] = {"LABELS": dict(proxy.labels)}
    config["layered_runtime"] = json.loads(BOOTSTRAP.read_text())["layered_runtime"]
    process = ExitStack()
    envoy = running_envoy(json.dumps(config), folder, admin_port=admin)
    await asyncio.to_thread(process.enter_context, envoy)
    assert len(server.connections) == 1, "an Envoy that is ready has asked for its listeners"
    yield
    await asyncio.to_thread(process.close)
