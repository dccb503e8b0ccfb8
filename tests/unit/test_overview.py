"""What the admin interface shows of a running control plane, and what it leaves to others."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import UNSET

from controlplane.admin.metrics import Metrics
from controlplane.admin.view import DeclaredObject, ListedObject, ProxyConfig
from controlplane.base import paced
from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.envoy.resource import TypeUrl
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Proxy, Role
from controlplane.queries.snapshot.origins import SLICES
from controlplane.serve.overview import TRIES, LiveOverview
from controlplane.serve.snapshot_cache import SnapshotCache
from controlplane.tls.state import LiveTls
from controlplane.xds.connections import Connection, Connections
from controlplane.xds.delta import DeltaSession
from controlplane.xds.events import DeltaRequest, Nonce
from controlplane.xds.response import Variant
from controlplane.xds.response_cache import ResponseCache
from tests.support.changing_mesh import gateway, route, rule
from tests.unit.test_whole_changes import service

INGRESS = Proxy(
    name="edge",
    role=Role.GATEWAY,
    namespace=Namespace("istio-system"),
    service_account="edge",
    labels=(("istio", "ingressgateway"),),
)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
MESH = {"g": gateway(), "s": service(), "d": rule("blue"), "v": route("blue")}
REFUSED = rule("blue").replace("host:", "hots:")


class Running:
    """An engine, its overview, and a gateway that is connected and has all that it should."""

    def __init__(self, **files: str) -> None:
        self.engine = Engine(MeshConfig(), now=NOW)
        self.engine.apply([(Path(f"{name}.yaml"), text) for name, text in files.items()])
        self.snapshots = SnapshotCache(self.engine)
        self.connections = Connections(lambda: NOW)
        self.overview = LiveOverview(
            self.engine,
            self.snapshots,
            self.connections,
            Metrics("0"),
            LiveTls(self.engine, lambda _: {}),
        )
        self.session = DeltaSession(ResponseCache(), self.snapshots.snapshot(INGRESS))
        self.connections.joined(
            Connection(
                proxy=INGRESS,
                node="node",
                peer="127.0.0.1:50000",
                variant=Variant.DELTA,
                connected=NOW,
                session=self.session,
            )
        )

    def edit(self, **files: str | None) -> None:
        self.engine.apply([(Path(f"{name}.yaml"), text) for name, text in files.items()])

    async def config(self, part: str = "all") -> ProxyConfig:
        shown = await self.overview.config(f"{INGRESS.name}.{INGRESS.namespace}", part)
        assert shown is not None
        return shown


async def turns_during(work: asyncio.Task[object]) -> int:
    """How often another task gets its turn while ``work`` is done."""
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    return turns


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every piece of work is taken for a long one."""
    monkeypatch.setattr(paced, "LONGEST", 0.0)


@pytest.mark.usefixtures("eager")
async def test_showing_a_configuration_leaves_turns_to_others_all_the_time() -> None:
    running = Running(**MESH)

    work = asyncio.create_task(running.config())

    assert await turns_during(work) > 100


