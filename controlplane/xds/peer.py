"""The address at the other end of a stream, as gRPC writes it."""

import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import unquote

Network = IPv4Network | IPv6Network


def peer_address(peer: str) -> IPv4Address | IPv6Address | None:
    """``ipv4:10.0.0.1:4711`` and ``ipv6:%5Bfd00::1%5D:4711`` as an address; ``None`` where the peer
    has none, as on a Unix socket. An IPv4 address that came over IPv6 is one of IPv4.
    Source: gRPC, "gRPC Name Resolution" (addresses as URIs).
    """
    family, _, rest = peer.partition(":")
    host = unquote(rest).rpartition(":")[0].strip("[]").partition("%")[0]
    if family not in ("ipv4", "ipv6"):
        return None
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
