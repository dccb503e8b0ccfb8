"""The tracer of a ProxyConfig, which is part of Envoy's bootstrap: spans in Zipkin itself."""

from pathlib import Path

import pytest

from tests.envoy.test_tracing import MESH, PARENT, TRACE
from tests.support.client import send
from tests.support.envoy import free_port, running_envoy
from tests.support.mesh import ControlPlane, Workload
from tests.support.network import own_network
from tests.support.upstream import running_upstreams
from tests.support.zipkin import running_zipkin

pytestmark = pytest.mark.envoy

ANNOTATED = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: ingressgateway, namespace: istio-system}
spec:
  template:
    metadata:
      labels: {istio: ingressgateway}
      annotations:
        proxy.istio.io/config: |
          tracing:
            sampling: 100
            zipkin: {address: "127.0.0.1:9411"}
            customTags: {shop: {literal: {value: books}}}
---
"""


def test_spans_go_to_the_tracer_of_the_bootstrap(tmp_path: Path) -> None:
    control_plane, gateway = ControlPlane(tmp_path), Workload()
    (control_plane.config / "mesh.yaml").write_text(MESH + ANNOTATED)
    admin = free_port()
    with (
        own_network(),
        running_upstreams() as upstreams,
        running_zipkin(tmp_path) as zipkin,
        control_plane.running(),
    ):
        upstreams.add("shop", "127.1.1.1", 9080)
        bootstrap = control_plane.command(
            "bootstrap",
            *gateway.options(),
            *("--xds", control_plane.xds, "--admin", f"127.0.0.1:{admin}"),
            *("--ready", "off", "--metrics", "off", "--state", str(control_plane.state)),
            *("--config", str(control_plane.config)),
        )
        (tmp_path / "envoy").mkdir()
        with running_envoy(bootstrap, tmp_path / "envoy", admin_port=admin) as envoy:
            context = {"x-b3-traceid": TRACE, "x-b3-spanid": PARENT, "x-b3-sampled": "1"}
            url = "http://shop.example:8080/"
            answer = send(url, address=gateway.address, port=8080, headers=context)
            (span,) = zipkin.trace_of(TRACE, 1)

            assert answer.status == 200
            assert span["parentId"] == PARENT
            assert span["tags"]["shop"] == "books"
            assert span["tags"]["istio.canonical_service"] == "ingressgateway"
            assert envoy.rejected() == {}
