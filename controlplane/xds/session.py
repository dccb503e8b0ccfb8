"""One stream as a state machine without I/O: requests and snapshots in, responses out.

What both variants of the protocol have in common is here: what is sent in which order, what waits
for which answer, and how the culprit of a refused response is found. ``delta`` and ``sotw`` say how
things are asked for and how they are said.
Source: Envoy, "xDS REST and gRPC protocol".
"""

from abc import ABC
from abc import abstractmethod
from collections.abc import Iterator
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from controlplane.base.shelf import Shelf
from controlplane.envoy.resource import Resource
from controlplane.envoy.resource import TypeUrl
from controlplane.xds.events import Acked
from controlplane.xds.events import Nonce
from controlplane.xds.events import Output
from controlplane.xds.events import Refused
from controlplane.xds.events import Rejected
from controlplane.xds.events import Send
from controlplane.xds.ledger import NO_NAMES
from controlplane.xds.ledger import TRIAL_WIDTH
from controlplane.xds.ledger import Flight
from controlplane.xds.ledger import Ledger
from controlplane.xds.response import Response
from controlplane.xds.response_cache import Names
from controlplane.xds.response_cache import ResponseCache
from controlplane.xds.snapshot import Snapshot

PUSH_ORDER: Final = (
    TypeUrl.CLUSTER,
    TypeUrl.ENDPOINT,  # a changed cluster warms until its endpoints come again
    TypeUrl.LISTENER,
    TypeUrl.ROUTE,
    TypeUrl.SECRET,
)
"""Make before break: what is referred to before what refers to it (xDS, "Eventual consistency")."""

REMOVAL_ORDER: Final = (
    TypeUrl.LISTENER,
    TypeUrl.ROUTE,
    TypeUrl.ENDPOINT,
    TypeUrl.CLUSTER,
    TypeUrl.SECRET,  # clusters and listeners refer to secrets
)
"""What refers goes before what it refers to."""

REFERRING: Final = frozenset({TypeUrl.LISTENER, TypeUrl.ROUTE})
REFERRED_TO: Final = frozenset({TypeUrl.CLUSTER, TypeUrl.ENDPOINT, TypeUrl.SECRET})
_CAN_PASS: Final = "cannot bind"  # Envoy's words where another process has a listener's port
NO_SECRETS: Final[Mapping[str, Resource]] = MappingProxyType({})


