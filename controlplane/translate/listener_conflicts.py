"""What several ports ask of one address becomes the chains of its listener.

The ports come in the order of their services: what an earlier one claims, a later one does not get.
Source: Istio ``pilot/pkg/networking/core/listener.go`` (``buildSidecarOutboundListener``,
``mergeTCPFilterChains``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from controlplane.base.codes import CONNECTIONS_TAKEN
from controlplane.base.diagnostics import Related, Report
from controlplane.base.hosts import short_name
from controlplane.model.captured_port import CapturedPort, CapturedRequests, CapturedStream
from controlplane.model.service import Protocol

_SERVER_FIRST: Final = frozenset({Protocol.MONGO, Protocol.MYSQL})
"""The server speaks first, so nothing may wait for the client's first bytes."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What a listener has chains for; of requests at most one chain."""

    requests: CapturedRequests | None = None
    streams: tuple[CapturedStream, ...] = ()


def merged(report: Report, ports: Iterable[CapturedPort]) -> Merged:
    """The chains of one address. What an earlier port has claimed is reported at the later one."""
    claims = _Claims()
    for port in sorted(ports, key=lambda port: port.order):
        claims.add(report, port)
    return Merged(claims.requests, tuple(claims.streams))


_Key = tuple[str, str]
"""A network and an SNI; ``""`` is any."""


@dataclass(slots=True)
class _Claims:
    """What has been claimed while the ports are added."""

    first: CapturedPort | None = None
    requests: CapturedRequests | None = None
    streams: list[CapturedStream] = field(default_factory=list)
    _holders: dict[_Key, CapturedPort] = field(default_factory=dict)

    def add(self, report: Report, port: CapturedPort) -> None:
        first = self.first
        if first is not None and _exclude_each_other(first.protocol, port.protocol):
            _report(report, port, first)
            return
        if port.protocol is Protocol.AUTO and self._has_requests_alone():
            # Whoever opens a port for HTTP alone leaves it to one that also takes other bytes.
            self.requests = port.requests
        for stream in port.streams:
            self._add_stream(report, port, stream)
        if port.requests is not None:
            self._add_requests(port.requests)
        self.first = first or port

    def _has_requests_alone(self) -> bool:
        return self.requests is not None and not self.requests.sniffs and not self.streams

    def _add_requests(self, requests: CapturedRequests) -> None:
        if self.requests is None:
            self.requests = replace(requests, sniffs=requests.sniffs or bool(self.streams))
            return
        caches = tuple(sorted({*self.requests.caches, *requests.caches}))
        self.requests = replace(self.requests, caches=caches)

    def _add_stream(self, report: Report, port: CapturedPort, stream: CapturedStream) -> None:
        if self.requests is not None and not self.requests.sniffs:
            if _keys(stream) == [("", "")]:
                assert self.first is not None, "who asked for the requests was first"
                _report(report, port, self.first)
                return
            self.requests = replace(self.requests, sniffs=True)
        kept = self._unclaimed(report, port, stream)
        if kept is not None:
            self._holders.update(dict.fromkeys(_keys(kept), port))
            self.streams.append(kept)

    def _unclaimed(
        self, report: Report, port: CapturedPort, stream: CapturedStream
    ) -> CapturedStream | None:
        """The stream without the names and networks of others: Envoy refuses a listener where two
        chains want the same.
        """
        taken = [key for key in _keys(stream) if key in self._holders]
        if not taken:
            return stream
        if self._holders[taken[0]] is not port:
            _report(report, port, self._holders[taken[0]])
        names = _without(stream.server_names, {name for _, name in taken})
        if names and len(names) < len(stream.server_names):
            return replace(stream, server_names=names)
        networks = _without(stream.networks, {network for network, _ in taken})
        if networks and len(networks) < len(stream.networks):
            return replace(stream, networks=networks)
        return None


def _keys(stream: CapturedStream) -> list[_Key]:
    """What Envoy compares chains by."""
    return [
        (network, name)
        for network in stream.networks or ("",)
        for name in stream.server_names or ("",)
    ]


def _without(texts: Sequence[str], taken: set[str]) -> tuple[str, ...]:
    return tuple(text for text in texts if text not in taken)


def _exclude_each_other(first: Protocol, later: Protocol) -> bool:
    return first is not later and not _SERVER_FIRST.isdisjoint((first, later))


def _report(report: Report, port: CapturedPort, holder: CapturedPort) -> None:
    if not port.origins:
        return
    report.add(
        CONNECTIONS_TAKEN,
        port.origins[0],
        f"connections to {port.address.host}:{port.address.port} never reach "
        f"{short_name(port.host)}: {short_name(holder.host)} takes them already",
        related=tuple(
            Related(place=origin, message="comes first") for origin in holder.origins[:1]
        ),
    )
