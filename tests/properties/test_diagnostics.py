"""What is reported of objects does not depend on who looks: ``check`` reports all that a running
server does, but for what depends on which proxies are connected.
"""

from pathlib import Path

import pytest

from tests.support.cases import Case, cases, engine_of
from tests.support.reports import reported_otherwise, whole_analysis

CASES = cases(Path(__file__).parents[1] / "cases")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder.name)
def test_check_reports_what_a_server_with_its_proxies_does(case: Case) -> None:
    assert reported_otherwise(lambda: engine_of(case, [case.text]), case.proxies) == []


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
