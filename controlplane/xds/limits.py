"""How much one client of the xDS server may ask for, and what all streams of an identity use.

Each limit is far beyond what an Envoy does, and what a limit costs in memory is its product with
what one unit of it takes: a name about 150 bytes, a stream about 60 kB.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from controlplane.model.proxy import Proxy
from controlplane.xds.node import Identity
from controlplane.xds.response_cache import Names
from controlplane.xds.unread import Unread
from controlplane.xds.wire import LimitExceeded

RELATIVE: Final = 8  # times what the mesh has: how much else the streams of an identity may name
OF_REQUESTS: Final = "requests"
OF_NAMES: Final = "names_of_stream"
OF_NAMES_OF_IDENTITY: Final = "names_of_identity"
OF_STREAMS: Final = "streams_of_identity"
OF_STREAMS_OF_NODE: Final = "streams_of_node"

Account = tuple[str, str]
"""Namespace and service account, which tokens are for."""


def account_of(bearer: Identity | Proxy) -> Account:
    """Whose use counts together."""
    return bearer.namespace, bearer.service_account


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one server."""

    names: int = 20_000
    """Names that a stream subscribes to beyond as many as the mesh has for its proxy: Envoy names
    only what it was sent, and what was there a moment ago.
    """
    names_of_identity: int = 100_000
    """As ``names``, for all streams of an identity, which may have eight times what the mesh has.
    Streams that subscribe to the same names count once: replicas do, most of the time.
    """
    streams: int = 2_000
    """Streams of one identity, which all replicas of a workload share."""
    streams_of_node: int = 64
    """Streams that say the same node id: replicas may share a bootstrap, and the stream of a peer
    that is dead is noticed within 40 s.
    """
    requests_per_second: float = 200.0
    """Requests of one stream in the long run. Twenty edits a second of all five types make 100."""
    requests_at_once: int = 5_000
    """Requests of one stream in a burst: Envoy asks for each secret and route table by itself."""
    unread: int = 8 << 20
    """Bytes that are being written at once to streams of one identity that have answered nothing
    yet; see ``Unread``.
    """
    first_request: float = 10.0
    """Seconds in which a client says who it is."""


class RequestRate:
    """A token bucket for the requests of one stream. Times are seconds of a steady clock."""

    __slots__ = ("_at", "_left", "_limits")

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._left = float(limits.requests_at_once)
        self._at = now

    def take(self, now: float) -> None:
        """Note a request; ``LimitExceeded`` when they are too many."""
        most, rate = self._limits.requests_at_once, self._limits.requests_per_second
        self._left = min(self._left + (now - self._at) * rate, most) - 1
        self._at = now
        if self._left < 0:
            text = f"the stream sends more than {rate:g} requests a second"
            raise LimitExceeded(OF_REQUESTS, text)


@dataclass(slots=True)
class _Use:
    """What the streams of one identity use."""

    unread: Unread
    streams: int = 0
    nodes: Counter[str] = field(default_factory=Counter)
    subscriptions: Counter[Names] = field(default_factory=Counter)
    names: int = 0
    """The names of ``subscriptions``, each set of them once."""


class Usage:
    """What the streams of every identity use now."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._uses: dict[Account, _Use] = {}

    def __len__(self) -> int:
        """How many identities have streams."""
        return len(self._uses)

    def of(self, account: Account) -> "Use":
        """A new stream of ``account``; ``LimitExceeded`` when it has too many."""
        use = self._uses.setdefault(account, _Use(Unread(self._limits.unread)))
        if use.streams >= self._limits.streams:
            text = f"the identity has {use.streams} streams, which is the limit"
            raise LimitExceeded(OF_STREAMS, text)
        use.streams += 1
        return Use(self._limits, use, lambda: self._uses.pop(account, None))


class Use:
    """What one stream uses, until it is ``close``d."""

    __slots__ = ("_forget", "_held", "_limits", "_node", "_use")

    def __init__(self, limits: Limits, use: _Use, forget: Callable[[], object]) -> None:
        self._limits = limits
        self._use = use
        self._forget = forget
        self._node: str | None = None
        self._held: tuple[Names, ...] = ()

    def __enter__(self) -> "Use":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def say_node(self, node: str) -> None:
        """The stream is one of ``node``; ``LimitExceeded`` when it has too many."""
        if self._use.nodes[node] >= self._limits.streams_of_node:
            text = f"the node id has {self._use.nodes[node]} streams, which is the limit"
            raise LimitExceeded(OF_STREAMS_OF_NODE, text)
        self._use.nodes[node] += 1
        self._node = node

    def subscribe(self, subscriptions: tuple[Names, ...], *, in_mesh: Callable[[], int]) -> None:
        """The stream subscribes to these from now on; the mesh has ``in_mesh`` resources for its
        proxy. ``LimitExceeded`` when those of its identity are too many, and became more.
        """
        if subscriptions == self._held:
            return
        before, free = self._use.names, self._limits.names_of_identity
        self._hold(subscriptions)
        if self._use.names <= max(free, before):
            return
        most = free + RELATIVE * in_mesh()
        if self._use.names > most:
            text = f"the streams of the identity subscribe to more than {most:,} names"
            raise LimitExceeded(OF_NAMES_OF_IDENTITY, text)

    @property
    def unread(self) -> Unread:
        """What is being written to streams of the identity that have answered nothing."""
        return self._use.unread

    def close(self) -> None:
        self._hold(())
        if self._node is not None:
            self._use.nodes[self._node] -= 1
            if not self._use.nodes[self._node]:
                del self._use.nodes[self._node]
            self._node = None
        self._use.streams -= 1
        if not self._use.streams:
            self._forget()

    def _hold(self, held: tuple[Names, ...]) -> None:
        subscriptions = self._use.subscriptions
        for names in held:
            if not subscriptions[names]:
                self._use.names += len(names)
            subscriptions[names] += 1
        for names in self._held:
            subscriptions[names] -= 1
            if not subscriptions[names]:
                del subscriptions[names]
                self._use.names -= len(names)
        self._held = held
