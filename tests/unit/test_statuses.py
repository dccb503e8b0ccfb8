"""The status of objects in a running control plane: generations, times, acknowledgements."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controlplane.base.names import Namespace, ObjectKey
from controlplane.engine.engine import Engine
from controlplane.envoy.resource import TypeUrl
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.gateway_api.gateway_class import GATEWAY_CLASS
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Proxy, Role
from controlplane.queries.analysis.object_status import WITH_STATUS
from controlplane.serve.object_view import manifest
from controlplane.serve.snapshot_cache import SnapshotCache
from controlplane.serve.statuses import Statuses, generations
from controlplane.xds.connections import Connection, Connections
from controlplane.xds.delta import DeltaSession
from controlplane.xds.events import DeltaRequest, Output, Send
from controlplane.xds.response import Variant
from controlplane.xds.response_cache import ResponseCache
from tests.support.kubernetes_gateways import gateway

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EDGE = ObjectKey(KUBERNETES_GATEWAY, Namespace("default"), "edge")
PROXY = Proxy(
    name="edge-istio",
    role=Role.GATEWAY,
    namespace=Namespace("default"),
    service_account="edge-istio",
    labels=(("gateway.networking.k8s.io/gateway-name", "edge"),),
    addresses=("10.0.0.7",),
)
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {selector: {app: edge}, ports: [{name: http, port: 8080}]}
"""
HTTP = "{name: http, port: 8080, protocol: HTTP}"
MORE = "{name: more, port: 8081, protocol: HTTP}"


class Running:
    """A control plane without a server: an engine, connections, and a clock that is set."""

    def __init__(self, text: str, kept: Any = ()) -> None:
        self.now = NOW
        self.engine = Engine(MeshConfig(), now=NOW, generations=generations(kept))
        self.connections = Connections(lambda: NOW)
        self.statuses = Statuses(self.engine, self.connections, lambda: self.now)
        self.statuses.remember(kept)
        self.edit(text)

    def edit(self, text: str | None) -> None:
        self.engine.apply([(Path("mesh.yaml"), text)])

    def connect(self) -> DeltaSession:
        """A proxy that has been sent its listeners and says nothing yet."""
        session = DeltaSession(ResponseCache(), SnapshotCache(self.engine).snapshot(PROXY))
        connection = Connection(
            proxy=PROXY,
            node="node",
            peer="127.0.0.1:50000",
            variant=Variant.DELTA,
            connected=NOW,
            session=session,
        )
        self.connections.joined(connection)
        return session

    def value(self, key: ObjectKey = EDGE) -> Any:
        """Any: JSON."""
        return self.statuses.value(key)

    def condition(self, type_: str) -> Any:
        return _by_type(self.value())[type_]

    def listener(self, name: str, type_: str = "Programmed") -> Any:
        found = next(each for each in self.value()["listeners"] if each["name"] == name)
        return _by_type(found)[type_]


def _by_type(status: Any) -> Any:
    return {condition["type"]: condition for condition in status["conditions"]}


def acknowledge(session: DeltaSession, *, error: str = "") -> None:
    """Ask for listeners, and answer what is sent; ``error`` rejects the listeners."""
    pending: list[Output] = []
    for type_url in (TypeUrl.CLUSTER, TypeUrl.LISTENER):
        pending += session.receive(DeltaRequest(type_url=type_url))
    while pending:
        output = pending.pop()
        if isinstance(output, Send):
            refused = error if output.type_url is TypeUrl.LISTENER else None
            answer = DeltaRequest(
                type_url=output.type_url, nonce=output.nonce, error=refused or None
            )
            pending += session.receive(answer)


