"""What a node and a token make of a proxy, and which nodes are refused."""

from contextlib import nullcontext
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct

from controlplane.base.names import Namespace
from controlplane.identity.identity import Identity
from controlplane.model.proxy import Locality, Proxy, Role
from controlplane.xds.node import Bearer, check_peer, proxy_of
from controlplane.xds.wire import StreamFault
from controlplane.xds.wire_pb2 import Locality as NodeLocality, Node

ID = "sidecar~10.0.0.7~cart-1.shop~shop.svc.cluster.local"
CART = Identity(
    trust_domain="cluster.local",
    namespace=Namespace("shop"),
    service_account="cart",
    role=Role.SIDECAR,
)


def node(node_id: str = ID, **metadata: Any) -> Node:
    struct = Struct()
    struct.update(metadata)
    return Node(id=node_id, metadata=struct.SerializeToString())


@pytest.mark.parametrize(
    ("network", "peer", "fits"),
    [
        (None, "ipv4:192.0.2.1:4711", True),
        (None, "unix:", True),
        ("10.0.0.0/8", "ipv4:10.1.2.3:4711", True),
        ("10.0.0.0/8", "ipv6:%5B::ffff:10.1.2.3%5D:4711", True),
        ("10.0.0.0/8", "ipv4:192.0.2.1:4711", False),
        ("10.0.0.0/8", "ipv6:%5Bfd00::1%5D:4711", False),
        ("10.0.0.0/8", "unix:", False),
        ("fd00::/64", "ipv6:%5Bfd00::1%5D:4711", True),
    ],
)
def test_a_token_of_a_network_is_good_from_there_only(
    network: str | None, peer: str, fits: bool
) -> None:
    within = ip_network(network) if network else None
    bearer = Bearer(identity=CART, expires=datetime(2126, 1, 1, tzinfo=UTC), network=within)

    with nullcontext() if fits else pytest.raises(StreamFault) as refused:
        check_peer(bearer, peer)

    if not fits:
        assert refused.value.code is grpc.StatusCode.PERMISSION_DENIED
        assert refused.value.text == (
            f"the token is for connections from {network}, this one is from {peer}"
        )


def test_a_node_with_everything_said_is_a_proxy() -> None:
    said = node(
        NAMESPACE="shop",
        SERVICE_ACCOUNT="cart",
        LABELS={"app": "cart", "version": "v1"},
        STATIC_LABELS={"version": "v0", "static": "yes"},
        INSTANCE_IPS="10.0.0.8, fd00::8",
        IDLE_TIMEOUT="30s",
        HTTP10="1",
        NODE_NAME="machine-7",
    )

    assert proxy_of(said, CART) == Proxy(
        name="cart-1",
        role=Role.SIDECAR,
        namespace=Namespace("shop"),
        service_account="cart",
        labels=(("app", "cart"), ("static", "yes"), ("version", "v1")),
        addresses=("10.0.0.8", "fd00::8"),
        metadata=(("HTTP10", "1"), ("IDLE_TIMEOUT", "30s")),
        node_metadata=(
            ("HTTP10", "1"),
            ("IDLE_TIMEOUT", "30s"),
            ("INSTANCE_IPS", "10.0.0.8, fd00::8"),
            ("NAMESPACE", "shop"),
            ("NODE_NAME", "machine-7"),
            ("SERVICE_ACCOUNT", "cart"),
        ),
    )


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ({"tracing": {"sampling": 5.5}, "sds": 2}, '{"sds": 2, "tracing": {"sampling": 5.5}}'),
        ('{"concurrency": 2}', '{"concurrency": 2}'),
        ("[" * 1_000, "{}"),
        ("no JSON\n", "{}"),
        (7, "{}"),
    ],
    ids=["structure", "text", "too deep", "no JSON", "number"],
)  # fmt: skip
def test_the_proxy_config_of_a_node_is_read_in_one_form(said: object, read: str) -> None:
    assert proxy_of(node(PROXY_CONFIG=said), None).metadata == (("PROXY_CONFIG", read),)


