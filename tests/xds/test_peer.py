"""Which address gRPC's name of a peer means."""

import pytest

from controlplane.xds.peer import peer_address


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:10.0.0.1:4711", "10.0.0.1"),
        ("ipv6:%5Bfd00::1%5D:4711", "fd00::1"),
        ("ipv6:[::1]:4711", "::1"),
        ("ipv6:%5B::ffff:10.0.0.1%5D:4711", "10.0.0.1"),
        ("ipv6:%5Bfe80::1%25eth0%5D:4711", "fe80::1"),
        ("unix:/run/xds.sock", "None"),
        ("unix:", "None"),
        ("ipv4:here:4711", "None"),
        ("", "None"),
    ],
)
def test_a_peer_has_an_address(peer: str, address: str) -> None:
    assert str(peer_address(peer)) == address
