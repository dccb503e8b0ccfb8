"""Gateways of the Gateway API bring their own Envoys, which ``up`` runs."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.envoy.test_up import Up, running_up
from tests.support.client import Answer, send
from tests.support.network import own_network
from tests.support.process import eventually

pytestmark = pytest.mark.envoy

GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: shop}}
spec:
  gatewayClassName: {class_name}
  listeners:
  - {{name: http, port: {port}, protocol: HTTP}}
"""
SLOW = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: slow, namespace: shop}
spec:
  selector: {app: slow}
  servers:
  - port: {number: 8082, name: http, protocol: HTTP}
    hosts: [slow.example]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: slow, namespace: shop}
spec:
  hosts: [slow.example]
  gateways: [slow]
  http:
  - fault:
      delay: {percentage: {value: 100}, fixedDelay: 2s}
      abort: {percentage: {value: 100}, httpStatus: 418}
    route: [{destination: {host: nobody.shop.svc.cluster.local}}]
"""


def gateway(name: str, *, class_name: str = "istio", port: int = 8080) -> str:
    return GATEWAY.format(name=name, class_name=class_name, port=port)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "front.yaml").write_text(gateway("front"))
    with own_network(), running_up(tmp_path) as running:
        yield running


def begun() -> bool:
    """Whether the first gateway has a request that is not answered yet."""
    filtered = "http://127.0.0.1:15000/stats?filter=http.*8082.*downstream_rq_active"
    return b": 1" in send(filtered, address="127.0.0.1").body


def test_a_gateway_has_an_envoy_of_its_own_until_it_is_deleted(up: Up) -> None:
    shown = up.prints(r"^gateway front-istio.shop for Gateway shop/front on 127.0.0.1 .*$")
    up.write("other.yaml", gateway("other", class_name="nginx"))
    up.prints(r"^reloaded in .*$")
    running = len(up.envoys())

    (up.config / "front.yaml").unlink()
    up.prints(r"^gateway front-istio.shop is stopped: .*$")

    assert "Envoy's admin http://127.0.0.1:" in shown
    assert (running, len(up.envoys())) == (1, 0)


def test_the_second_gateway_of_a_port_gets_an_address_of_its_own(up: Up) -> None:
    up.prints(r"^gateway front-istio.shop for Gateway shop/front on 127.0.0.1 .*$")

    up.write("back.yaml", gateway("back"))

    up.prints(r"^gateway back-istio.shop for Gateway shop/back on 127.0.1.1 .*$")
    assert len(up.envoys()) == 2


def test_editing_listeners_keeps_the_envoy(up: Up) -> None:
    up.prints(r"^gateway front-istio.shop for .*$")
    before = up.envoys()

    up.write("front.yaml", gateway("front", port=8081))
    up.prints(r"^reloaded in .*$")

    assert up.envoys() == before


def test_a_request_that_has_begun_is_answered_before_the_envoy_stops(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "slow.yaml").write_text(SLOW)
    answers: list[Answer] = []

    def ask() -> None:
        answers.append(send("http://slow.example:8082/", address="127.0.0.1"))

    with own_network(), running_up(tmp_path) as up:
        up.prints(r"^  curl .*$")
        (envoy,) = up.envoys()
        asking = threading.Thread(target=ask)
        asking.start()
        eventually("the request has begun", begun)
        (up.config / "slow.yaml").unlink()
        up.prints(r"^gateway slow.shop is stopped: .*$")
        asking.join()

        assert [answer.status for answer in answers] == [418]
        assert not Path(f"/proc/{envoy}").exists()
