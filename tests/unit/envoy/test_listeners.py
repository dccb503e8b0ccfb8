"""What a plan says of a listener is what Envoy gets: nothing of a gateway is assumed."""

from dataclasses import replace
from typing import Any

import pytest
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse
from google.protobuf.json_format import MessageToDict

from controlplane.base.names import PortNumber
from controlplane.envoy.listeners.listener import framed_chain, listener
from controlplane.model.http_settings import HttpSettings
from controlplane.model.plan.listener import (
    Address,
    Capture,
    ChainPlan,
    Direction,
    ListenerPlan,
    PlannedChain,
)
from controlplane.model.plan.network_filters import (
    ClusterWeight,
    CrossOrigin,
    HttpConnectionManager,
    NamedTable,
    NetworkFilter,
    Router,
    TcpProxy,
)

FORWARDS = TcpProxy(stat_prefix="s", clusters=(ClusterWeight(cluster="c", weight=1),))
READS = HttpConnectionManager(
    routes=NamedTable("80"),
    stat_prefix="s",
    filters=(Router(), CrossOrigin()),
    settings=HttpSettings(uses_remote_address=False),
)


def plan(*filters: NetworkFilter) -> ListenerPlan:
    chain = PlannedChain(chain=ChainPlan(network_filters=filters or (FORWARDS,)), origins=())
    return ListenerPlan(
        name="virtualInbound",
        address=Address("0.0.0.0", PortNumber(15006)),
        chains=(chain,),
        direction=Direction.INBOUND,
    )


def encoded(plan: ListenerPlan) -> dict[str, Any]:
    resource = listener(plan, [framed_chain(planned.chain) for planned in plan.chains])
    response = DeltaDiscoveryResponse.FromString(resource.framed)
    message = Listener.FromString(response.resources[0].resource.value)
    return MessageToDict(message, preserving_proto_field_name=True)


def test_a_listener_has_a_name_apart_from_its_address() -> None:
    assert encoded(plan())["name"] == "virtualInbound"


@pytest.mark.parametrize("direction", list(Direction))
def test_a_listener_says_its_direction(direction: Direction) -> None:
    assert encoded(replace(plan(), direction=direction))["traffic_direction"] == direction.name


def test_a_listener_that_is_handed_its_connections_binds_no_socket() -> None:
    assert encoded(replace(plan(), capture=Capture.INTERCEPTED))["bind_to_port"] is False
    assert "bind_to_port" not in encoded(replace(plan(), capture=Capture.BOUND))


def test_a_chain_has_no_time_for_the_handshake_unless_its_plan_says_one() -> None:
    (chain,) = encoded(plan())["filter_chains"]

    assert "transport_socket_connect_timeout" not in chain


def test_a_manager_takes_its_filters_in_order_and_its_settings_from_the_plan() -> None:
    (chain,) = encoded(plan(READS))["filter_chains"]

    manager = chain["filters"][0]["typed_config"]
    assert [each["name"] for each in manager["http_filters"]] == [
        "envoy.filters.http.cors",
        "envoy.filters.http.router",
    ]
    assert manager["use_remote_address"] is False
    assert manager["rds"]["route_config_name"] == "80"


def test_a_chain_that_two_filters_would_end_is_never_sent() -> None:
    with pytest.raises(AssertionError, match="one filter ends a chain"):
        encoded(plan(READS, FORWARDS))
