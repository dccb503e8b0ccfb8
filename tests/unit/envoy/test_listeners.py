"""What a plan says of a listener is what Envoy gets: nothing of a gateway is assumed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from google.protobuf.unknown_fields import UnknownFieldSet

from controlplane.base.names import PortNumber
from controlplane.envoy.listeners.listener import framed_chain, listener
from controlplane.envoy.resource import length_delimited
from controlplane.model.http_match import RouteMatch
from controlplane.model.http_settings import HttpSettings
from controlplane.model.plan.listener import (
    Address,
    Capture,
    ChainMatch,
    ChainPlan,
    Direction,
    Inspection,
    ListenerFilters,
    ListenerPlan,
    PlannedChain,
    Transport,
)
from controlplane.model.plan.network_filters import (
    ClusterWeight,
    CrossOrigin,
    HttpConnectionManager,
    InlineTable,
    NamedTable,
    NetworkFilter,
    Router,
    TcpProxy,
)
from controlplane.model.routing import ForwardTo, Route

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


def test_a_listener_hands_connections_on_and_says_what_it_looks_at_first() -> None:
    found = encoded(
        replace(
            plan(),
            capture=Capture.REDIRECTED,
            is_transparent=True,
            filters=ListenerFilters(
                original_destination=True,
                original_source=True,
                tls=Inspection((PortNumber(15006),)),
                http=Inspection((PortNumber(9080), PortNumber(15006))),
                timeout=timedelta(0),
            ),
        )
    )

    assert found["use_original_dst"] is True
    assert found["transparent"] is True
    assert found["continue_on_listener_filters_timeout"] is True
    assert [each["name"].rpartition(".")[2] for each in found["listener_filters"]] == [
        "original_dst",
        "original_src",
        "tls_inspector",
        "http_inspector",
    ]
    tls, http = found["listener_filters"][2:]
    assert tls["filter_disabled"] == {"destination_port_range": {"start": 15006, "end": 15007}}
    assert http["filter_disabled"]["or_match"]["rules"] == [
        {"destination_port_range": {"start": 9080, "end": 9081}},
        {"destination_port_range": {"start": 15006, "end": 15007}},
    ]


def test_a_chain_is_chosen_by_where_the_connection_was_going_and_what_it_speaks() -> None:
    match = ChainMatch(
        destination_port=PortNumber(9080),
        networks=("10.0.0.0/8", "fd00::/8"),
        transport=Transport.TLS,
        application_protocols=("istio",),
    )
    chain = ChainPlan(name="0.0.0.0_9080", network_filters=(FORWARDS,), match=match)

    (found,) = encoded(replace(plan(), chains=(PlannedChain(chain=chain, origins=()),)))[
        "filter_chains"
    ]
    assert found["name"] == "0.0.0.0_9080"
    assert found["filter_chain_match"] == {
        "destination_port": 9080,
        "prefix_ranges": [
            {"address_prefix": "10.0.0.0", "prefix_len": 8},
            {"address_prefix": "fd00::", "prefix_len": 8},
        ],
        "transport_protocol": "tls",
        "application_protocols": ["istio"],
    }


def test_a_manager_may_hold_its_one_route_itself() -> None:
    route = Route(
        match=RouteMatch(),
        action=ForwardTo(target="inbound|9080||"),
        operation="reviews:9080/*",
        declared_by=None,
    )
    table = InlineTable(name="inbound|9080||", virtual_host="inbound|http|9080", route=route)

    (chain,) = encoded(plan(replace(READS, routes=table)))["filter_chains"]
    manager = chain["filters"][0]["typed_config"]
    assert "rds" not in manager
    (host,) = manager["route_config"]["virtual_hosts"]
    assert (host["name"], host["domains"]) == ("inbound|http|9080", ["*"])
    assert host["routes"][0]["route"]["cluster"] == "inbound|9080||"


def test_the_chain_of_what_no_other_takes_has_its_own_place() -> None:
    chain = ChainPlan(name="PassthroughFilterChain", network_filters=(FORWARDS,))
    resource = listener(plan(), [framed_chain(chain, is_default=True)])

    response = DeltaDiscoveryResponse.FromString(resource.framed)
    message = Listener.FromString(response.resources[0].resource.value)
    assert message.default_filter_chain.name == "PassthroughFilterChain"
    assert not message.filter_chains


@pytest.mark.parametrize("number", [1, 15, 16, 25, 2047, 2048, 2**29 - 1])
@pytest.mark.parametrize("length", [0, 1, 127, 128, 16_384])
def test_a_field_is_framed_as_protobuf_reads_it(number: int, length: int) -> None:
    unknown = Empty.FromString(length_delimited(number, b"x" * length))

    (field,) = UnknownFieldSet(unknown)
    assert (field.field_number, field.wire_type, field.data) == (number, 2, b"x" * length)
