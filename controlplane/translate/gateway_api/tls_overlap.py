"""Listeners of one port whose TLS overlaps: clients may reuse a connection to one for requests that
are the business of another.

Only HTTPS: of other connections nobody asks for a second host.
Source: https://gateway-api.sigs.k8s.io/reference/spec/ (``OverlappingTLSConfig``), GEP-3567
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from controlplane.model.gateway_api import Condition, ListenerId
from controlplane.translate.gateway_api.conditions import met

OVERLAPPING_TLS: Final = "OverlappingTLSConfig"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuredListener:
    """A listener that ends TLS for requests; ``names`` are those that its certificates are for."""

    id: ListenerId
    hostname: str
    names: tuple[str, ...] = ()


def tls_overlaps(listeners: Iterable[SecuredListener]) -> Mapping[ListenerId, Condition]:
    """The condition of each that overlaps with another, which its message names. ``listeners`` have
    a port in common.

    Where hostnames and certificates overlap, the certificates are the reason.
    """
    known = tuple(listeners)
    hostnames = _overlaps([(each.id, each.hostname) for each in known], _wider_hostnames)
    certificates = _overlaps(
        [(each.id, name) for each in known for name in dict.fromkeys(each.names)], _wider_names
    )
    return {
        each: met(
            OVERLAPPING_TLS,
            "OverlappingHostnames",
            f"the hostnames of this and of {other.display_name} are both for {host}",
        )
        for each, (other, host) in hostnames.items()
    } | {
        each: met(
            OVERLAPPING_TLS,
            "OverlappingCertificates",
            f"the certificates of this and of {other.display_name} are both for {name}",
        )
        for each, (other, name) in certificates.items()
    }


def _overlaps(
    names: Iterable[tuple[ListenerId, str]], wider: Callable[[str], Iterator[str]]
) -> Mapping[ListenerId, tuple[ListenerId, str]]:
    """For each listener whose names overlap with those of another: the first other that is found,
    and the narrower of the two names. ``wider`` yields the names that cover one, itself included.
    """
    by_name: dict[str, list[ListenerId]] = {}
    for listener, name in names:
        there = by_name.setdefault(name.lower(), [])
        if len(there) < 2 and listener not in there:
            there.append(listener)
    found: dict[ListenerId, tuple[ListenerId, str]] = {}
    for listener, name in names:
        for covering in wider(name.lower()):
            for other in by_name.get(covering, ()):
                if other != listener:
                    found.setdefault(listener, (other, name))
                    found.setdefault(other, (listener, name))
    return found


def _wider_hostnames(name: str) -> Iterator[str]:
    """A hostname's wildcard is for any number of labels."""
    yield name
    rest = name
    while rest != "*":
        _, dot, rest = rest.removeprefix("*.").partition(".")
        rest = rest if dot else "*"
        yield f"*.{rest}" if dot else "*"


def _wider_names(name: str) -> Iterator[str]:
    """The wildcard of a certificate is for one label."""
    yield name
    label, dot, rest = name.partition(".")
    if dot and label != "*":
        yield f"*.{rest}"