def test_namespace_and_address_are_read_from_the_id_when_nothing_else_says_them() -> None:
    proxy = proxy_of(node(), None)

    assert (proxy.namespace, proxy.addresses, proxy.service_account) == (
        "shop",
        ("10.0.0.7",),
        "default",
    )


def test_the_token_says_the_service_account_when_the_node_does_not() -> None:
    assert proxy_of(node(), CART).service_account == "cart"


@pytest.mark.parametrize(
    ("where", "labels", "locality"),
    [
        (NodeLocality(region="r", zone="z"), {}, Locality("r", "z")),
        (None, {"topology.istio.io/locality": "r/z/s"}, Locality("r", "z", "s")),
        (None, {"istio-locality": "r.z"}, Locality("r", "z")),
        (NodeLocality(region="r"), {"istio-locality": "other"}, Locality("r")),
        (None, {}, Locality()),
    ],
    ids=["node", "label", "legacy label", "node before label", "none"],
)
def test_locality(where: NodeLocality | None, labels: dict[str, str], locality: Locality) -> None:
    said = node(LABELS=labels)
    said.locality.CopyFrom(where or NodeLocality())

    assert proxy_of(said, None).locality == locality


@pytest.mark.parametrize(
    ("said", "code", "text"),
    [
        (
            node("gateway"),
            grpc.StatusCode.INVALID_ARGUMENT,
            'node id "gateway" is not TYPE~IP~NAME.NAMESPACE~DOMAIN',
        ),
        (
            node("waypoint~10.0.0.1~a.b~b.svc"),
            grpc.StatusCode.INVALID_ARGUMENT,
            'node id "waypoint~10.0.0.1~a.b~b.svc" has the type "waypoint", '
            "router and sidecar are served",
        ),
        (
            node("sidecar~nowhere~a.shop~shop.svc", SERVICE_ACCOUNT="cart"),
            grpc.StatusCode.INVALID_ARGUMENT,
            'node "sidecar~nowhere~a.shop~shop.svc" has no IP address, '
            "neither in INSTANCE_IPS nor in its id",
        ),
        (
            node("sidecar~10.0.0.1~a~local"),
            grpc.StatusCode.INVALID_ARGUMENT,
            'node "sidecar~10.0.0.1~a~local" has no namespace, neither in NAMESPACE nor in its id',
        ),
        (
            node(SERVICE_ACCOUNT="root"),
            grpc.StatusCode.PERMISSION_DENIED,
            'the node says service account "root", its token is for service account "cart"',
        ),
        (
            node(NAMESPACE="bank"),
            grpc.StatusCode.PERMISSION_DENIED,
            'the node says namespace "bank", its token is for namespace "shop"',
        ),
        (
            node(ID.replace("sidecar", "router")),
            grpc.StatusCode.PERMISSION_DENIED,
            'the node says role "gateway", its token is for role "sidecar"',
        ),
        (
            node(SERVICE_ACCOUNT="cart", BIND_ADDRESS="localhost"),
            grpc.StatusCode.INVALID_ARGUMENT,
            'the node says BIND_ADDRESS "localhost", which is no IP address',
        ),
        (
            Node(id=ID, metadata=b"\xff"),
            grpc.StatusCode.INVALID_ARGUMENT,
            "the node's metadata is not a google.protobuf.Struct",
        ),
        (
            Node(id=ID, metadata=b"\x0a" * 70_000),
            grpc.StatusCode.INVALID_ARGUMENT,
            "the node's metadata has 70000 bytes, at most 65536 are accepted",
        ),
    ],
    ids=[
        "form",
        "type",
        "address",
        "namespace",
        "account",
        "other",
        "role",
        "bind",
        "garbage",
        "size",
    ],
)
def test_a_node_that_cannot_be_believed_ends_the_stream(
    said: Node, code: grpc.StatusCode, text: str
) -> None:
    with pytest.raises(StreamFault) as fault:
        proxy_of(said, CART)

    assert (fault.value.code, fault.value.text) == (code, text)


def test_metadata_that_nests_too_deep_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(60):
        deep = {"a": deep}

    with pytest.raises(StreamFault, match=r"is not a google\.protobuf\.Struct"):
        proxy_of(node(DEEP=deep), None)
