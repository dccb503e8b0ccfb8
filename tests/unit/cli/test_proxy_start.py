"""How ``up`` starts the Envoy of a gateway, by its ProxyConfig."""

import json
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from controlplane.base.names import Namespace
from controlplane.cli.main import main
from controlplane.engine.engine import Engine
from controlplane.kinds.duration import value_of
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.gateway_proxy import GatewayProxy
from controlplane.model.proxy_start import ProxyStart
from controlplane.serve.proxy_start import gateway_start
from tests.support.checked import NOW

GATEWAY = GatewayProxy(
    namespace=Namespace("istio-system"),
    name="edge",
    labels=(("istio", "ingressgateway"),),
    service_account="edge",
)
IN_NAMESPACE = """
---
apiVersion: networking.istio.io/v1beta1
kind: ProxyConfig
metadata: {name: all, namespace: istio-system}
spec: {concurrency: 2}
"""
ANNOTATED = """
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: istio-system}
spec:
  template:
    metadata:
      labels: {istio: ingressgateway, app: edge}
      annotations: {proxy.istio.io/config: "{concurrency: 3, drainDuration: 9s}"}
"""
SELECTING = """
---
apiVersion: networking.istio.io/v1beta1
kind: ProxyConfig
metadata: {name: edge, namespace: istio-system}
spec: {selector: {matchLabels: {istio: ingressgateway}}, concurrency: 0}
"""


@pytest.mark.parametrize(
    ("text", "concurrency", "drain"),
    [
        ("", 1, 5),
        (IN_NAMESPACE, 2, 5),
        (IN_NAMESPACE + ANNOTATED, 3, 9),
        (IN_NAMESPACE + ANNOTATED + SELECTING, 0, 9),
    ],
    ids=["mesh", "namespace", "annotation", "selector"],
)
def test_the_narrowest_level_says_how_a_gateway_is_started(
    text: str, concurrency: int, drain: int
) -> None:
    said = {"defaultConfig": {"concurrency": 1, "drainDuration": "5s"}}
    engine = Engine(msgspec.convert(said, MeshConfig, dec_hook=value_of), now=NOW)
    engine.apply([(Path("mesh.yaml"), text)])

    assert gateway_start(engine, GATEWAY) == ProxyStart(
        concurrency=concurrency, drain=timedelta(seconds=drain)
    )


def front(metadata: str, infrastructure: str) -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: front, namespace: istio-system, annotations: {metadata}}}
spec:
  gatewayClassName: istio
  infrastructure: {infrastructure}
  listeners: [{{name: http, port: 8080, protocol: HTTP}}]
"""


TWO = '{proxy.istio.io/config: "{concurrency: 2}"}'
SEVEN = '{proxy.istio.io/config: "{concurrency: 7}"}'
FRONT = GatewayProxy(
    namespace=Namespace("istio-system"),
    name="front-istio",
    labels=(("gateway.networking.k8s.io/gateway-name", "front"),),
    service_account="front-istio",
)


@pytest.mark.parametrize(
    ("text", "concurrency"),
    [
        (front("{}", f"{{annotations: {TWO}}}"), 2),
        (front(SEVEN, f"{{annotations: {TWO}}}"), 2),
        (front(SEVEN, "{}"), 7),
        (front(SEVEN, "{labels: {a: b}}"), 7),
        (front("{}", "{}"), None),
    ],
    ids=["infrastructure", "both", "its own", "labels only", "neither"],
)
def test_a_gateway_of_the_gateway_api_annotates_its_proxy(
    text: str, concurrency: int | None
) -> None:
    engine = Engine(MeshConfig(), now=NOW)
    engine.apply([(Path("mesh.yaml"), text)])

    assert gateway_start(engine, FRONT).concurrency == concurrency


def test_bootstrap_notes_the_options_that_its_output_cannot_hold(tmp_path: Path) -> None:
    config = tmp_path / "mesh"
    config.mkdir()
    (config / "mesh.yaml").write_text(IN_NAMESPACE + ANNOTATED)
    given = ["bootstrap", "gateway", "edge", "--label", "istio=ingressgateway", "--namespace"]
    state = ["--state", str(tmp_path / "state"), "--config"]

    noted = CliRunner().invoke(main, [*given, "istio-system", *state, str(config)])
    elsewhere = CliRunner().invoke(main, [*given, "shop", *state, str(config)])
    missing = CliRunner().invoke(main, [*given, "shop", *state, str(tmp_path / "none")])

    note = "note: its ProxyConfig asks for envoy --concurrency 3 --drain-time-s 9\n"
    assert noted.stderr.endswith(note)
    assert json.loads(noted.stdout)["node"]["cluster"] == "edge.istio-system"
    assert elsewhere.stderr.endswith("note: its ProxyConfig asks for envoy --concurrency 2\n")
    assert "ProxyConfig" not in missing.stderr
    assert (elsewhere.exit_code, missing.exit_code) == (0, 0)
