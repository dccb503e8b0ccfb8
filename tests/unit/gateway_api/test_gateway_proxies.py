"""What runners are sent: the message is what its proto says."""

from importlib.resources import files
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

from controlplane.base.names import Namespace
from controlplane.envoy.gateway_proxies import (
    RunnableGateway,
    file_descriptor,
    gateway_proxy,
    runnable_gateway,
)
from controlplane.envoy.resource import packed

PROTOS = Path(__file__).parents[3] / "protos"
GATEWAY = RunnableGateway(
    name="front-istio",
    namespace=Namespace("shop"),
    service_account="front",
    labels=(("a", "b"), ("c", "d")),
    address="127.0.1.1",
    token="secret-token",
    root_certificate="-----BEGIN CERTIFICATE-----",
    server_name="xds.internal",
)


def test_the_message_is_the_one_of_the_proto(tmp_path: Path) -> None:
    compiled = tmp_path / "compiled"

    status = protoc.main(
        [
            "protoc",
            f"--proto_path={PROTOS}",
            f"--proto_path={files('grpc_tools') / '_proto'}",
            f"--descriptor_set_out={compiled}",
            "gateway_proxy.proto",
        ]
    )

    assert status == 0
    assert list(FileDescriptorSet.FromString(compiled.read_bytes()).file) == [file_descriptor()]


def test_a_gateway_arrives_as_it_was_sent() -> None:
    resource = gateway_proxy(GATEWAY)
    message = packed(resource)

    assert resource.name == "front-istio.shop"
    assert message.type_url == "type.googleapis.com/controlplane.v1.GatewayProxy"
    assert runnable_gateway(message.value) == GATEWAY


def test_its_token_is_not_shown() -> None:
    assert "secret-token" not in f"{GATEWAY!r} {gateway_proxy(GATEWAY)!r}"
