"""What a sidecar imports of the mesh, where it listens for its workload, and what becomes of the
rest.

Source: https://istio.io/latest/docs/reference/config/networking/sidecar/, Istio
``pilot/pkg/model/sidecar.go``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from controlplane.base.hashing import hashed_once
from controlplane.base.hosts import is_wildcard, overlap, subset_of
from controlplane.base.names import Host, Namespace, PortNumber
from controlplane.model.service import Protocol

EVERY_NAMESPACE: Final = Namespace("*")


@dataclass(frozen=True, slots=True, order=True)
class ImportedHosts:
    """Hosts that are imported of a namespace, or of every one (``*``); ``is_excluded`` takes them
    out again.
    """

    namespace: Namespace
    host: Host
    is_excluded: bool = False

    def concerns(self, namespace: Namespace) -> bool:
        return self.namespace in (namespace, EVERY_NAMESPACE)


@hashed_once
@dataclass(frozen=True, slots=True)
class Imports:
    """What a listener imports, in the user's order; an exclusion wins wherever it is."""

    entries: tuple[ImportedHosts, ...]
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    def admits(self, namespace: Namespace, host: str) -> bool:
        """Whether the service of ``host`` that ``namespace`` declares is imported. A wildcard is
        where what is written covers it.
        """
        concerning = [entry for entry in self.entries if entry.concerns(namespace)]
        return not _excludes(concerning, host) and any(
            subset_of(host, entry.host) for entry in concerning if not entry.is_excluded
        )

    @property
    def namespaces(self) -> frozenset[Namespace] | None:
        """The namespaces of which anything may be imported; ``None`` for every one."""
        found = frozenset(entry.namespace for entry in self.entries if not entry.is_excluded)
        return None if EVERY_NAMESPACE in found else found

    def admits_rules(self, namespace: Namespace, hosts: Iterable[str]) -> bool:
        """Whether a VirtualService of ``namespace`` for ``hosts`` is imported, and then whole: one
        of its hosts overlaps what is written and is not excluded.
        """
        concerning = [entry for entry in self.entries if entry.concerns(namespace)]
        return any(
            _overlaps(host, entry.host) and not _excludes(concerning, host)
            for host in hosts
            for entry in concerning
            if not entry.is_excluded
        )


def _excludes(entries: Iterable[ImportedHosts], host: str) -> bool:
    return any(entry.is_excluded and subset_of(host, entry.host) for entry in entries)


def _overlaps(host: str, written: str) -> bool:
    if is_wildcard(host) or is_wildcard(written):
        return overlap(host, written)
    return host == written


EVERYTHING: Final = Imports((ImportedHosts(EVERY_NAMESPACE, Host("*")),))


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class EgressListener:
    """Where a sidecar listens for calls of its workload to what it imports.

    Without ``port`` it is the one for every port that no other listener has; 0 is for a Unix
    socket. ``bind`` is an IP address or ``unix://…``; empty is where the service is. ``binds``: it
    has a socket of its own, and nothing needs to be intercepted for it.
    """

    imports: Imports = EVERYTHING
    port: PortNumber | None = None
    protocol: Protocol = Protocol.AUTO
    bind: str = ""
    binds: bool = False
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    @property
    def is_proxy(self) -> bool:
        """Whether it is an HTTP proxy for every port of what is imported."""
        return self.port is not None and self.protocol is Protocol.HTTP_PROXY

    @property
    def only_port(self) -> PortNumber | None:
        """The one port of services that is imported; ``None`` where all are."""
        return None if not self.port or self.is_proxy else self.port

    @property
    def pipe(self) -> str | None:
        """The Unix socket, as it is written, which is also the name of its route table."""
        return self.bind if self.bind.startswith("unix://") else None


EVERY_PORT: Final = EgressListener()


@dataclass(frozen=True, slots=True)
class PassOn:
    """What nothing is known of goes where it was going, or through the cluster ``proxy``."""

    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """What nothing is known of is refused."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """Requests that nothing is known of go to the address of their host; the rest is passed on."""


UnknownTraffic = PassOn | Refuse | LookUp
