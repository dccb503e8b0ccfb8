"""The listener to which the rules of interception send what calls a workload."""

from typing import Any

import msgspec
import pytest

from controlplane.envoy.resource import TypeUrl
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import IpFamily, Target
from controlplane.queries.snapshot.origins import origins_by_name
from tests.support.declared import Declared
from tests.unit.inbound.given import (
    HOST,
    SERVICE,
    chains,
    sidecar,
    skipped_ports,
    virtual_inbound,
)

HTTP = "istio-http/1.0,istio-http/1.1,istio-h2"
ANY = f"istio,istio-peer-exchange,{HTTP}"


def mesh(**said: object) -> MeshConfig:
    return msgspec.convert(said, MeshConfig)


def manager(listener: dict[str, Any], name: str) -> dict[str, Any]:
    """The HTTP manager of the last chain of that name."""
    chain = [c for c in listener["filter_chains"] if c["name"] == name][-1]
    found: dict[str, Any] = chain["filters"][0]["typed_config"]
    return found


def route(listener: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = manager(listener, name)["route_config"]["virtual_hosts"][0]["routes"][0]
    return found


def test_every_port_has_chains_and_so_have_those_that_no_service_has() -> None:
    listener = virtual_inbound()

    assert listener["address"] == {"socket_address": {"address": "0.0.0.0", "port_value": 15006}}
    assert listener["traffic_direction"] == "INBOUND"
    assert listener["listener_filters_timeout"] == "0s"
    assert chains(listener, None) == [
        f"tls {HTTP} mTLS HTTP",
        "raw_buffer http/1.1,h2c HTTP",
        "tls istio-peer-exchange,istio mTLS TCP",
        "raw_buffer TCP",
        "tls TCP",
    ]
    assert chains(listener, 8001) == [f"tls {ANY} mTLS HTTP", "raw_buffer HTTP"]
    assert chains(listener, 8003) == [f"tls {ANY} mTLS TCP", "tls TCP", "raw_buffer TCP"]
    assert chains(listener, 8004) == chains(listener, None)


def test_what_is_sent_to_the_listener_itself_ends_there() -> None:
    first = virtual_inbound()["filter_chains"][0]

    assert first["name"] == "virtualInbound-blackhole"
    assert first["filter_chain_match"] == {"destination_port": 15006}
    assert first["filters"][0]["typed_config"]["cluster"] == "BlackHoleCluster"


def test_only_ports_where_it_would_hurt_are_not_looked_at() -> None:
    listener = virtual_inbound()

    assert [f["name"].rsplit(".", 1)[-1] for f in listener["listener_filters"]] == [
        "original_dst",
        "tls_inspector",
        "http_inspector",
    ]
    assert skipped_ports(listener, "tls_inspector") == [15006]
    assert skipped_ports(listener, "http_inspector") == [8003, 15006]


def test_requests_go_to_the_port_of_the_workload_for_as_long_as_it_takes() -> None:
    listener = virtual_inbound()

    assert route(listener, "0.0.0.0_8001") == {
        "name": "default",
        "match": {"prefix": "/"},
        "route": {
            "cluster": "inbound|8001||",
            "timeout": "0s",
            "retry_policy": {
                "retry_on": "reset-before-request",
                "num_retries": 2,
                "host_selection_retry_max_attempts": "5",
            },
            "max_stream_duration": {"max_stream_duration": "0s", "grpc_timeout_header_max": "0s"},
        },
        "decorator": {"operation": f"{HOST}:80/*"},
    }
    assert manager(listener, "0.0.0.0_8001")["stat_prefix"] == "inbound_0.0.0.0_8001;"
    table = manager(listener, "0.0.0.0_8001")["route_config"]
    assert (table["name"], table["virtual_hosts"][0]["name"]) == (
        "inbound|8001||",
        "inbound|http|80",
    )
    assert "retry_policy" not in route(listener, "0.0.0.0_8002")["route"]
    catch_all = route(listener, "virtualInbound-catchall-http")
    assert catch_all["route"]["cluster"] == "InboundPassthroughCluster"
    assert catch_all["decorator"] == {"operation": ":0/*"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"attempts": 0}, None),
        ({"attempts": 5}, ("reset-before-request", 5, [])),
        (
            {"attempts": 1, "retryOn": "5xx,503", "perTryTimeout": None},
            ("5xx,retriable-status-codes", 1, [503]),
        ),
    ],
)
def test_the_mesh_says_how_often_the_workload_is_tried(
    said: dict[str, object], expected: tuple[str, int, list[int]] | None
) -> None:
    listener = virtual_inbound(mesh=mesh(defaultInboundHttpRetryPolicy=said))

    policy = route(listener, "0.0.0.0_8001")["route"].get("retry_policy")
    found = policy and (
        policy["retry_on"],
        policy["num_retries"],
        policy.get("retriable_status_codes", []),
    )
    assert found == expected


