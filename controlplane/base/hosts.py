"""Hosts and wildcards: what a pattern matches, which of two is narrower, how a short name is
completed.

Source: Istio ``pkg/config/host``; a name is a wildcard iff its first character is ``*``.
"""

import ipaddress
from collections.abc import Iterable
from collections.abc import Iterator

from controlplane.base.names import CLUSTER_DOMAIN
from controlplane.base.names import Host
from controlplane.base.names import Namespace


def is_wildcard(host: str) -> bool:
    return host.startswith("*")


def is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def fqdn(host: str, namespace: Namespace, domain: str = CLUSTER_DOMAIN) -> Host:
    """``reviews`` seen from ``default`` is ``reviews.default.svc.cluster.local``.

    Anything with a dot, the bare ``*``, an IP address or nothing at all is taken as it is.
    """
    if not host or host == "*" or "." in host or ":" in host:
        return Host(host)
    return Host(f"{host}.{namespace}.svc.{domain}")


def subset_of(narrow: str, wide: str) -> bool:
    """Whether every name that ``narrow`` stands for is one of ``wide``'s.

    ``*example.com`` holds ``example.com`` too; in ``*.example.com`` the dot sees to it.
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


def narrower(a: str, b: str) -> Host | None:
    """The narrower of two overlapping hosts; ``None`` when they share no name."""
    if subset_of(a, b):
        return Host(a)
    if subset_of(b, a):
        return Host(b)
    return None


def specificity(host: str) -> tuple[bool, int, str]:
    """Sort key, most specific first: exact before wildcard, longer first, then by text."""
    return (is_wildcard(host), -len(host), host)


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
