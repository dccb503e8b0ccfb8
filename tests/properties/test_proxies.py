"""What of a proxy must not matter does not: a law over every field that a proxy has."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from inspect import get_annotations
from pathlib import Path
from typing import Final

import pytest

from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.graph import tracked_functions
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Locality, Proxy, ResolvedProxy, Role
from controlplane.queries.snapshot.snapshot import Resources
from tests.support.routes import GATEWAY, SERVICES, virtual_service

Variation = Callable[[Proxy, int], Proxy]

MESH: Final = (
    GATEWAY
    + SERVICES
    + virtual_service("[{route: [{destination: {host: shop}}]}]")
    + virtual_service(
        "[{match: [{sourceLabels: {color: blue}}], route: [{destination: {host: shop}}]}]",
        name="blue",
        host="blue.example.com",
    )
    + """
apiVersion: v1
kind: Service
metadata: {name: front, namespace: istio-system}
spec: {selector: {color: blue}, ports: [{name: http, port: 80, targetPort: 8081}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: other, namespace: istio-system}
spec: {address: 10.0.0.1, labels: {color: blue}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: blue, namespace: istio-system}
spec:
  host: shop.default.svc.cluster.local
  workloadSelector: {matchLabels: {color: blue}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: partner, namespace: istio-system}
spec:
  host: reviews.default.svc.cluster.local
  trafficPolicy: {tls: {mode: SIMPLE, credentialName: partner}}
"""
)
"""In each way something of a proxy may matter; none of ``VARIATIONS`` is asked for."""


def with_labels(proxy: Proxy, number: int) -> Proxy:
    own = {"pod-template-hash": str(number), "color": f"shade-{number}"}
    return replace(proxy, labels=tuple(sorted({**dict(proxy.labels), **own}.items())))


def with_metadata(proxy: Proxy, number: int) -> Proxy:
    own = (("CLUSTER_ID", f"cluster-{number}"), ("NETWORK", f"net-{number}"))
    return replace(proxy, metadata=own)


VARIATIONS: Final[Mapping[str, Variation]] = {
    "name": lambda proxy, number: replace(proxy, name=f"pod-{number}"),
    "service_account": lambda proxy, number: replace(proxy, service_account=f"account-{number}"),
    "labels": with_labels,
    "addresses": lambda proxy, number: replace(proxy, addresses=(f"10.9.9.{number}",)),
    "locality": lambda proxy, number: replace(proxy, locality=Locality("r1", f"zone-{number}")),
    "metadata": with_metadata,
    "node_metadata": lambda proxy, number: replace(
        proxy, node_metadata=(("ISTIO_VERSION", f"1.31.{number}"),)
    ),
    "cluster": lambda proxy, number: replace(proxy, cluster=f"cluster-{number}"),
    "service_name": lambda proxy, number: replace(proxy, service_name=f"service-{number}"),
}
"""How each field is varied where nothing in the mesh asks for the values."""
DECIDING: Final = {"role", "namespace"}
"""The fields of which any value may give other resources."""
PROXIES: Final = {
    role: Proxy(
        name="pod",
        role=role,
        namespace=Namespace("istio-system"),
        service_account="account",
        labels=(("istio", "ingressgateway"),),
        addresses=("10.9.9.250",),
    )
    for role in Role
}


def engine() -> Engine:
    made = Engine(MeshConfig(), now=datetime(2026, 6, 1, tzinfo=UTC))
    made.apply([(Path("mesh.yaml"), MESH)])
    assert not [d for d in made.diagnostics() if d.code.severity.value == "error"]
    return made


def connected(plane: Engine, proxy: Proxy) -> Resources:
    plane.connected.join(proxy)
    view = plane.view(proxy)
    plane.connected.hold(view)
    return plane.resources(view)


def everything_varied(proxy: Proxy, number: int) -> Proxy:
    for vary in VARIATIONS.values():
        proxy = vary(proxy, number)
    return proxy


def test_every_field_of_a_proxy_is_decided() -> None:
    known = {field.name for field in fields(Proxy) if field.init}

    assert known == VARIATIONS.keys() | DECIDING


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("field", VARIATIONS)
def test_proxies_that_differ_in_what_nothing_asks_for_share_every_byte(
    field: str, role: Role
) -> None:
    plane, vary = engine(), VARIATIONS[field]
    first = connected(plane, PROXIES[role])
    shelves = dict(first)

    for number in range(50):
        found = connected(plane, vary(PROXIES[role], number))

        assert all(shelf is shelves[type_url] for type_url, shelf in found)


@pytest.mark.parametrize("role", Role)
def test_a_further_proxy_with_an_equal_view_takes_at_most_12_cells(role: Role) -> None:
    plane = engine()
    connected(plane, PROXIES[role])
    connected(plane, everything_varied(PROXIES[role], 1))
    before = len(plane.graph)

    connected(plane, everything_varied(PROXIES[role], 2))

    assert len(plane.graph) - before <= 12


@pytest.mark.parametrize("role", Role)
def test_what_was_kept_for_a_proxy_goes_with_it(role: Role) -> None:
    plane = engine()
    connected(plane, PROXIES[role])
    before = len(plane.graph)

    for number in range(20):
        proxy = everything_varied(PROXIES[role], number)
        connected(plane, proxy)
        plane.connected.release(plane.view(proxy))
        plane.connected.leave(proxy)

    assert len(plane.graph) == before


def test_only_the_views_of_a_proxy_are_computed_from_the_proxy() -> None:
    engine()  # which loads every module of the queries

    taking = {
        function.name
        for function in tracked_functions()
        for annotation in get_annotations(function.function, eval_str=True).values()
        if annotation in (Proxy, ResolvedProxy)
    }

    assert taking == {
        "client_locality",
        "gateway_instance",
        "inbound_view",
        "last_view",
        "outbound_view",
        "resolved",
        "view_of",
    }