def test_clients_prove_an_identity_of_the_mesh() -> None:
    said = mesh(
        trustDomain="a.example",
        trustDomainAliases=["b.example"],
        meshMTLS={"minProtocolVersion": "TLSV1_3", "cipherSuites": ["ECDHE-RSA-AES128-GCM-SHA256"]},
    )

    listener = virtual_inbound(mesh=said)

    tls = [
        chain["transport_socket"]["typed_config"]
        for chain in listener["filter_chains"]
        if chain["filter_chain_match"].get("destination_port") == 8004
        and "transport_socket" in chain
    ]
    assert all(context["require_client_certificate"] for context in tls)
    common = [context["common_tls_context"] for context in tls]
    assert [each["alpn_protocols"] for each in common] == [
        ["h2", "http/1.1"],
        ["istio-peer-exchange", "h2", "http/1.1"],
    ]
    assert common[0]["tls_params"] == {
        "tls_minimum_protocol_version": "TLSv1_3",
        "tls_maximum_protocol_version": "TLSv1_3",
        "cipher_suites": ["ECDHE-RSA-AES128-GCM-SHA256"],
    }
    assert common[0]["tls_certificate_sds_secret_configs"][0]["name"] == "default"
    validation = common[0]["combined_validation_context"]
    assert validation["validation_context_sds_secret_config"]["name"] == "ROOTCA"
    assert validation["default_validation_context"]["match_typed_subject_alt_names"] == [
        {"san_type": "URI", "matcher": {"prefix": "spiffe://a.example/"}},
        {"san_type": "URI", "matcher": {"prefix": "spiffe://b.example/"}},
    ]


def test_of_services_that_share_a_port_the_oldest_decides_what_is_spoken() -> None:
    other = """
apiVersion: v1
kind: Service
metadata: {name: old, namespace: default}
spec: {clusterIP: 10.96.0.2, ports: [{name: tcp, port: 90, targetPort: 8001}]}
"""
    targets = (Target("old.default.svc.cluster.local", 90, 8001), Target(HOST, 80, 8001))

    listener = virtual_inbound(SERVICE + other, sidecar(targets))

    assert chains(listener, 8001) == [f"tls {ANY} mTLS TCP", "tls TCP", "raw_buffer TCP"]


def test_a_proxy_of_ipv6_alone_listens_there() -> None:
    listener = virtual_inbound(proxy=sidecar(families=(IpFamily.IPV6,)))

    assert listener["address"]["socket_address"]["address"] == "::"
    assert manager(listener, "::_8001")["stat_prefix"] == "inbound_::_8001;"


def test_with_tproxy_the_workload_sees_who_calls() -> None:
    listener = virtual_inbound(proxy=sidecar(metadata=(("INTERCEPTION_MODE", "TPROXY"),)))

    assert listener["transparent"] is True
    (source,) = (f for f in listener["listener_filters"] if f["name"].endswith("original_src"))
    assert source["typed_config"]["mark"] == 1337


def test_without_interception_there_is_none() -> None:
    proxy = sidecar(metadata=(("INTERCEPTION_MODE", "NONE"),))

    assert "virtualInbound" not in Declared(SERVICE).listeners(proxy)


def test_the_mesh_says_where_it_is_and_how_long_bytes_are_waited_for() -> None:
    said = MeshConfig(proxy_inbound_listen_port=16006)

    listener = virtual_inbound(mesh=said)

    assert listener["address"]["socket_address"]["port_value"] == 16006
    assert skipped_ports(listener, "tls_inspector") == [16006]


def test_the_log_of_the_mesh_is_that_of_every_chain_but_the_loops() -> None:
    listener = virtual_inbound(mesh=MeshConfig(access_log_file="/dev/stdout"))

    loop, *others = listener["filter_chains"]
    assert "access_log" not in loop["filters"][0]["typed_config"]
    assert all("access_log" in chain["filters"][0]["typed_config"] for chain in others)
    assert "access_log" in listener


def test_a_chain_comes_from_the_port_of_its_service() -> None:
    declared = Declared(SERVICE, mesh=MeshConfig(access_log_file="/dev/stdout"))

    found = origins_by_name(declared.graph, declared.view(sidecar()), TypeUrl.LISTENER)

    by_name = {part.name: list(map(str, part.origins)) for part in found["virtualInbound"].parts}
    assert by_name["0.0.0.0_8002"] == ["Service/default/app.spec.ports[1]"]
    assert by_name["virtualInbound"] == ["BuiltIn.SIDECAR"]
    assert [str(each) for each in found["virtualInbound"].origins][-2:] == [
        "Service/default/app.spec.ports[3]",
        "MeshConfig//mesh.accessLogFile",
    ]
