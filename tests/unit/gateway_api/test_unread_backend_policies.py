"""A BackendTLSPolicy that an internal error hides: no connection is made where it may be for."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controlplane.engine.engine import Engine
from controlplane.graph import Graph
from controlplane.kinds.gateway_api.backend_tls_policy import BACKEND_TLS_POLICY
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.queries.snapshot.snapshot import resources
from controlplane.queries.views.views import proxy_view
from tests.support.backend_policies import config_map, sent, service, tls_policy
from tests.support.declared import plain
from tests.support.kubernetes_gateways import EDGE, gateway

FILE = Path("policy.yaml")
NOW = datetime(2026, 11, 30, tzinfo=UTC)
REST = f"""
apiVersion: v1
kind: Service
metadata: {{name: elsewhere, namespace: other}}
spec: {{ports: [{{name: http, port: 80}}]}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: wide, namespace: default}}
spec: {{hosts: ["*.example.com"], ports: [{{number: 80, name: http, protocol: HTTP}}]}}
---
{gateway("{name: http, port: 8080, protocol: HTTP}")}{config_map()}{service()}{service("pay")}
"""
SHOP = "outbound|80||shop.default.svc.cluster.local"
PAY = "outbound|80||pay.default.svc.cluster.local"
WIDE = "outbound|80||*.example.com"
ELSEWHERE = "outbound|80||elsewhere.other.svc.cluster.local"
CLOSED = ("", "invalid://", [])


def failing(name: str) -> Callable[..., Any]:
    def around(function: Any, graph: Graph, *args: Any) -> Any:
        kinds = (getattr(arg, "kind", None) for arg in args)
        if function.name == name and BACKEND_TLS_POLICY in kinds:
            raise ValueError("boom")
        return function.function(graph, *args)

    return around


@pytest.fixture
def engine() -> Engine:
    found = Engine(MeshConfig(), now=NOW)
    found.apply([(Path("rest.yaml"), REST.encode())])
    return found


def tls_of(engine: Engine, *clusters: str) -> list[tuple[str, str, list[str]] | None]:
    found = resources(engine.graph, proxy_view(engine.graph, EDGE))
    assert found is not None
    return [sent(plain(found.clusters[name])) for name in clusters]


@pytest.mark.parametrize("index", ["policies_of_target", "targets_in_namespace"])
def test_while_a_new_policy_cannot_be_read_nothing_of_its_namespace_is_connected_to(
    engine: Engine, index: str
) -> None:
    engine.graph.around = failing(index)

    engine.apply([(FILE, tls_policy().encode())])

    assert tls_of(engine, SHOP, PAY, WIDE, ELSEWHERE) == [CLOSED, CLOSED, CLOSED, None]

    engine.graph.around = None
    engine.apply([(Path("other.yaml"), b"# edited")])

    root = "configmap://default/root-ca-cacert"
    assert tls_of(engine, SHOP, PAY, WIDE) == [
        ("shop.internal", root, ["shop.internal"]),
        None,
        None,
    ]


def test_what_another_policy_decides_stays_decided(engine: Engine) -> None:
    engine.apply([(Path("first.yaml"), tls_policy("first").encode())])
    before = tls_of(engine, SHOP)
    engine.graph.around = failing("policies_of_target")

    engine.apply([(FILE, tls_policy("second").encode())])

    assert tls_of(engine, SHOP, PAY) == [*before, CLOSED]


def test_a_policy_that_is_edited_keeps_its_last_form(engine: Engine) -> None:
    engine.apply([(FILE, tls_policy().encode())])
    before = tls_of(engine, SHOP, PAY)
    engine.graph.around = failing("policies_of_target")

    engine.apply([(FILE, tls_policy(hostname="edited.internal").encode())])

    assert tls_of(engine, SHOP, PAY) == before
