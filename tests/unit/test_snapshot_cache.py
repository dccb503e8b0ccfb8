"""What a proxy is sent while an internal error keeps its configuration from being computed."""

from typing import Any

import grpc
import pytest

from controlplane.graph import Graph
from controlplane.xds.wire import StreamFault
from tests.support.every_kind import PROXIES, Serving, forms

GATEWAY = PROXIES[0]


def failing(function: Any, graph: Graph, *args: Any) -> Any:
    if function.name == "route_tables":
        raise ValueError("boom")
    return function.function(graph, *args)


def test_a_proxy_of_which_nothing_is_known_is_refused_and_never_sent_an_empty_snapshot() -> None:
    serving = Serving()
    serving.engine.graph.around = failing
    serving.edit(forms())

    with pytest.raises(StreamFault) as refused:
        serving.snapshots.snapshot(GATEWAY)
    assert refused.value.code is grpc.StatusCode.UNAVAILABLE

    serving.engine.graph.around = None
    serving.edit({"harmless": "# nothing\n"})
    assert sum(map(len, serving.snapshots.snapshot(GATEWAY).shelves.values())) > 20


def test_a_connected_proxy_keeps_its_snapshot_and_gets_the_new_one_with_the_next_edit() -> None:
    serving = Serving()
    serving.edit(forms())
    before = serving.snapshots.snapshot(GATEWAY)

    serving.engine.graph.around = failing
    serving.edit({"gateway": None, "shop": forms(1)["shop"]})
    assert serving.snapshots.changed() == ()
    assert serving.snapshots.snapshot(GATEWAY) is before

    serving.engine.graph.around = None
    serving.edit({"harmless": "# nothing\n"})
    assert serving.snapshots.changed() == (GATEWAY,)
    assert serving.snapshots.snapshot(GATEWAY) is not before
