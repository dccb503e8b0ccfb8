"""Keys of issuers that policies name are fetched, fetched again, and kept over restarts."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.tokens import KeySource
from controlplane.queries.inputs.key_sets import UNKNOWN_KEYS, FetchedKeys, fetched_keys
from controlplane.serve.issuer_keys import IssuerKeys, pause_after
from controlplane.sources.state import StateDirectory
from tests.unit.policies.test_tokens import request_authentication
from tests.unit.sources.test_key_fetch import A, B, Pages, issuer

FILE = Path("policy.yaml")
ONE, BOTH = (json.dumps({"keys": keys}) for keys in ([A], [A, B]))


class Plane:
    """An engine whose policy names ``uri``, and what fetches its keys without long pauses."""

    def __init__(self, folder: Path, uri: str) -> None:
        self.engine = Engine(MeshConfig(), now=datetime.now(UTC))
        self.source = KeySource(uri=uri)
        self.published = asyncio.Event()
        self.keys = IssuerKeys(
            self.engine,
            StateDirectory.opened(folder / "state"),
            root=Namespace("istio-system"),
            publish=lambda _: self.published.set(),
            pause=lambda _: timedelta(milliseconds=5),
        )
        self.declare(f"[{{issuer: me, jwksUri: '{uri}'}}]")

    def declare(self, rules: str) -> None:
        self.engine.apply([(FILE, request_authentication("r", rules))])
        self.keys.look()

    @property
    def known(self) -> FetchedKeys:
        return fetched_keys(self.engine.graph, self.source)

    @property
    def key_ids(self) -> list[str]:
        return [key["kid"] for key in json.loads(self.known.key_set or '{"keys":[]}')["keys"]]

    async def news(self) -> None:
        await self.published.wait()
        self.published.clear()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        ready = asyncio.Event()
        ready.set()
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.keys.run(ready))
            yield
            task.cancel()


async def test_keys_rotate_and_the_last_good_ones_outlive_faults_and_restarts(
    tmp_path: Path,
) -> None:
    pages: Pages = {"/k": (200, ONE)}
    with issuer(pages) as at:
        plane = Plane(tmp_path, f"{at}/k")
        async with plane.running():
            await plane.news()
            assert plane.key_ids == ["a"]
            pages["/k"] = (200, BOTH)
            await plane.news()
            assert plane.key_ids == ["a", "b"]
            pages["/k"] = (500, "")
            await plane.news()
            assert (plane.key_ids, plane.known.fault) == (["a", "b"], f"{at}/k answers 500")

    assert Plane(tmp_path, f"{at}/k").key_ids == ["a", "b"]


async def test_an_issuer_that_no_policy_names_any_more_is_forgotten(tmp_path: Path) -> None:
    with issuer({"/k": (200, ONE)}) as at:
        plane = Plane(tmp_path, f"{at}/k")
        async with plane.running():
            await plane.news()
            plane.declare(f"[{{issuer: me, jwksUri: '{at}/other'}}]")
            await plane.news()
            assert plane.known == UNKNOWN_KEYS


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 1200), (1, 1), (5, 1), (6, 60), (7, 120), (11, 1920), (12, 3600), (10**6, 3600)],
)
def test_pauses_are_short_at_first_and_never_longer_than_an_hour(
    failures: int, seconds: int
) -> None:
    assert pause_after(failures) == timedelta(seconds=seconds)
