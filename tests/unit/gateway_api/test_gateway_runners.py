"""What the control plane has runners run: names, addresses, tokens, and what nobody reaches."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import jwt
import pytest

from controlplane.admin.view import ConnectedRunner
from controlplane.base.addresses import Address
from controlplane.base.names import Kind, Namespace
from controlplane.engine.engine import Engine
from controlplane.envoy.gateway_proxies import RunnableGateway, runnable_gateway
from controlplane.envoy.resource import TypeUrl, packed
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Proxy, Role, labels_of
from controlplane.serve.gateway_runners import GatewayRunners
from controlplane.serve.settings import Settings
from controlplane.serve.trust import Trust
from controlplane.sources.state import StateDirectory
from controlplane.xds.connections import Connection
from controlplane.xds.delta import DeltaSession
from controlplane.xds.response import Variant
from controlplane.xds.response_cache import ResponseCache
from controlplane.xds.stream import Uncounted
from tests.support.checked import NOW

GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: shop}}
spec:
  gatewayClassName: {class_name}
  listeners: [{{name: http, port: {port}, protocol: HTTP}}]
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: front-istio, namespace: shop}
spec:
  selector: {gateway.networking.k8s.io/gateway-name: front}
  ports: [{name: http, port: 80, targetPort: 8100}]
"""
LOOPBACK = Address(host="127.0.0.1", port=0)


@dataclass
class Rig:
    """A control plane's runners without the rest."""

    folder: Path
    now: datetime = NOW
    engine: Engine = field(init=False)
    runners: GatewayRunners = field(init=False)
    files: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        state = StateDirectory.opened(self.folder / "state")
        settings = Settings(
            config=(), xds=LOOPBACK, admin=LOOPBACK, state=state, mesh=MeshConfig(), environment={}
        )
        self.engine = Engine(MeshConfig(), now=self.now)
        self.runners = GatewayRunners(
            self.engine,
            Trust(settings, lambda: self.now),
            clock=lambda: self.now,
            traffic=Uncounted(),
            publish=lambda _: None,
        )

    def declare(self, name: str, *, port: int = 8100, class_name: str = "istio") -> None:
        text = GATEWAY.format(name=name, port=port, class_name=class_name)
        self.engine.apply([(Path(f"{name}.yaml"), text)])
        self.runners.edited({KUBERNETES_GATEWAY})

    def connect(self, ports: str = "", addresses: Mapping[str, str] | None = None) -> Connection:
        connection = Connection(
            proxy=Proxy(
                name="box",
                role=Role.RUNNER,
                namespace=Namespace("istio-system"),
                service_account="gateways",
                node_metadata=labels_of({"PORTS": ports}),
            ),
            node="runner~10.0.0.9~box.istio-system~istio-system.svc.cluster.local",
            peer="ipv4:10.0.0.9:4711",
            variant=Variant.DELTA,
            connected=self.now,
            session=DeltaSession(ResponseCache(), self.runners.snapshot),
        )
        self.runners.connected.connections.joined(connection)
        self.runners.came(addresses or {})
        return connection

    def leave(self, connection: Connection) -> None:
        self.runners.connected.connections.left(connection)
        self.runners.look()

    @property
    def gateways(self) -> dict[str, RunnableGateway]:
        shelf = self.runners.snapshot.shelf(TypeUrl.GATEWAY_PROXY)
        return {name: runnable_gateway(packed(found).value) for name, found in shelf.items()}

    @property
    def findings(self) -> list[str]:
        self.engine.analyse()
        return [f"{found.code} {found.message}" for found in self.engine.diagnostics()]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_gateways_are_made_for_runners_with_tokens_of_their_own(rig: Rig) -> None:
    rig.declare("front")
    rig.declare("other", class_name="nginx")
    before = rig.gateways
    rig.connect()

    (front,) = rig.gateways.values()

    claims = jwt.decode(front.token, options={"verify_signature": False})
    said = {name: claims[name] for name in ("namespace", "service_account", "role")}
    assert before == {}
    assert (front.name, front.namespace, front.address) == ("front-istio", "shop", "")
    assert said == {"namespace": "shop", "service_account": "front-istio", "role": "gateway"}
    assert "BEGIN CERTIFICATE" in front.root_certificate


