"""Hosts and wildcards: what a pattern matches, which is more specific, how a short name is
completed.

Source: Istio ``pkg/config/host``; a name is a wildcard iff its first character is ``*``.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from functools import lru_cache

from controlplane.base.names import CLUSTER_DOMAIN, Host, Namespace


def is_wildcard(host: str) -> bool:
    return host.startswith("*")


@lru_cache(maxsize=16_384)
def is_ip(text: str) -> bool:
    """Whether ``text`` is an IPv4 or IPv6 address, a zone (``fe80::1%eth0``) allowed."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_unscoped_ip(text: str) -> bool:
    """Whether ``text`` is an IP address without a zone, which is all that Envoy accepts."""
    return "%" not in text and is_ip(text)


def is_loopback(address: str) -> bool:
    """Whether an IP address is the same for every host: its own."""
    return ipaddress.ip_address(address).is_loopback


def is_reachable(address: str) -> bool:
    """Whether other hosts can reach one host at an IP address."""
    ip = ipaddress.ip_address(address)
    return not (ip.is_loopback or ip.is_unspecified or ip.is_multicast or "%" in address)


def short_name(host: str) -> str:
    """``reviews.default`` for ``reviews.default.svc.cluster.local``: how messages name a host."""
    return host.removesuffix(f".svc.{CLUSTER_DOMAIN}")


def fqdn(host: str, namespace: Namespace, domain: str = CLUSTER_DOMAIN) -> Host:
    """``reviews`` seen from ``default`` is ``reviews.default.svc.cluster.local``.

    Anything with a dot, the bare ``*``, an IP address or nothing at all is used as it is.
    """
    if not host or host == "*" or "." in host or ":" in host:
        return Host(host)
    return Host(f"{host}.{namespace}.svc.{domain}")


def subset_of(narrow: str, wide: str) -> bool:
    """Whether every name that ``narrow`` stands for is one of ``wide``'s.

    ``*example.com`` holds ``example.com`` too; in ``*.example.com`` the dot rules that out.
    """
    if narrow == wide or wide == "*":
        return True
    if not is_wildcard(wide):
        return False
    suffix = wide[1:]
    if is_wildcard(narrow):
        return len(narrow) >= len(wide) and narrow[1:].endswith(suffix)
    return narrow.endswith(suffix)


def overlap(a: str, b: str) -> bool:
    """Whether some name is one of both."""
    return subset_of(a, b) or subset_of(b, a)


def specificity(host: str) -> tuple[bool, int, str]:
    """Sort key, most specific first: exact before wildcard, longer first, then by text."""
    return (is_wildcard(host), -len(host), host)


def is_odd(host: str) -> bool:
    """Whether ``host`` is a wildcard within a label, as ``*-shop.example.com``; ``wider`` names
    none.
    """
    return is_wildcard(host) and host != "*" and not host.startswith("*.")


def wider(host: str) -> Iterator[Host]:
    """``host`` itself, then every wildcard on a label boundary that covers it, narrowest first,
    ``*`` last.

    Wildcards off a label boundary (``*-x.example.com``) are not among them.
    """
    yield Host(host)
    rest = host[1:] if is_wildcard(host) else host
    at = rest.find(".", 1 if is_wildcard(host) else 0)
    while at >= 0:
        yield Host("*" + rest[at:])
        at = rest.find(".", at + 1)
    if host != "*":
        yield Host("*")


def most_specific(candidates: Iterable[str], host: str) -> Host | None:
    """The most specific of ``candidates`` that covers ``host``."""
    covering = [c for c in candidates if subset_of(host, c)]
    return Host(min(covering, key=specificity)) if covering else None
