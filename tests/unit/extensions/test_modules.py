"""Modules that extensions name are fetched, fetched again, and kept over restarts."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from controlplane.base.codes import MODULE_UNAVAILABLE
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.queries.inputs.modules import FetchedModule, fetched_module
from controlplane.queries.listeners.extension_configs import (
    EVERY_MODULE,
    module_source,
    with_modules,
)
from controlplane.serve.extension_modules import ExtensionModules
from controlplane.sources.state import StateDirectory
from tests.support.image_registry import Registry, archive, docker_config, running_registry
from tests.unit.extensions.test_faults import plugin, secret
from tests.unit.sources.test_key_fetch import Pages, issuer

FILE = Path("plugin.yaml")
ONE = b"\0asm\1\0\0\0proxy_abi_version_0_2_1"
TWO = ONE + b"\0\0"


class Plane:
    """An engine, and what fetches its modules without long pauses."""

    def __init__(self, folder: Path, modules: Path | None = None) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.engine = Engine(MeshConfig(), now=datetime.now(UTC))
        self.published = asyncio.Event()
        self.logs: list[MutableMapping[str, Any]] = []
        self.modules = ExtensionModules(
            self.engine,
            StateDirectory.opened(folder / "state"),
            publish=lambda _: self.published.set(),
            clock=lambda: self.now,
            folder=modules,
            pause=lambda _: timedelta(milliseconds=5),
        )

    def declare(self, text: str) -> None:
        self.engine.apply([(FILE, text)])
        self.modules.look()

    @property
    def known(self) -> FetchedModule:
        (key,) = with_modules(self.engine.graph, EVERY_MODULE)
        source = module_source(self.engine.graph, key)
        assert source is not None
        return fetched_module(self.engine.graph, source)

    @property
    def logged(self) -> set[str]:
        return {each["event"] for each in self.logs}

    @property
    def content(self) -> bytes | None:
        module = self.known.module
        return module.content if module is not None else None

    @property
    def reported(self) -> list[str]:
        while self.engine.analyse():
            pass
        found = (d for d in self.engine.diagnostics() if d.code is MODULE_UNAVAILABLE)
        return [f"{d.place}: {d.message} ({d.note})" for d in found]

    async def until(self, content: bytes | None, *, fails: bool = False) -> None:
        async with asyncio.timeout(10):
            while (self.content, self.known.failure is not None) != (content, fails):
                await self.published.wait()
                self.published.clear()


@asynccontextmanager
async def fetching(plane: Plane) -> AsyncIterator[Plane]:
    ready = asyncio.Event()
    ready.set()
    task = asyncio.create_task(plane.modules.run(ready))
    try:
        with capture_logs() as logs:
            plane.logs = logs
            yield plane
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def served(module: bytes) -> Pages:
    return {"/a.wasm": (200, module.decode("latin-1"))}


async def test_a_module_is_fetched_once(tmp_path: Path) -> None:
    with issuer(served(ONE)) as at:
        async with fetching(Plane(tmp_path)) as plane:
            plane.declare(plugin(f"url: {at}/a.wasm"))
            await plane.until(ONE)

            assert plane.reported == []


async def test_what_fails_is_reported_and_tried_again(tmp_path: Path) -> None:
    pages: Pages = {}
    with issuer(pages) as at:
        async with fetching(Plane(tmp_path)) as plane:
            plane.declare(plugin(f"url: {at}/a.wasm, failStrategy: FAIL_OPEN"))
            await plane.until(None, fails=True)
            assert plane.reported == [
                "WasmPlugin/default/p.spec.url: no module is fetched from "
                f"{at}/a.wasm since 2026-01-01 00:00 UTC: {at}/a.wasm answers 404; its calls pass "
                "without it (it is tried again at once)"
            ]

            pages.update(served(ONE))
            await plane.until(ONE)
            assert plane.reported == []


@pytest.mark.parametrize(
    ("policy", "expected"), [("Always", TWO), ("IfNotPresent", ONE), ("UNSPECIFIED_POLICY", ONE)]
)
async def test_an_edit_fetches_again_what_is_always_to_be_the_newest(
    tmp_path: Path, policy: str, expected: bytes
) -> None:
    pages = served(ONE)
    with issuer(pages) as at:
        async with fetching(Plane(tmp_path)) as plane:
            spec = f"url: {at}/a.wasm, imagePullPolicy: {policy}, pluginConfig: "
            plane.declare(plugin(spec + "{a: 1}"))
            await plane.until(ONE)

            pages.update(served(TWO))
            plane.declare(plugin(spec + "{a: 2}"))
            await plane.until(expected)


async def test_a_module_is_there_after_a_restart_without_its_server(tmp_path: Path) -> None:
    with issuer(served(ONE)) as at:
        text = plugin(f"url: {at}/a.wasm")
        async with fetching(Plane(tmp_path)) as plane:
            plane.declare(text)
            await plane.until(ONE)
            while not (tmp_path / "state" / "modules.json").exists():
                await asyncio.sleep(0.01)

    restarted = Plane(tmp_path)
    restarted.declare(text)

    assert restarted.content == ONE


async def test_modules_that_could_not_be_kept_are_kept_with_the_next_fetch(tmp_path: Path) -> None:
    kept = tmp_path / "state" / "modules.json"
    with issuer(served(ONE)) as at:
        text = plugin(f"url: {at}/a.wasm")
        plane = Plane(tmp_path)
        kept.parent.rmdir()
        async with asyncio.timeout(10), fetching(plane):
            plane.declare(text)
            await plane.until(ONE)
            while "modules_not_kept" not in plane.logged:
                await asyncio.sleep(0.001)

            kept.parent.mkdir(mode=0o700)
            plane.declare(text + plugin(f"url: {at}/absent.wasm", "another"))
            while not kept.exists():
                await asyncio.sleep(0.001)

    restarted = Plane(tmp_path)
    restarted.declare(text)

    assert restarted.content == ONE


async def test_a_registry_is_asked_again_when_its_secret_comes(tmp_path: Path) -> None:
    with running_registry(Registry(users={"me": "secret"})) as registry:
        registry.image("1", archive(ONE))
        named = f"url: oci://{registry.host}/filters/a:1, imagePullSecret: registry"
        async with fetching(Plane(tmp_path)) as plane:
            plane.declare(plugin(named))
            await plane.until(None, fails=True)
            assert (
                "Secret default/registry, which the registry is to be shown, is absent"
                in (plane.reported[0])
            )

            plane.declare(secret(docker_config(registry.host, "me", "secret")) + plugin(named))
            await plane.until(ONE)


async def test_a_file_of_the_folder_is_followed_and_no_other_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "a.wasm").write_bytes(ONE)
    async with fetching(Plane(tmp_path, folder)) as plane:
        plane.declare(plugin(f"url: file://{folder}/a.wasm"))
        await plane.until(ONE)

        (folder / "a.wasm").write_bytes(TWO)
        await plane.until(TWO)

        graph = plane.engine.graph
        for path in (f"{folder}/../b.wasm", "/etc/passwd", f"{folder}-other/a.wasm"):
            plane.declare(plugin(f"url: file://{path}"))
            (key,) = with_modules(graph, EVERY_MODULE)
            assert module_source(graph, key) is None
