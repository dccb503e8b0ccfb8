"""Reads the secrets that a proxy gets of its own."""

from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse

from controlplane.envoy.resource import Resource


def secret_of(resource: Resource) -> Secret:
    """The message in ``resource``."""
    [wrapped] = DeltaDiscoveryResponse.FromString(resource.framed).resources
    message = Secret()
    assert wrapped.resource.Unpack(message)
    return message
