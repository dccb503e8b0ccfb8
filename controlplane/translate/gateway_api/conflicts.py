"""Which listeners of a Gateway want what another has: its own come first, then those of its
ListenerSets, the oldest first.

HTTP, HTTPS and TLS share a port while their hostnames differ: with Istio also plaintext and TLS,
though only one is served. TCP takes a port for itself, and UDP has ports of its own.
Sources: https://gateway-api.sigs.k8s.io/reference/spec/ (Listener, "distinct"); Istio
``pilot/pkg/config/kube/gatewaycommon/listener_conflict.go``.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from controlplane.base.names import PortNumber
from controlplane.model.gateway_api import Conformance, ListenerId
from controlplane.translate.gateway_api.entries import ListenerEntry

HOSTNAME_CONFLICT: Final = "HostnameConflict"
PROTOCOL_CONFLICT: Final = "ProtocolConflict"
_SHARES_BY_HOSTNAME: Final = frozenset({"HTTP", "HTTPS", "TLS"})


@dataclass(frozen=True, slots=True)
class ListenerConflict:
    """``reason`` is the API's word; ``other`` has what the listener wants."""

    reason: str
    other: ListenerEntry


def listener_conflicts(
    entries: Iterable[ListenerEntry], conformance: Conformance
) -> Mapping[ListenerId, ListenerConflict]:
    """The listeners that conflict, with what. ``entries`` are in the order of their precedence.

    Istio lets the first of a Gateway's own win; by the specification none of them may.
    """
    ports: dict[PortNumber, _Port] = {}
    found: dict[ListenerId, ListenerConflict] = {}
    for entry in entries:
        port = ports.setdefault(entry.port, _Port(conformance))
        other = port.holder(entry)
        if other is None:
            port.take(entry)
            continue
        reason = _reason(entry, other)
        found[entry.id] = ListenerConflict(reason, other)
        is_equal = entry.id.parent == other.id.parent
        if is_equal and conformance is Conformance.SPECIFICATION:
            found.setdefault(other.id, ListenerConflict(reason, entry))
    return found


def _reason(entry: ListenerEntry, other: ListenerEntry) -> str:
    if entry.protocol != other.protocol or entry.protocol in ("TCP", "UDP"):
        return PROTOCOL_CONFLICT
    return HOSTNAME_CONFLICT


@dataclass(slots=True)
class _Port:
    """Who has what of one port number, while listeners come to it."""

    conformance: Conformance
    _by_hostname: dict[str, ListenerEntry] = field(default_factory=dict)
    _alone: dict[str, ListenerEntry] = field(default_factory=dict)
    """By protocol: those that hostnames do not tell apart."""

    def take(self, entry: ListenerEntry) -> None:
        if entry.protocol in _SHARES_BY_HOSTNAME:
            self._by_hostname[entry.hostname] = entry
        else:
            self._alone[entry.protocol] = entry

    def holder(self, entry: ListenerEntry) -> ListenerEntry | None:
        return next(self._holders(entry), None)

    def _holders(self, entry: ListenerEntry) -> Iterator[ListenerEntry]:
        if entry.protocol in _SHARES_BY_HOSTNAME:
            names = ("TCP",)
            if entry.hostname in self._by_hostname:
                yield self._by_hostname[entry.hostname]
            if self.conformance is Conformance.SPECIFICATION and self._by_hostname:
                first = next(iter(self._by_hostname.values()))
                if (first.protocol == "HTTP") is not (entry.protocol == "HTTP"):
                    yield first
        else:
            names = (entry.protocol,)
            if entry.protocol == "TCP":
                yield from self._by_hostname.values()
        yield from (self._alone[name] for name in names if name in self._alone)
