"""What is reported of objects does not depend on who looks: ``check`` reports all that a running
server does, but for what depends on which proxies are connected.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.base.diagnostics import Diagnostic
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY
from controlplane.queries.analysis.roots import analyse_where_connected, roots
from tests.support.cases import Case, cases, engine_of

CASES = cases(Path(__file__).parents[1] / "cases")


def whole_analysis(engine: Engine) -> set[Diagnostic]:
    while engine.analyse():
        pass
    return set(engine.diagnostics())


def of_connected(engine: Engine) -> Iterator[Diagnostic]:
    """What is reported because of who is connected."""
    for key in (MESH_CONFIG_KEY, *(raw.key for raw in engine.accepted())):
        if analyse_where_connected in roots(key.kind):
            yield from analyse_where_connected(engine.graph, key)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder.name)
def test_check_reports_what_a_server_with_its_proxies_does(case: Case) -> None:
    checking, serving = engine_of(case, [case.text]), engine_of(case, [case.text])
    checked = whole_analysis(checking)

    for proxy in case.proxies:
        serving.connected.join(proxy)
        view = serving.view(proxy)
        serving.connected.hold(view)
        serving.resources(view)
    serving.note_connected()
    served = whole_analysis(serving)

    assert served - set(of_connected(serving)) <= checked
    assert checked - set(of_connected(checking)) <= served


def test_what_depends_on_connected_proxies_follows_them_without_an_edit() -> None:
    engine = engine_of(CASES[0], [SERVER_OF_A_SECRET])
    alone = {(d.code.id, "(no proxy is connected)" in d.message) for d in whole_analysis(engine)}
    proxy = CASES[0].proxies[0]

    engine.connected.join(proxy)
    engine.note_connected()
    connected = {(d.code.id, "where its proxies are" in d.message) for d in whole_analysis(engine)}
    engine.connected.leave(proxy)
    engine.note_connected()

    assert ("CP0401", True) in alone
    assert ("CP0401", True) in connected
    assert {
        (d.code.id, "(no proxy is connected)" in d.message) for d in whole_analysis(engine)
    } == alone


SERVER_OF_A_SECRET = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ["*"]
    tls: {mode: SIMPLE, credentialName: nowhere}
"""