def test_a_status_has_the_form_of_the_api() -> None:
    running = Running(gateway(HTTP))
    when = {"lastTransitionTime": "2026-06-01T12:00:00Z", "observedGeneration": 1}

    assert running.value() == {
        "attachedListenerSets": 0,
        "conditions": [
            {
                **when,
                "message": "the Gateway is accepted",
                "reason": "Accepted",
                "status": "True",
                "type": "Accepted",
            },
            {
                **when,
                "message": "no proxy of the Gateway is connected",
                "reason": "Pending",
                "status": "False",
                "type": "Programmed",
            },
            {
                **when,
                "message": "every reference leads somewhere",
                "reason": "ResolvedRefs",
                "status": "True",
                "type": "ResolvedRefs",
            },
        ],
        "listeners": [
            {
                "attachedRoutes": 0,
                "conditions": running.value()["listeners"][0]["conditions"],
                "name": "http",
                "supportedKinds": [
                    {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"},
                    {"group": "gateway.networking.k8s.io", "kind": "GRPCRoute"},
                ],
            }
        ],
    }


def test_a_gateway_is_programmed_once_a_proxy_has_acknowledged_its_listener() -> None:
    running = Running(gateway(HTTP))

    session = running.connect()
    assert running.condition("Programmed")["message"] == (
        "no proxy of the Gateway has acknowledged it yet"
    )
    acknowledge(session)

    assert running.condition("Programmed")["status"] == "True"
    assert running.listener("http")["status"] == "True"


def test_a_listener_that_is_not_acknowledged_yet_is_pending_beside_one_that_is() -> None:
    running = Running(gateway(HTTP))
    acknowledge(running.connect())

    running.edit(gateway(HTTP, MORE))

    assert running.listener("http")["status"] == "True"
    assert running.listener("more")["reason"] == "Pending"
    assert running.condition("Programmed")["status"] == "True"


@pytest.mark.parametrize(
    "listener",
    [
        "{name: tls, port: 8443, protocol: TLS, tls: {mode: Passthrough}}",
        "{name: tcp, port: 8443, protocol: TCP}",
        "{name: udp, port: 8443, protocol: UDP}",
    ],
)
def test_a_listener_without_a_route_for_its_connections_is_programmed_once_a_proxy_is_there(
    listener: str,
) -> None:
    running = Running(gateway(listener, more="gatewayClassName: controlplane"))
    (name,) = (each["name"] for each in running.value()["listeners"])
    before = running.listener(name)["reason"]

    running.connect()

    assert (before, running.listener(name)["status"]) == ("Pending", "True")
    assert running.condition("Programmed")["status"] == "True"


@pytest.mark.parametrize(
    ("addresses", "reason"),
    [("[{value: 192.0.2.9}]", "AddressNotUsable"), ("[]", "Pending"), ("[{}]", "Pending")],
)
def test_an_address_that_the_proxy_cannot_have_is_not_usable(addresses: str, reason: str) -> None:
    running = Running(gateway(HTTP, more=f"gatewayClassName: istio\n  addresses: {addresses}"))
    session = running.connect()

    acknowledge(session, error="cannot bind '192.0.2.9:8080': Cannot assign requested address")

    assert running.condition("Programmed")["reason"] == reason
    assert running.listener("http")["reason"] == "Pending"
    if reason == "AddressNotUsable":
        assert running.condition("Programmed")["message"] == (
            "its proxy: cannot bind '192.0.2.9:8080': Cannot assign requested address"
        )


def test_a_condition_keeps_its_time_until_its_status_flips() -> None:
    running = Running(gateway(HTTP))
    before = running.condition("Programmed")

    running.now += timedelta(hours=1)
    running.edit(gateway(HTTP, MORE))
    edited = running.condition("Programmed")
    acknowledge(running.connect())
    flipped = running.condition("Programmed")

    assert before["lastTransitionTime"] == edited["lastTransitionTime"] == "2026-06-01T12:00:00Z"
    assert flipped["lastTransitionTime"] == "2026-06-01T13:00:00Z"
    assert running.condition("Accepted")["lastTransitionTime"] == "2026-06-01T12:00:00Z"


def test_each_accepted_change_of_the_spec_is_a_generation() -> None:
    running = Running(gateway(HTTP))
    seen = [running.condition("Accepted")["observedGeneration"]]

    for text in (gateway(HTTP, MORE), f"# a comment\n{gateway(HTTP, MORE)}", gateway(HTTP)):
        running.edit(text)
        seen.append(running.condition("Accepted")["observedGeneration"])

    assert seen == [1, 2, 2, 3]


def test_a_refused_spec_is_no_generation() -> None:
    running = Running(gateway(HTTP))

    running.edit(gateway("{name: http, port: 0, protocol: HTTP}"))

    assert running.engine.is_refused(EDGE)
    assert running.condition("Accepted")["observedGeneration"] == 1


def test_fields_that_change_nothing_here_are_a_generation_too() -> None:
    text = (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: ours}\n"
        "spec: {controllerName: controlplane/gateway, description: VALUE}\n"
    )
    key = ObjectKey(GATEWAY_CLASS, Namespace(""), "ours")
    running = Running(text.replace("VALUE", "one"))

    running.edit(text.replace("VALUE", "two"))

    assert running.value(key)["conditions"][0]["observedGeneration"] == 2


def test_a_generation_that_is_written_is_the_one_that_is_observed() -> None:
    running = Running(gateway(HTTP).replace("{name: edge,", "{name: edge, generation: 7,"))

    assert running.condition("Accepted")["observedGeneration"] == 7


