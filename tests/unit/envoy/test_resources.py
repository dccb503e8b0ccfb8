"""Resources in pieces: what is sent of a message that is serialized in parts."""

from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse

from controlplane.envoy.resource import Resource, TypeUrl, large_resource, packed, part, resource

NAME = RouteConfiguration(name="http.80").SerializeToString()
DOMAINS = RouteConfiguration(internal_only_headers=["a", "b"]).SerializeToString()


def table(*parts: bytes) -> Resource:
    return large_resource(TypeUrl.ROUTE, "http.80", [part((each,)) for each in parts])


def test_a_message_in_parts_is_sent_as_if_it_was_whole() -> None:
    [sent] = DeltaDiscoveryResponse.FromString(table(NAME, DOMAINS).framed).resources
    whole = RouteConfiguration(name="http.80", internal_only_headers=["a", "b"])
    assert RouteConfiguration.FromString(sent.resource.value) == whole
    assert (sent.name, sent.version) == ("http.80", table(NAME, DOMAINS).version)
    assert packed(table(NAME, DOMAINS)) == packed(resource(TypeUrl.ROUTE, "http.80", whole))


def test_its_size_is_that_of_what_is_sent() -> None:
    found = table(NAME, DOMAINS)
    assert found.size == len(found.framed)


def test_its_version_is_that_of_equal_parts_and_no_others() -> None:
    assert table(NAME, DOMAINS).version == table(NAME, bytes(bytearray(DOMAINS))).version
    assert table(NAME, DOMAINS).version != table(DOMAINS, NAME).version
    assert table(NAME, DOMAINS).version != table(NAME).version
