"""What is spoken on a port."""

import pytest

from controlplane.model.cluster import HttpVersion
from controlplane.model.proxy import Role
from controlplane.model.service import Protocol
from controlplane.model.traffic_policy import HttpUpgrade
from controlplane.translate.cluster import http_version
from controlplane.translate.cluster_inputs import MeshDefaults
from controlplane.translate.protocol import protocol_of_port, protocol_of_word


@pytest.mark.parametrize(
    ("number", "name", "application", "protocol"),
    [
        (80, "http", None, Protocol.HTTP),
        (80, "http-web", None, Protocol.HTTP),
        (80, "HTTP2-api", None, Protocol.HTTP2),
        (80, "grpc-web-api", None, Protocol.GRPC_WEB),
        (80, "grpc-api", None, Protocol.GRPC),
        (80, "httpweb", None, Protocol.AUTO),
        (80, "", None, Protocol.AUTO),
        (3306, "db", None, Protocol.TCP),
        (3306, "http", None, Protocol.HTTP),
        (25, "mail", None, Protocol.TCP),
        (53, "", None, Protocol.TCP),
        (27017, "db", None, Protocol.TCP),
        (80, "mongo-db", None, Protocol.MONGO),
        (80, "redis", None, Protocol.REDIS),
        (80, "mysql", None, Protocol.MYSQL),
        (80, "tls-a", None, Protocol.TLS),
        (80, "tcp-a", None, Protocol.TCP),
        (80, "http_proxy", None, Protocol.HTTP_PROXY),
        (80, "GRPC-WEB", None, Protocol.GRPC_WEB),
        (443, "https", None, Protocol.HTTPS),
        (80, "tcp", "kubernetes.io/h2c", Protocol.HTTP2),
        (80, "tcp", "kubernetes.io/ws", Protocol.HTTP),
        (80, "tcp", "kubernetes.io/wss", Protocol.HTTPS),
        (80, "http", "mongo", Protocol.MONGO),
        (80, "http", "example.com/own", Protocol.AUTO),
    ],
)
def test_kubernetes_ports(
    number: int, name: str, application: str | None, protocol: Protocol
) -> None:
    assert protocol_of_port(number, name, application, "TCP") is protocol


def test_udp_is_udp_whatever_its_name() -> None:
    assert protocol_of_port(53, "http", None, "UDP") is Protocol.UDP


@pytest.mark.parametrize(
    ("word", "protocol"),
    [
        ("HTTP", Protocol.HTTP),
        ("http", Protocol.HTTP),
        ("GRPC-WEB", Protocol.GRPC_WEB),
        ("HTTP_PROXY", Protocol.HTTP_PROXY),
        ("", Protocol.AUTO),
        ("HTTP-web", Protocol.AUTO),
    ],
)
def test_protocols_of_istio_objects(word: str, protocol: Protocol) -> None:
    assert protocol_of_word(word) is protocol


UPGRADING = MeshDefaults(upgrades_http=True)


@pytest.mark.parametrize(
    ("protocol", "upgrade", "mesh", "role", "version"),
    [
        (Protocol.HTTP, None, MeshDefaults(), Role.GATEWAY, HttpVersion.HTTP1),
        (Protocol.GRPC, None, MeshDefaults(), Role.GATEWAY, HttpVersion.HTTP2),
        (Protocol.HTTP2, HttpUpgrade.NEVER, MeshDefaults(), Role.GATEWAY, HttpVersion.HTTP2),
        (Protocol.TCP, HttpUpgrade.ALWAYS, MeshDefaults(), Role.GATEWAY, HttpVersion.HTTP2),
        (Protocol.HTTP, None, UPGRADING, Role.GATEWAY, HttpVersion.HTTP2),
        (Protocol.HTTP, HttpUpgrade.NEVER, UPGRADING, Role.GATEWAY, HttpVersion.HTTP1),
        (Protocol.TCP, None, UPGRADING, Role.GATEWAY, HttpVersion.HTTP1),
        (Protocol.AUTO, None, UPGRADING, Role.GATEWAY, HttpVersion.HTTP1),
        (Protocol.AUTO, None, MeshDefaults(), Role.SIDECAR, HttpVersion.AS_CLIENT),
        (Protocol.HTTP, HttpUpgrade.AS_CLIENT, MeshDefaults(), Role.GATEWAY, HttpVersion.AS_CLIENT),
    ],
    ids=[
        "HTTP is HTTP/1.1",
        "gRPC is HTTP/2",
        "an HTTP/2 port stays one",
        "UPGRADE counts on every port",
        "the mesh upgrades HTTP ports",
        "DO_NOT_UPGRADE withstands the mesh",
        "the mesh leaves TCP ports alone",
        "the mesh leaves unnamed ports alone",
        "a sidecar follows its application where the port says nothing",
        "the client's own version",
    ],
)
def test_the_http_version_spoken_to_endpoints(
    protocol: Protocol,
    upgrade: HttpUpgrade | None,
    mesh: MeshDefaults,
    role: Role,
    version: HttpVersion,
) -> None:
    assert http_version(protocol, upgrade, mesh, role) is version