CONFIG = """\
apiVersion: networking.istio.io/v1beta1
kind: ProxyConfig
metadata: {name: all, namespace: shop}
spec: {concurrency: 3}
"""


def test_a_gateway_comes_with_what_its_proxy_config_starts_it_with(rig: Rig) -> None:
    rig.declare("front")
    rig.connect()
    unsaid = rig.gateways["front-istio.shop"].proxy_config

    rig.engine.apply([(Path("config.yaml"), CONFIG)])
    rig.runners.look()

    assert unsaid == ""
    assert rig.gateways["front-istio.shop"].proxy_config == '{"concurrency":3}'


def test_a_token_is_renewed_at_half_of_its_life_and_not_before(rig: Rig) -> None:
    rig.declare("front")
    rig.connect()
    (first,) = rig.gateways.values()

    rig.now += timedelta(hours=11)
    rig.runners.keep_house()
    (same,) = rig.gateways.values()
    rig.now += timedelta(hours=2)
    rig.runners.keep_house()
    (renewed,) = rig.gateways.values()

    assert same == first
    assert renewed.token != first.token


def test_other_listeners_change_nothing_of_what_is_run(rig: Rig) -> None:
    rig.declare("front")
    rig.connect()
    before = rig.runners.snapshot

    rig.declare("front", port=8101)

    assert rig.runners.snapshot is before


def test_a_gateway_whose_port_another_has_keeps_off_its_address(rig: Rig) -> None:
    rig.declare("front")
    rig.connect()

    rig.declare("back")

    assert {name: found.address for name, found in rig.gateways.items()} == {
        "front-istio.shop": "",
        "back-istio.shop": "127.0.1.1",
    }
    assert rig.findings == [
        "CP0791 port 8100 is Gateway shop/front's, so nobody reaches the listener: the Gateways of "
        "a runner share one address"
    ]


def test_gateways_stay_where_they_are_when_the_control_plane_comes_back(rig: Rig) -> None:
    rig.declare("back")
    rig.declare("front")

    rig.connect(addresses={"front-istio.shop": "", "back-istio.shop": "127.0.1.1", "gone.shop": ""})

    assert {name: found.address for name, found in rig.gateways.items()} == {
        "front-istio.shop": "",
        "back-istio.shop": "127.0.1.1",
    }


def test_runners_that_are_connected_are_shown_with_what_they_run(rig: Rig) -> None:
    rig.declare("front")
    before = list(rig.runners.shown())
    runner = rig.connect("8080,8100-8119")
    (connected,) = rig.runners.shown()
    rig.leave(runner)

    assert connected == ConnectedRunner(
        name="box",
        namespace="istio-system",
        peer="ipv4:10.0.0.9:4711",
        connected=NOW,
        published="8080,8100-8119",
        gateways=("front-istio.shop",),
    )
    assert (before, list(rig.runners.shown())) == ([], [])


def test_ports_are_judged_while_a_runner_says_which_it_publishes(rig: Rig) -> None:
    rig.declare("front", port=9999)
    before = rig.findings

    runner = rig.connect("8080,8100-8119")
    connected = rig.findings
    rig.declare("front", port=8119)
    inside = rig.findings
    rig.declare("front", port=9998)
    rig.leave(runner)

    assert connected == [
        "CP0790 port 9999 is not published by the runner, which has 8080,8100-8119"
    ]
    assert (before, inside, rig.findings) == ([], [], [])


def test_a_port_that_a_service_maps_is_judged_where_it_arrives(rig: Rig) -> None:
    rig.connect("8100-8119")
    rig.declare("front", port=80)
    before = rig.findings

    rig.engine.apply([(Path("service.yaml"), SERVICE)])
    rig.runners.edited({Kind("", "Service")})

    assert before == ["CP0790 port 80 is not published by the runner, which has 8100-8119"]
    assert [found for found in rig.findings if "CP079" in found] == []


def test_kinds_that_imply_no_gateway_are_not_looked_at(rig: Rig) -> None:
    rig.connect()
    rig.engine.apply([(Path("a.yaml"), GATEWAY.format(name="a", port=80, class_name="istio"))])

    rig.runners.edited({Kind("", "Secret")})

    assert rig.gateways == {}
