"""What connected proxies are to have: only those that an edit concerns are looked at."""

from datetime import UTC, datetime
from pathlib import Path

from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Proxy, Role, labels_of
from controlplane.serve.snapshot_cache import SnapshotCache

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FILE = Path("mesh.yaml")
GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: NAME, namespace: istio-system}
spec:
  selector: {istio: NAME}
  servers: [{port: {number: PORT, name: http, protocol: HTTP}, hosts: ["*"]}]
---
"""


def gateway(name: str, port: int) -> str:
    return GATEWAY.replace("NAME", name).replace("PORT", str(port))


def proxy(name: str, labels: str) -> Proxy:
    return Proxy(
        name=name,
        role=Role.GATEWAY,
        namespace=Namespace("istio-system"),
        service_account=name,
        labels=labels_of({"istio": labels}),
        addresses=("127.0.0.2",),
    )


IN_1, IN_2, OUT = proxy("in-1", "in"), proxy("in-2", "in"), proxy("out", "out")


def served() -> tuple[Engine, SnapshotCache]:
    engine = Engine(MeshConfig(), now=NOW)
    engine.apply([(FILE, gateway("in", 80) + gateway("out", 90))])
    cache = SnapshotCache(engine)
    for connected in (IN_1, IN_2, OUT):
        cache.snapshot(connected)
    cache.changed()
    return engine, cache


def test_an_edit_that_concerns_one_view_changes_its_proxies_alone() -> None:
    engine, cache = served()

    engine.apply([(FILE, gateway("in", 81) + gateway("out", 90))])

    assert set(cache.changed()) == {IN_1, IN_2}
    assert cache.changed() == ()


def test_proxies_of_another_view_are_not_computed() -> None:
    engine, cache = served()
    engine.graph.trace = []

    engine.apply([(FILE, gateway("in", 81) + gateway("out", 90))])
    cache.changed()

    ran = [line for line in engine.graph.trace if line.startswith("view_of(")]
    assert [name for name in ("in-1", "in-2", "out") if any(f"'{name}'" in r for r in ran)] == []
    resources = [line for line in engine.graph.trace if line.startswith("resources(")]
    assert len(resources) == 1


def test_proxies_with_equal_views_have_the_same_snapshot() -> None:
    _, cache = served()

    assert cache.snapshot(IN_1) is cache.snapshot(IN_2)
    assert cache.snapshot(IN_1) is not cache.snapshot(OUT)


def test_a_proxy_whose_view_changes_gets_the_snapshot_of_its_new_view() -> None:
    engine, cache = served()
    before = cache.snapshot(OUT)
    pod = """
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: istio-system, labels: {istio: in}}
status: {podIP: 127.0.0.2, phase: Running}
"""

    engine.apply([(Path("pod.yaml"), pod)])

    assert OUT in cache.changed()
    assert cache.snapshot(OUT) is cache.snapshot(IN_1)
    assert cache.snapshot(OUT) is not before


def test_what_is_not_needed_is_forgotten() -> None:
    engine, cache = served()
    cells = len(engine.graph)

    cache.retain([IN_1])
    fewer = len(engine.graph)
    cache.snapshot(OUT)

    assert fewer < cells
    assert set(cache.changed()) <= {OUT}


def test_an_edit_that_puts_a_proxy_and_what_its_view_has_in_doubt_reaches_the_proxy() -> None:
    engine, cache = served()
    before = cache.snapshot(OUT)
    elsewhere = """
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: istio-system, labels: {istio: out}}
status: {podIP: 127.0.0.2, phase: Running}
"""

    engine.apply([(Path("pod.yaml"), elsewhere), (FILE, gateway("in", 80) + gateway("out", 91))])

    assert OUT in cache.changed()
    assert cache.snapshot(OUT) is not before


def test_a_proxy_that_asks_before_an_edit_is_published_leaves_it_to_the_others() -> None:
    engine, cache = served()
    engine.apply([(FILE, gateway("in", 81) + gateway("out", 90))])

    cache.snapshot(proxy("in-3", "in"))

    assert set(cache.changed()) >= {IN_1, IN_2}


def sidecar(number: int) -> Proxy:
    return Proxy(
        name=f"web-{number}",
        role=Role.SIDECAR,
        namespace=Namespace("default"),
        service_account="web",
        labels=labels_of({"app": "web"}),
        addresses=(f"10.0.0.{number}",),
    )


def test_a_sidecar_that_joins_or_leaves_looks_at_no_other_proxy() -> None:
    engine, cache = served()
    for number in range(1, 20):
        cache.snapshot(sidecar(number))
    engine.note_connected()
    engine.graph.trace = []
    before = engine.revision

    cache.snapshot(sidecar(20))
    cache.forget([sidecar(1), sidecar(20)])
    engine.note_connected()

    looked_at = {line for line in engine.graph.trace if line.startswith("view_of(")}
    assert [f"web-{n}" for n in range(1, 20) if any(f"'web-{n}'" in r for r in looked_at)] == []
    assert engine.revision == before
    assert not engine.connected.is_unsettled


def test_what_a_proxy_alone_needed_is_forgotten_with_it() -> None:
    engine, cache = served()
    cells = len(engine.graph)

    cache.forget([OUT, proxy("unknown", "out")])

    assert len(engine.graph) < cells
    cache.forget([IN_1])
    assert set(cache.changed()) == set()
    assert cache.snapshot(IN_2) is cache.snapshot(IN_1)
