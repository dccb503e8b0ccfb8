"""The connected proxies, and what each answered to what it was sent.

Plain values for ``status``, made for JSON. Nothing here changes what is computed or sent.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from controlplane.admin.view import ProxyStatus, Rejection, SyncState, TypeStatus
from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.model.proxy import Proxy
from controlplane.xds.deadlines import Deadlines
from controlplane.xds.events import Output, Send
from controlplane.xds.order import PROXY_TYPES, PUSH_ORDER
from controlplane.xds.response import Variant
from controlplane.xds.session import Session


@dataclass(slots=True, eq=False, kw_only=True)
class Connection:
    """The record of one stream, kept by its server."""

    proxy: Proxy
    node: str
    peer: str
    variant: Variant
    connected: datetime
    session: Session
    deadlines: Deadlines = field(default_factory=Deadlines)
    version: str = ""
    """Of the Envoy, ``1.40.0``; empty where it does not say."""
    revision: int | None = None
    acked: dict[TypeUrl, int] = field(default_factory=dict)

    def status(self, now: datetime, clock: float, published: int | None) -> ProxyStatus:
        """What is known of the proxy at ``now``, when the monotonic clock is at ``clock``.

        ``published`` is the newest revision, where the proxy has answered all that concerns it.
        """
        if published is not None:
            self.revision = published
        started = now - timedelta(seconds=clock)
        return ProxyStatus(
            name=self.proxy.name,
            namespace=self.proxy.namespace,
            role=self.proxy.role.value,
            service_account=self.proxy.service_account,
            node=self.node,
            version=self.version,
            peer=self.peer,
            variant=self.variant.name.lower(),
            connected=self.connected,
            revision=self.revision,
            types=tuple(self._type_status(type_url, started) for type_url in PROXY_TYPES),
        )

    def _type_status(self, type_url: TypeUrl, started: datetime) -> TypeStatus:
        rejected = self.session.rejections(type_url)
        since = self.deadlines.unanswered_since(type_url)
        return TypeStatus(
            type=type_url.name.lower(),
            state=self._state(type_url, refuses=bool(rejected)),
            since=started + timedelta(seconds=since) if since is not None else None,
            revision=self._revision(type_url),
            rejections=tuple(
                Rejection(name=r.name, version=r.version, error=r.error) for r in rejected
            ),
        )

    def _state(self, type_url: TypeUrl, *, refuses: bool) -> SyncState:
        if refuses:
            return SyncState.REJECTED
        if self.session.awaits(type_url):
            late = self.session.is_overdue(type_url)
            return SyncState.OVERDUE if late else SyncState.WAITING
        return SyncState.SYNCED if self.session.subscribed(type_url) else SyncState.UNASKED

    def _revision(self, type_url: TypeUrl) -> int | None:
        if not self.session.subscribed(type_url):
            return None
        return self.acked.get(type_url) if self.session.awaits(type_url) else self.revision


class Connections:
    """The connected proxies. ``clock`` gives the time in UTC, ``monotonic`` one that never jumps,
    in seconds.
    """

    def __init__(
        self, clock: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._connections: set[Connection] = set()
        self._behind: set[Connection] = set()
        self._published = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def proxies(self) -> tuple[Proxy, ...]:
        """The proxies that are connected now, each once."""
        return tuple(dict.fromkeys(c.proxy for c in self._in_order()))

    def lacking(self, own: Callable[[Proxy], Mapping[str, Resource]]) -> tuple[Proxy, ...]:
        """The proxies that have not acknowledged their own secrets as ``own`` gives them."""
        return tuple(c.proxy for c in self._in_order() if not c.session.has_own(own(c.proxy)))

    @property
    def refusing(self) -> bool:
        """Whether a connected proxy rejects anything."""
        return any(c.session.rejections(t) for c in self._connections for t in PUSH_ORDER)

    def acknowledgements(self, type_url: TypeUrl) -> Iterator[tuple[Proxy, frozenset[str]]]:
        """The names of the resources that each proxy acknowledged and does not reject."""
        for connection in self._in_order():
            yield connection.proxy, connection.session.acknowledged(type_url)

    def rejections(self, type_url: TypeUrl) -> Iterator[tuple[Proxy, str]]:
        """Each rejection in force of a resource, in the words of the proxy."""
        for connection in self._in_order():
            for rejected in connection.session.rejections(type_url):
                yield connection.proxy, rejected.error

    def states(self) -> tuple[ProxyStatus, ...]:
        """What is known of every connected proxy, by namespace and name."""
        now, clock = self._clock(), self._monotonic()
        return tuple(c.status(now, clock, self._answered(c)) for c in self._in_order())

    async def acknowledged(self, revision: int) -> None:
        """Return once every connected proxy has answered everything up to ``revision``.

        A proxy that refused a part of it has answered; one that disconnects is not waited for.
        """
        if revision > self._published or self._behind:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((revision, future))
            await future

    # For the server

    def joined(self, connection: Connection) -> None:
        self._connections.add(connection)
        self._behind.add(connection)

    def left(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._behind.discard(connection)
        self._wake()

    def published(self, revision: int, concerned: Iterable[Connection]) -> None:
        """``revision`` is what every session has been given from now on; it concerns only the
        proxies in ``concerned``.
        """
        self._published = revision
        self._behind |= self._connections.intersection(concerned)
        self._wake()

    def _answered(self, connection: Connection) -> int | None:
        return None if connection in self._behind else self._published

    def noted(self, connection: Connection, outputs: tuple[Output, ...]) -> None:
        """An event of ``connection`` had these outputs."""
        session = connection.session
        connection.deadlines.note(session, outputs, self._monotonic())
        has_sent = False
        for output in outputs:
            if isinstance(output, Send):
                has_sent = True
            elif not session.awaits(output.type_url):
                connection.acked[output.type_url] = self._published
        # What was sent has no answer yet; to ask for the rest is not free for a thousand proxies.
        if not has_sent and session.settled and connection in self._connections:
            connection.revision = self._published
            self._behind.discard(connection)
            self._wake()

    def _wake(self) -> None:
        if not self._waiting or self._behind:
            return
        due = [future for revision, future in self._waiting if revision <= self._published]
        self._waiting = [w for w in self._waiting if w[0] > self._published]
        for future in due:
            if not future.done():
                future.set_result(None)

    def _in_order(self) -> list[Connection]:
        return sorted(
            self._connections, key=lambda c: (c.proxy.namespace, c.proxy.name, c.connected)
        )
