"""Proxies are computed for by their views: what is in none of them costs nothing."""

from dataclasses import replace
from datetime import UTC
from datetime import datetime
from pathlib import Path

import pytest

from controlplane.base.names import Namespace
from controlplane.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Labels
from controlplane.model.proxy import Proxy
from controlplane.model.proxy import Role
from tests.support.declared import INGRESS
from tests.support.declared import Declared
from tests.support.routes import GATEWAY
from tests.support.routes import SERVICES
from tests.support.routes import virtual_service

SHOP = virtual_service("[{route: [{destination: {host: shop.default.svc.cluster.local}}]}]")
FOR_BLUE = virtual_service(
    "[{match: [{sourceLabels: {color: blue}}], directResponse: {status: 200}}]", name="blue"
)
ANSWER = virtual_service("[{directResponse: {status: 200}}]", name="new", host="new.example.com")
PROXY = Proxy(
    name="ingress",
    role=Role.GATEWAY,
    namespace=Namespace("istio-system"),
    service_account="ingress",
    labels=(("istio", "ingressgateway"),),
)


def engine(text: str) -> Engine:
    made = Engine(MeshConfig(), now=datetime(2026, 6, 1, tzinfo=UTC))
    made.apply([(Path("mesh.yaml"), text)])
    return made


def labelled(*pairs: tuple[str, str]) -> Labels:
    return tuple(sorted((*INGRESS.labels, *pairs)))


def test_gateways_that_differ_in_a_label_that_nothing_asks_for_have_one_view() -> None:
    declared = Declared(GATEWAY + SERVICES + SHOP + FOR_BLUE)

    views = {declared.view(replace(INGRESS, labels=labelled(("pod", str(i))))) for i in range(40)}

    assert len(views) == 1


@pytest.mark.parametrize(
    ("color", "asked"), [("blue", (("color", "blue"),)), ("red", ())], ids=["asked for", "not"]
)
def test_of_the_labels_only_pairs_that_a_match_asks_for_are_in_a_view(
    color: str, asked: Labels
) -> None:
    declared = Declared(GATEWAY + SERVICES + FOR_BLUE)

    view = declared.view(replace(INGRESS, labels=labelled(("color", color), ("pod", "7"))))

    assert view.outbound.source_labels == asked


def test_an_edit_puts_only_held_views_that_it_concerns_in_doubt() -> None:
    plane = engine(GATEWAY + SERVICES + SHOP)
    elsewhere = replace(PROXY, labels=(("istio", "other"),), role=Role.SIDECAR)
    for proxy in (PROXY, elsewhere):
        plane.connected.join(proxy)
        plane.connected.hold(plane.view(proxy))
        plane.resources(plane.view(proxy))
    plane.take_doubt()

    plane.apply([(Path("more.yaml"), ANSWER)])
    doubt = plane.take_doubt()

    assert (doubt.proxies, doubt.views) == ((), (plane.view(PROXY),))
    assert plane.take_doubt().views == ()


def test_a_proxy_whose_own_declaration_changes_is_in_doubt() -> None:
    plane = engine(GATEWAY)
    proxy = replace(PROXY, addresses=("10.0.0.1",))
    plane.connected.join(proxy)
    before = plane.view(proxy)
    plane.take_doubt()

    entry = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: a, namespace: istio-system}
spec: {address: 10.0.0.1, labels: {istio: other}}
"""
    plane.apply([(Path("entry.yaml"), entry)])

    assert plane.take_doubt().proxies == (proxy,)
    assert plane.view(proxy) != before