@pytest.mark.usefixtures("eager")
async def test_a_configuration_that_an_edit_overtakes_is_shown_anew() -> None:
    running = Running(**MESH)

    work = asyncio.create_task(running.config("routes"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.edit(n=service("new"), v=route("", to="new"))
    shown = await work

    assert shown.revision == running.engine.revision
    assert "outbound|80||new.example" in str(shown.routes)


@pytest.mark.usefixtures("eager")
async def test_a_configuration_is_shown_though_edits_come_all_the_time() -> None:
    running = Running(**MESH)

    work = asyncio.create_task(running.config("routes"))
    edits = 0
    while not work.done():
        running.edit(n=service("new", 81 + edits))
        edits += 1
        await asyncio.sleep(0)

    assert work.result().revision < running.engine.revision
    assert edits > TRIES


async def test_the_objects_of_a_kind_are_listed_by_the_word_for_it() -> None:
    running = Running(**MESH)

    rules, none = [await running.overview.objects_of(word) for word in ("dr", "httproutes")]

    assert rules is not None
    assert [(each.object, each.kind) for each in rules.objects] == [
        ("DestinationRule/default/rev", "destinationrule.networking.istio.io")
    ]
    assert none is None


async def test_what_is_listed_says_whether_it_is_in_force_and_whether_it_is_refused() -> None:
    running = Running(**MESH)

    running.edit(d=REFUSED, e=REFUSED.replace("name: rev", "name: other"), s=None)

    assert await running.overview.objects() == (
        ListedObject(
            object="DestinationRule/default/other",
            path="e.yaml",
            line=2,
            in_force=False,
            refused=True,
        ),
        ListedObject(
            object="DestinationRule/default/rev",
            path="d.yaml",
            line=2,
            in_force=True,
            refused=True,
        ),
        ListedObject(
            object="Gateway/istio-system/gw",
            path="g.yaml",
            line=2,
            in_force=True,
            refused=False,
        ),
        ListedObject(
            object="VirtualService/default/rev",
            path="v.yaml",
            line=2,
            in_force=True,
            refused=False,
        ),
    )


async def test_status_names_the_gateways_that_no_connected_proxy_has_the_labels_of() -> None:
    other = gateway("other").replace("ingressgateway", "elsewhere")
    running = Running(**MESH, o=other)
    running.engine.connected.join(INGRESS)
    running.engine.note_connected()

    assert running.overview.status().idle_gateways == (
        DeclaredObject(object="Gateway/istio-system/other", path="o.yaml", line=2),
    )


async def test_diagnostics_say_what_is_served_and_what_requests_get() -> None:
    running = Running(**{**MESH, "v": route("green")})
    running.edit(d=REFUSED)
    while running.engine.analyse():
        pass

    found = (await running.overview.diagnostics()).diagnostics

    assert [(f.code, f.object, f.in_force, f.consequence) for f in found] == [
        ("CP0201", "DestinationRule/default/rev", True, UNSET),
        ("CP0302", "VirtualService/default/rev", True, "requests to rev.example get 503"),
    ]


def test_origins_of_all_that_is_rejected_are_computed_once_for_each_type() -> None:
    running = Running(**MESH, o=service("other"))
    running.session.receive(request(subscribe=frozenset("*")))
    for nonce in range(1, 20):  # it is looked for which of them are rejected
        running.session.receive(request(nonce=str(nonce), error="bad"))
    ran: list[str] = []
    running.engine.graph.trace = ran

    status = running.overview.status()

    rejected = status.proxies[0].rejected
    slices = [name for name in ran if name.startswith("origins(")]
    assert [r.name for r in rejected if not r.origins] == []
    assert (len(rejected), len(slices)) == (4, SLICES)


ANNOTATED = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: istio-system}
spec:
  template:
    metadata:
      labels: {istio: ingressgateway}
      annotations:
        proxy.istio.io/config: |
          proxyHeaders: {server: {value: theirs}}
"""


async def test_a_listener_comes_from_the_annotation_that_changes_it() -> None:
    running = Running(**MESH, a=ANNOTATED)

    (listener,) = (await running.config("listeners")).listeners or ()

    found = [o for o in listener.origins if o.object == "Deployment/istio-system/edge"]
    assert [(o.path, o.line) for o in found] == [("a.yaml", 11)]
    assert [o.field for o in found] == [
        "spec.template.metadata.annotations.proxy.istio.io/config.proxyHeaders"
    ]


VARIABLES = """
apiVersion: networking.istio.io/v1beta1
kind: ProxyConfig
metadata: {name: edge, namespace: istio-system}
spec:
  environmentVariables:
    ISTIO_META_IDLE_TIMEOUT: 7s
"""


async def test_a_listener_comes_from_the_object_that_says_its_variable() -> None:
    running = Running(**MESH, a=ANNOTATED, c=VARIABLES)

    (listener,) = (await running.config("listeners")).listeners or ()

    found = [o for o in listener.origins if o.object == "ProxyConfig/istio-system/edge"]
    assert [(o.path, o.line) for o in found] == [("c.yaml", 7)]


def request(
    subscribe: frozenset[str] = frozenset(), nonce: str = "", error: str | None = None
) -> DeltaRequest:
    return DeltaRequest(
        type_url=TypeUrl.CLUSTER,
        subscribe=subscribe,
        unsubscribe=frozenset(),
        initial={},
        nonce=Nonce(nonce),
        error=error,
    )