def test_a_restart_goes_on_from_the_generation_and_the_times_that_were_kept() -> None:
    first = Running(gateway(HTTP))
    first.edit(gateway(HTTP, MORE))
    first.value()
    kept = first.statuses.kept()

    again = Running(gateway(HTTP, MORE), kept)
    again.now += timedelta(days=1)
    unchanged = again.condition("Accepted")
    edited = Running(gateway(HTTP), kept)

    assert unchanged["observedGeneration"] == 2
    assert unchanged["lastTransitionTime"] == "2026-06-01T12:00:00Z"
    assert edited.condition("Accepted")["observedGeneration"] == 3


def test_a_gateway_is_reached_at_its_proxies_and_until_there_are_any_by_its_service() -> None:
    running = Running(gateway(HTTP) + SERVICE.replace("NAME", "edge-istio"))
    before = running.value()["addresses"]

    running.connect()

    assert before == [{"type": "Hostname", "value": "edge-istio.default.svc.cluster.local"}]
    assert running.value()["addresses"] == [{"type": "IPAddress", "value": "10.0.0.7"}]


def test_a_gateway_is_reached_by_the_name_that_it_asks_for() -> None:
    asked = "gatewayClassName: istio\n  addresses: [{type: Hostname, value: front}]"
    running = Running(gateway(HTTP, more=asked) + SERVICE.replace("NAME", "front"))

    assert running.value()["addresses"] == [
        {"type": "Hostname", "value": "front.default.svc.cluster.local"}
    ]


async def test_what_changes_is_seen_and_nothing_else_is_looked_at() -> None:
    other = ObjectKey(KUBERNETES_GATEWAY, Namespace("default"), "other")
    running = Running(gateway(HTTP) + gateway(MORE, name="other"))
    assert set(await running.statuses.look()) == {EDGE, other}

    assert await running.statuses.look() == ()
    running.edit(gateway(HTTP, MORE) + gateway(MORE, name="other"))
    assert await running.statuses.look() == (EDGE,)
    running.edit(gateway(MORE, name="other"))
    assert await running.statuses.look() == (EDGE,)
    assert not running.statuses.has(EDGE)


async def test_an_acknowledgement_is_seen_though_nothing_is_edited() -> None:
    running = Running(gateway(HTTP))
    session = running.connect()
    await running.statuses.look()

    acknowledge(session)

    assert await running.statuses.look() == (EDGE,)


def test_a_status_that_is_written_in_a_file_is_not_shown() -> None:
    text = gateway(HTTP, more="gatewayClassName: theirs").replace(
        "---", "status: {addresses: [{value: 10.0.0.1}]}\n---"
    )
    running = Running(text)
    raw = running.engine.raw(EDGE)
    assert raw is not None

    assert running.value() is None
    assert "status" not in manifest(raw, running.value(), 0)


def test_every_kind_of_the_specification_that_controllers_write_the_status_of_has_one() -> None:
    assert {kind.name for kind in WITH_STATUS} == {
        "BackendTLSPolicy",
        "GRPCRoute",
        "Gateway",
        "GatewayClass",
        "HTTPRoute",
        "ListenerSet",
        "TCPRoute",
        "TLSRoute",
        "UDPRoute",
        "XBackendTrafficPolicy",
        "XMesh",
    }


ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec:
  parentRefs:
  - {name: edge, sectionName: http}
  - {name: theirs}
  - {group: "", kind: Service, name: web, port: 80}
  rules: [{backendRefs: [{name: web, port: 80}]}]
"""


def test_a_route_says_of_each_parent_that_is_served_here_what_it_comes_to() -> None:
    theirs = gateway(HTTP, name="theirs", more="gatewayClassName: theirs")
    web = SERVICE.replace("NAME", "web").replace("8080", "80")
    running = Running(f"{gateway(HTTP)}{theirs}{ROUTE}---{web}")

    parents = running.value(ObjectKey(HTTP_ROUTE, Namespace("default"), "web"))["parents"]

    assert [(each["parentRef"], each["controllerName"]) for each in parents] == [
        (
            {
                "group": "gateway.networking.k8s.io",
                "kind": "Gateway",
                "name": "edge",
                "sectionName": "http",
            },
            "istio.io/gateway-controller",
        ),
        (
            {"group": "", "kind": "Service", "name": "web", "port": 80},
            "istio.io/gateway-controller",
        ),
    ]
    assert {c["type"]: c["status"] for each in parents for c in each["conditions"]} == {
        "Accepted": "True",
        "ResolvedRefs": "True",
    }


def test_a_route_of_the_mesh_whose_service_is_not_declared_is_not_accepted() -> None:
    running = Running(ROUTE)

    parents = running.value(ObjectKey(HTTP_ROUTE, Namespace("default"), "web"))["parents"]

    assert [(each["parentRef"]["kind"], each["conditions"][0]["reason"]) for each in parents] == [
        ("Service", "NoMatchingParent")
    ]
