"""Keys of issuers that policies name are fetched, fetched again, and kept over restarts."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from controlplane.base.codes import KEYS_UNAVAILABLE
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.tokens import KeySource
from controlplane.queries.inputs.key_sets import UNKNOWN_KEYS, FetchedKeys, fetched_keys
from controlplane.serve.issuer_keys import IssuerKeys, pause_after
from controlplane.sources.kept_key_sets import KEY_SETS
from controlplane.sources.state import StateDirectory
from tests.unit.policies.test_tokens import request_authentication
from tests.unit.sources.test_key_fetch import A, B, Pages, issuer

FILE = Path("policy.yaml")
ONE, BOTH = (json.dumps({"keys": keys}) for keys in ([A], [A, B]))

SERVICE_ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: keys, namespace: istio-system}
spec:
  hosts: [keys.invalid]
  ports: [{number: PORT, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
"""


class Plane:
    """An engine whose policy names ``uri``, and what fetches its keys without long pauses."""

    def __init__(self, folder: Path, uri: str) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.pauses: dict[int, timedelta] = {}
        self.engine = Engine(MeshConfig(), now=datetime.now(UTC))
        self.source = KeySource(uri=uri)
        self.published = asyncio.Event()
        self.keys = IssuerKeys(
            self.engine,
            StateDirectory.opened(folder / "state"),
            publish=lambda _: self.published.set(),
            clock=lambda: self.now,
            pause=lambda failures: self.pauses.get(failures, timedelta(milliseconds=5)),
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

    @property
    def reported(self) -> list[str]:
        while self.engine.analyse():
            pass
        found = (d for d in self.engine.diagnostics() if d.code is KEYS_UNAVAILABLE)
        return [f"{d.place}: {d.message} ({d.note})" for d in found]

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
            assert plane.known.failure is not None
            assert (plane.key_ids, plane.known.failure.reason) == (
                ["a", "b"],
                f"{at}/k answers 500",
            )

    assert Plane(tmp_path, f"{at}/k").key_ids == ["a", "b"]


async def test_an_issuer_that_no_policy_names_for_a_week_is_forgotten(tmp_path: Path) -> None:
    with issuer({"/k": (200, ONE)}) as at:
        plane = Plane(tmp_path, f"{at}/k")
        async with plane.running():
            await plane.news()
            plane.declare(f"[{{issuer: me, jwksUri: '{at}/other'}}]")
            await plane.news()
            assert plane.key_ids == ["a"]
            plane.now += timedelta(days=7, seconds=1)
            plane.declare(f"[{{issuer: me, jwksUri: '{at}/third'}}]")
            await plane.news()
            assert plane.known == UNKNOWN_KEYS


async def test_an_issuer_that_comes_back_has_its_last_good_keys(tmp_path: Path) -> None:
    pages: Pages = {"/k": (200, ONE)}
    with issuer(pages) as at:
        plane = Plane(tmp_path, f"{at}/k")
        plane.pauses = {0: timedelta(hours=1), 1: timedelta(hours=1)}
        async with plane.running():
            await plane.news()
            plane.declare(f"[{{issuer: me, jwksUri: '{at}/other'}}]")
            await plane.news()
            pages["/k"] = (500, "")
            plane.declare(f"[{{issuer: me, jwksUri: '{at}/k'}}]")
            assert plane.key_ids == ["a"]
            await plane.news()
            assert plane.known.failure is not None
            assert plane.key_ids == ["a"]


async def test_of_issuers_that_no_policy_names_the_latest_are_kept(tmp_path: Path) -> None:
    with issuer({f"/{i}": (200, ONE) for i in range(66)}) as at:
        plane = Plane(tmp_path, f"{at}/0")
        plane.pauses = {0: timedelta(hours=1)}
        async with plane.running():
            await plane.news()
            for i in range(1, 66):
                plane.declare(f"[{{issuer: me, jwksUri: '{at}/{i}'}}]")
                await plane.news()
        kept = [
            i
            for i in range(66)
            if fetched_keys(plane.engine.graph, KeySource(uri=f"{at}/{i}")).key_set is not None
        ]
        assert kept == list(range(1, 66))


@pytest.mark.parametrize(
    "mended",
    ["{issuer: you, jwksUri: 'URI'}", "{issuer: me, jwksUri: 'URI', timeout: 2s}"],
)
async def test_what_fails_is_fetched_at_once_when_its_rule_is_edited(
    tmp_path: Path, mended: str
) -> None:
    pages: Pages = {}
    with issuer(pages) as at:
        plane = Plane(tmp_path, f"{at}/k")
        plane.pauses = {0: timedelta(hours=1), 1: timedelta(hours=1)}
        async with plane.running():
            await plane.news()
            assert plane.known.failure is not None
            pages["/k"] = (200, ONE)
            plane.declare(f"[{mended.replace('URI', f'{at}/k')}]")
            await plane.news()
            assert (plane.known.failure, plane.key_ids) == (None, ["a"])


async def test_what_fails_is_fetched_at_once_when_the_registry_has_its_host(
    tmp_path: Path,
) -> None:
    with issuer({"/k": (200, ONE)}) as at:
        port = at.rpartition(":")[2]
        plane = Plane(tmp_path, f"http://keys.invalid:{port}/k")
        plane.pauses = {0: timedelta(hours=1), 1: timedelta(hours=1)}
        async with plane.running():
            await plane.news()
            assert plane.known.failure is not None
            plane.engine.apply([(Path("entry.yaml"), SERVICE_ENTRY.replace("PORT", port))])
            plane.keys.look()
            await plane.news()
            assert (plane.known.failure, plane.key_ids) == (None, ["a"])


async def test_keys_that_cannot_be_fetched_are_reported_until_they_are(tmp_path: Path) -> None:
    pages: Pages = {}
    with issuer(pages) as at:
        plane = Plane(tmp_path, f"{at}/k")
        place = "RequestAuthentication/istio-system/r.spec.jwtRules[0].jwksUri"
        failed = (
            f"{place}: no keys are fetched from {at}/k since 2026-01-01 00:00 UTC: {at}/k answers"
        )
        none = "no token of its issuer is accepted"
        assert plane.reported == []
        async with plane.running():
            await plane.news()
            assert plane.reported == [f"{failed} 404; {none} (it is tried again at once)"]
            plane.now += timedelta(minutes=1)
            pages["/k"] = (500, "")
            await plane.news()
            assert plane.reported == [f"{failed} 500; {none} (it is tried again at once)"]
            pages["/k"] = (200, ONE)
            await plane.news()
            assert plane.reported == []


async def test_a_report_says_when_the_next_try_is_and_what_stays_in_force(tmp_path: Path) -> None:
    pages: Pages = {"/k": (200, ONE)}
    with issuer(pages) as at:
        plane = Plane(tmp_path, f"{at}/k")
        plane.pauses = {1: timedelta(minutes=2)}
        async with plane.running():
            await plane.news()
            pages["/k"] = (500, "")
            await plane.news()

    (line,) = plane.reported
    assert line.endswith(
        "the keys that were fetched before stay in force "
        "(it is tried again at 2026-01-01 00:02 UTC)"
    )


async def test_slow_issuers_delay_no_other(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, issuer({"/k": (200, ONE)}) as at:
        slow = f"http://127.0.0.1:{silent.getsockname()[1]}"
        rules = [f"{{issuer: me, jwksUri: '{slow}/{i}', timeout: 30s}}" for i in range(10)]
        plane = Plane(tmp_path, f"{at}/k")
        plane.declare(f"[{', '.join(rules)}, {{issuer: zz, jwksUri: '{at}/k'}}]")
        async with plane.running():
            await plane.news()

        assert plane.key_ids == ["a"]


async def test_keys_that_could_not_be_kept_are_kept_with_the_next_ones(tmp_path: Path) -> None:
    with issuer({"/k": (200, ONE)}) as at:
        plane = Plane(tmp_path, f"{at}/k")
        state = tmp_path / "state"
        state.rmdir()
        with capture_logs() as logs:
            async with plane.running():
                await plane.news()
                while not logs:
                    await asyncio.sleep(0.001)
                assert plane.key_ids == ["a"]
                state.mkdir(mode=0o700)
                while not (state / KEY_SETS).exists():
                    await asyncio.sleep(0.001)

    assert {each["event"] for each in logs} == {"key_sets_not_kept"}
    assert Plane(tmp_path, f"{at}/k").key_ids == ["a"]


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 1200), (1, 1), (5, 1), (6, 60), (7, 120), (11, 1920), (12, 3600), (10**6, 3600)],
)
def test_pauses_are_short_at_first_and_never_longer_than_an_hour(
    failures: int, seconds: int
) -> None:
    assert pause_after(failures) == timedelta(seconds=seconds)