class Session(ABC):
    """The state of one stream. Every event returns what to write and what was learnt, in order.

    A type waits for the answer to its last generation before the next one is sent. A client may
    withhold the answer to clusters while one of them warms: after ``tire`` they wait no more.
    """

    trial_width: int = TRIAL_WIDTH

    def __init__(
        self, cache: ResponseCache, snapshot: Snapshot, own: Mapping[str, Resource] = NO_SECRETS
    ) -> None:
        self._cache = cache
        self._snapshot = snapshot
        self._own = own
        self._opening = True
        self._nonces = 0
        self._ledgers = {t: Ledger(t, snapshot.shelf(t)) for t in PUSH_ORDER}
        self._push_order = tuple(self._ledgers.values())

    # Events

    def update(self, snapshot: Snapshot) -> tuple[Output, ...]:
        """The proxy is to have ``snapshot`` from now on."""
        if snapshot is self._snapshot:
            return ()
        self._snapshot = snapshot
        for ledger in self._push_order:
            ledger.target = snapshot.shelf(ledger.type_url)
        return tuple(self._flush())

    def replace_own(self, own: Mapping[str, Resource]) -> tuple[Output, ...]:
        """The proxy's own secrets, which no snapshot holds, are ``own`` from now on."""
        ledger, older = self._ledgers[TypeUrl.SECRET], self._own
        changed = {name for name in {*older, *own} if older.get(name) != own.get(name)}
        ledger.due |= changed & ledger.names
        self._own = own
        return tuple(self._flush())

    def tire(self, type_url: TypeUrl) -> tuple[Output, ...]:
        """The answer for ``type_url`` is overdue: go on without it."""
        ledger = self._ledgers[type_url]
        if self.trial_width > 1 or not ledger.is_on_trial:
            ledger.tire()
        return tuple(self._flush())

    def retry(self) -> tuple[Output, ...]:
        """Offer again what was refused for a reason that can pass without an edit of it."""
        ledger = self._ledgers[TypeUrl.LISTENER]
        if ledger.busy or not ledger.held:
            return ()
        for rejected in ledger.rejections:
            if _CAN_PASS in rejected.error:
                ledger.held[rejected.name].versions.pop(rejected.version, None)
                ledger.due |= {rejected.name}
        return tuple(self._flush())

    def arrived(self) -> tuple[Output, ...]:
        """The client has had the time to ask for all its types.

        Until then nothing is removed that the types it has not asked for yet may refer to.
        """
        self._opening = False
        return tuple(self._flush())

    # Facts

    def awaits(self, type_url: TypeUrl) -> bool:
        """Whether an answer of the client is outstanding for ``type_url``, in time or overdue."""
        ledger = self._ledgers[type_url]
        return bool(ledger.trials) or ledger.last in ledger.flights

    def holds_back(self, type_url: TypeUrl) -> bool:
        """Whether the next generation of ``type_url`` waits for an answer: see ``tire``."""
        return self._ledgers[type_url].awaiting > 0

    def subscribed(self, type_url: TypeUrl) -> bool:
        return self._ledgers[type_url].asked

    def rejections(self, type_url: TypeUrl) -> tuple[Rejected, ...]:
        return self._ledgers[type_url].rejections

    @property
    def settled(self) -> bool:
        """Whether the client has answered everything that the newest snapshot means for it."""
        for ledger in self._push_order:
            if ledger.is_stirred or ledger.trials or ledger.last in ledger.flights:
                return False
        return True

    # What the variants say

    @abstractmethod
    def _answer(self, ledger: Ledger) -> tuple[Response, ...]:
        """The responses that bring ``ledger`` to its target and answer what is due."""

    @abstractmethod
    def _removal(self, ledger: Ledger) -> Response | None:
        """The response that removes what is ``gone``, if there is a way to say so."""

    @abstractmethod
    def _trial(self, ledger: Ledger, names: Names) -> Response | None:
        """The response that offers ``names`` again after a refusal; none if they are gone."""

    @abstractmethod
    def _suspend(self, ledger: Ledger, flight: Flight, error: str) -> None:
        """Prepare the trials that find the culprit of a refused response."""

    # The way of one flush

    def _flush(self) -> Iterator[Output]:
        clusters_wait = others_wait = leaving = False
        for ledger in self._push_order:
            if ledger.trials:
                yield from self._send_trials(ledger)
            if not ledger.is_stirred:
                leaving |= bool(ledger.gone)
                continue
            # A new route may name a cluster that still waits its turn; endpoints refer to nothing.
            if ledger.busy or (clusters_wait and ledger.type_url in REFERRING):
                waits = self._has_news(ledger)
                clusters_wait |= waits and ledger.type_url is TypeUrl.CLUSTER
                others_wait |= waits
            else:
                yield from self._put(ledger)
            leaving |= bool(ledger.gone)
        if leaving and not others_wait:
            yield from self._remove()

    def _has_news(self, ledger: Ledger) -> bool:
        """Whether ``ledger`` has more to send than removals."""
        if ledger.due:
            return True
        put = self._cache.change(ledger.given, ledger.target).put
        return any(ledger.covers(name) for name, _ in put)

    def _put(self, ledger: Ledger) -> Iterator[Output]:
        self._bid_farewell(ledger)
        responses = self._answer(ledger)
        ledger.given, ledger.due, ledger.greeting = ledger.target, NO_NAMES, False
        for response in responses:
            yield self._send(ledger, response)

    def _bid_farewell(self, ledger: Ledger) -> None:
        """Note what the client has in scope and the target has not; forget what came back."""
        for name in self._cache.change(ledger.given, ledger.target).removed:
            if ledger.covers(name):
                ledger.leave(name, self._form(ledger, name, ledger.given))
        for name in [name for name in ledger.gone if name in ledger.target]:
            del ledger.gone[name]

    def _send(self, ledger: Ledger, response: Response, *, is_trial: bool = False) -> Send:
        self._nonces += 1
        nonce = Nonce(str(self._nonces))
        if ledger.type_url is TypeUrl.CLUSTER:
            self._owe_endpoints(response.fresh)
        awaited = ledger.patient or is_trial
        ledger.depart(nonce, Flight(response, awaited, is_trial))
        return Send(ledger.type_url, nonce, response)

    def _owe_endpoints(self, clusters: Names) -> None:
        """A cluster that was sent warms until it gets endpoints; Envoy asks only for new ones."""
        ledger = self._ledgers[TypeUrl.ENDPOINT]
        names = self._cache.endpoints(clusters, ledger.target)
        if ledger.asked:
            ledger.due = names if not ledger.due else ledger.due | names
        else:
            ledger.owed = names if not ledger.owed else ledger.owed | names

    def _remove(self) -> Iterator[Output]:
        """Remove what is gone, once nothing that the client holds or asks for may refer to it."""
        for type_url in REMOVAL_ORDER:
            ledger = self._ledgers[type_url]
            if not ledger.gone or ledger.busy:
                continue
            if type_url in REFERRED_TO and (self._opening or not self._referrers_are_new()):
                continue
            response = self._removal(ledger)
            ledger.gone.clear()
            if response is not None:
                yield self._send(ledger, response)

    def _referrers_are_new(self) -> bool:
        """Whether listeners and routes are all in their newest form with the client."""
        referrers = (self._ledgers[TypeUrl.LISTENER], self._ledgers[TypeUrl.ROUTE])
        return all(
            not ledger.trials and ledger.last not in ledger.flights and not ledger.rejections
            for ledger in referrers
        )

    # Answers of the client

    def _answered(self, ledger: Ledger, nonce: Nonce, error: str | None) -> Iterator[Output]:
        """The client took (no ``error``) or refused a response; an unknown nonce says nothing."""
        flight = ledger.flights.pop(nonce, None)
        if flight is None:
            return
        if nonce == ledger.last:
            ledger.patient = True
            for older in [n for n, f in ledger.flights.items() if not f.awaited]:
                del ledger.flights[older]
        if error is None:
            ledger.accept(flight.response)
            yield Acked(ledger.type_url, nonce)
        else:
            yield from self._refused(ledger, nonce, flight, error)
        if not ledger.flights and not ledger.trials:
            ledger.acked = ledger.given

    def _refused(
        self, ledger: Ledger, nonce: Nonce, flight: Flight, error: str
    ) -> Iterator[Output]:
        suspects = [r for r in flight.response.resources if r.name in flight.response.fresh]
        for name in flight.response.removed:
            if name not in ledger.given and suspects:
                ledger.gone[name] = None
        if len(suspects) == 1:
            self._cache.reject(ledger.type_url, suspects[0].name, suspects[0].version)
            yield ledger.refuse(suspects[0], error)
        else:
            yield Refused(ledger.type_url, nonce, error)
        self._suspend(ledger, flight, error)

    def _send_trials(self, ledger: Ledger) -> Iterator[Output]:
        while ledger.trials and ledger.awaiting < self.trial_width:
            response = self._trial(ledger, ledger.trials.popleft())
            if response is not None:
                yield self._send(ledger, response, is_trial=True)

    def _form(self, ledger: Ledger, name: str, base: Shelf[Resource]) -> Resource | None:
        """The form of ``name`` for this proxy: its own secrets come before those of the mesh."""
        if ledger.type_url is TypeUrl.SECRET and (own := self._own.get(name)) is not None:
            held = ledger.held.get(name)
            return held.good if held is not None and own.version in held.versions else own
        return ledger.form(name, base.get(name))

    def _is_plain(self, ledger: Ledger) -> bool:
        """Whether this proxy's answer is the one that every proxy with the same question gets."""
        own = ledger.type_url is TypeUrl.SECRET and bool(self._own)
        return not (ledger.held or ledger.suspended or own)
