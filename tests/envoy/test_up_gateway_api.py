"""Gateways of the Gateway API bring their own Envoys, which ``up`` runs."""

import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.envoy.test_up import WITHOUT_LOW_PORTS, Up, running_up
from tests.support.client import Answer, send
from tests.support.network import can_isolate, own_network
from tests.support.process import eventually
from tests.support.upstream import running_upstreams

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
ROUTE = """\
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: shop}}
spec:
  parentRefs: [{{name: {name}}}]
  hostnames: [{name}.example]
  rules:
  - backendRefs: [{{name: {service}, port: 80}}]
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80}}]}}
---
"""
BEHIND_SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: shop}
spec:
  selector: {istio: edge}
  ports: [{name: http, port: 80, targetPort: 8085}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: shop}
spec:
  gatewayClassName: istio
  addresses: [{type: Hostname, value: edge}]
  listeners:
  - {name: http, port: 80, protocol: HTTP}
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


def body(address: str, host: str, port: int = 8080) -> str:
    """Which upstream answers, or the status."""
    answer = send(f"http://{host}:{port}/", address=address)
    return str(answer.seen["name"]) if answer.status == 200 else str(answer.status)


def test_commands_to_try_and_addresses_lead_to_the_backends_of_each_gateway(
    tmp_path: Path,
) -> None:
    config = tmp_path / "mesh"
    config.mkdir()
    (config / "services.yaml").write_text(
        SERVICE.format(name="blue") + SERVICE.format(name="green")
    )
    front = gateway("front") + ROUTE.format(name="front", service="blue")
    (config / "front.yaml").write_text(front)
    with own_network(), running_upstreams() as upstreams:
        local = (f"--local={n}.shop={upstreams.add(n, '127.0.0.1')}" for n in ("blue", "green"))
        with running_up(tmp_path, *local) as up:
            shown = up.prints(r"^  curl .*$")
            up.write("back.yaml", gateway("back") + ROUTE.format(name="back", service="green"))
            second = up.prints(r"^  curl .*$")

            assert "curl -H 'Host: front.example' http://127.0.0.1:8080/" in shown
            assert "curl -H 'Host: back.example' http://127.0.1.1:8080/" in second
            assert body("127.0.0.1", "front.example") == "blue"
            assert body("127.0.1.1", "back.example") == "green"
            assert body("127.0.0.1", "back.example") == "404"
            assert body("127.0.1.1", "front.example") == "404"
            assert "is shared" not in up.process.log.read_text()


def test_a_gateway_with_the_address_of_a_service_is_served_by_its_gateway(tmp_path: Path) -> None:
    config = tmp_path / "mesh"
    config.mkdir()
    text = BEHIND_SERVICE + ROUTE.format(name="front", service="blue")
    (config / "front.yaml").write_text(text + "---\n" + SERVICE.format(name="blue"))
    with own_network(), running_upstreams() as upstreams:
        local = f"--local=blue.shop={upstreams.add('blue', '127.0.0.1')}"
        with running_up(tmp_path, local) as up:
            shown = up.prints(r"^  curl .*$")

            assert "gateway edge.shop  Envoy's admin" in shown
            assert body("127.0.0.1", "front.example", 8085) == "blue"


def test_an_address_that_leads_to_no_gateway_is_reported(tmp_path: Path) -> None:
    config = tmp_path / "mesh"
    config.mkdir()
    (config / "front.yaml").write_text(BEHIND_SERVICE.partition("---\n")[2])
    with own_network(), running_up(tmp_path) as up:
        shown = up.prints(r"^Gateway shop/front: .*$")

    assert shown.endswith(
        "its addresses name no Service that selects a gateway, so no Envoy serves it"
    )


def test_an_address_that_a_gateway_asks_for_is_where_it_listens(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    address = "  addresses: [{value: 127.0.9.9}]\n"
    (tmp_path / "mesh" / "front.yaml").write_text(gateway("front") + address)
    with own_network(), running_up(tmp_path) as up:
        up.prints(r"^gateway front-istio.shop for Gateway shop/front on 127.0.9.9 .*$")

        assert send("http://front.example:8080/", address="127.0.9.9").status == 404


def test_an_address_that_nobody_can_have_is_said_to_be_so_until_another_is_asked_for(
    tmp_path: Path,
) -> None:
    """``192.0.2.9`` is in a network for documentation."""
    status = tmp_path / "status" / "gateway_shop_front.yaml"
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "front.yaml").write_text(
        gateway("front") + "  addresses: [{value: 192.0.2.9}]\n"
    )
    with own_network(), running_up(tmp_path, "--status-dir", str(status.parent)) as up:
        eventually("it says so", lambda: "AddressNotUsable" in _text(status), within=20)
        assert "192.0.2.9:8080'': Cannot assign requested address" in _text(status)

        up.write("front.yaml", gateway("front") + "  addresses: [{value: 127.0.9.9}]\n")

        eventually("it is programmed", lambda: "value: 127.0.9.9" in _shown(status), within=20)
        assert "AddressNotUsable" not in _text(status)


def _text(file: Path) -> str:
    """A file's lines as one, since long ones are folded; nothing before there is one."""
    return " ".join(file.read_text(encoding="utf-8").split()) if file.exists() else ""


def _shown(file: Path) -> str:
    """The part of the status that says where the Gateway is reached."""
    return _text(file).partition(" status:")[2].partition("conditions:")[0]


@pytest.mark.skipif(not can_isolate(), reason="only root may give up a privilege of its own")
def test_a_port_that_may_not_be_opened_is_mapped_by_what_is_printed(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "front.yaml").write_text(gateway("front", port=80))
    with own_network(), running_up(tmp_path, before=WITHOUT_LOW_PORTS) as up:
        shown = up.prints(r"^ +ports: .*$")
        assert "cannot bind '127.0.0.1:80': Permission denied" in shown

        up.write("service.yaml", textwrap.dedent(shown[shown.index("      apiVersion: v1") :]))

        up.prints(r"^fixed: front-istio.shop no longer rejects listener .*$")
        assert send("http://any.example:8080/", address="127.0.0.1").status == 404
