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
from controlplane.xds.conversation import Acked
from controlplane.xds.conversation import Nonce
from controlplane.xds.conversation import Output
from controlplane.xds.conversation import Refused
from controlplane.xds.conversation import Rejected
from controlplane.xds.conversation import Send
from controlplane.xds.ledger import NO_NAMES
from controlplane.xds.ledger import TRIAL_WIDTH
from controlplane.xds.ledger import Flight
from controlplane.xds.ledger import Ledger
from controlplane.xds.ledger import trial_groups
from controlplane.xds.payload import Payload
from controlplane.xds.shared import Names
from controlplane.xds.shared import Shared
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

REFERRED_TO: Final = frozenset({TypeUrl.CLUSTER, TypeUrl.ENDPOINT, TypeUrl.SECRET})
NO_SECRETS: Final[Mapping[str, Resource]] = MappingProxyType({})


class Session(ABC):
    """The state of one stream. Every event returns what to write and what was learnt, in order.

    A type waits for the answer to its last generation before the next one is sent. A client may
    withhold the answer to clusters while one of them warms: after ``tire`` they wait no more.
    """

    trial_width: int = TRIAL_WIDTH

    def __init__(
        self, shared: Shared, snapshot: Snapshot, own: Mapping[str, Resource] = NO_SECRETS
    ) -> None:
        self._shared = shared
        self._snapshot = snapshot
        self._own = own
        self._own_given = own
        self._opening = True
        self._nonces = 0
        self._ledgers = {type_url: Ledger(type_url) for type_url in PUSH_ORDER}
        self._push_order = tuple(self._ledgers.values())

    # Events

    def update(self, snapshot: Snapshot) -> tuple[Output, ...]:
        """The proxy is to have ``snapshot`` from now on."""
        if snapshot is self._snapshot:
            return ()
        self._snapshot = snapshot
        return tuple(self._flush())

    def replace_own(self, own: Mapping[str, Resource]) -> tuple[Output, ...]:
        """The proxy's own secrets, which no snapshot holds, are ``own`` from now on."""
        self._own = own
        return tuple(self._flush())

    def tire(self, type_url: TypeUrl) -> tuple[Output, ...]:
        """The answer for ``type_url`` is overdue: go on without it."""
        ledger = self._ledgers[type_url]
        if self.trial_width > 1 or not ledger.is_on_trial:
            ledger.tire()
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
        return all(
            not ledger.due
            and not ledger.trials
            and ledger.last not in ledger.flights
            and ledger.given is self._snapshot.shelf(ledger.type_url)
            for ledger in self._push_order
            if ledger.asked
        )

    # What the variants say

    @abstractmethod
    def _answer(self, ledger: Ledger, target: Shelf[Resource]) -> tuple[Payload, ...]:
        """The responses that bring ``ledger`` to ``target`` and answer what is due."""

    @abstractmethod
    def _removal(self, ledger: Ledger) -> Payload | None:
        """The response that removes what is ``gone``, if there is a way to say so."""

    @abstractmethod
    def _trial(self, ledger: Ledger, names: Names) -> Payload | None:
        """The response that offers ``names`` again after a refusal; none if they are gone."""

    @abstractmethod
    def _suspend(self, ledger: Ledger, flight: Flight, error: str) -> None:
        """Prepare the trials that find the culprit of a refused response."""

    # The way of one flush

    def _flush(self) -> Iterator[Output]:
        clusters_wait = False
        for ledger in self._push_order:
            if ledger.trials:
                yield from self._send_trials(ledger)
            if ledger.busy:
                clusters_wait |= ledger.type_url is TypeUrl.CLUSTER and self._has_news(ledger)
            # A new route may name a cluster that still waits its turn; endpoints refer to nothing.
            elif not (clusters_wait and ledger.type_url in (TypeUrl.LISTENER, TypeUrl.ROUTE)):
                yield from self._put(ledger)
        if not any(self._has_news(ledger) for ledger in self._push_order):
            yield from self._remove()

    def _has_news(self, ledger: Ledger) -> bool:
        target = self._snapshot.shelf(ledger.type_url)
        if ledger.due:
            return True
        if not ledger.asked or ledger.given is target:
            return False
        put = self._shared.change(ledger.given, target).put
        return any(ledger.covers(name) for name, _ in put)

    def _put(self, ledger: Ledger) -> Iterator[Output]:
        target = self._snapshot.shelf(ledger.type_url)
        self._renew_own(ledger)
        if not ledger.asked or not (ledger.given is not target or ledger.due or ledger.greeting):
            return
        before = ledger.given
        self._bid_farewell(ledger, target)
        payloads = self._answer(ledger, target)
        ledger.given, ledger.due, ledger.greeting = target, NO_NAMES, False
        for payload in payloads:
            yield self._send(ledger, payload, before)

    def _renew_own(self, ledger: Ledger) -> None:
        """Own secrets that were replaced are due."""
        if ledger.type_url is TypeUrl.SECRET and self._own_given is not self._own:
            older, newer = self._own_given, self._own
            names = sorted({*older, *newer})
            changed = (n for n in names if ledger.covers(n) and older.get(n) != newer.get(n))
            ledger.due |= frozenset(changed)
            self._own_given = newer

    def _bid_farewell(self, ledger: Ledger, target: Shelf[Resource]) -> None:
        """Note what the client has in scope and ``target`` has not; forget what came back."""
        for name in self._shared.change(ledger.given, target).removed:
            if ledger.covers(name):
                ledger.leave(name, self._form(ledger, name, ledger.given))
        for name in [name for name in ledger.gone if name in target] if ledger.gone else ():
            del ledger.gone[name]

    def _send(
        self,
        ledger: Ledger,
        payload: Payload,
        before: Shelf[Resource],
        *,
        is_trial: bool = False,
    ) -> Send:
        self._nonces += 1
        nonce = Nonce(str(self._nonces))
        if ledger.type_url is TypeUrl.CLUSTER:
            self._owe_endpoints(payload.fresh)
        awaited = ledger.patient or is_trial
        ledger.depart(nonce, Flight(payload, before, awaited, is_trial))
        return Send(ledger.type_url, nonce, payload)

    def _owe_endpoints(self, clusters: Names) -> None:
        """A cluster that was sent warms until it gets endpoints; Envoy asks only for new ones."""
        ledger = self._ledgers[TypeUrl.ENDPOINT]
        names = self._shared.endpoints(clusters, self._snapshot.shelf(TypeUrl.ENDPOINT))
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
            payload = self._removal(ledger)
            ledger.gone.clear()
            if payload is not None:
                yield self._send(ledger, payload, ledger.given)

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
            ledger.accept(flight.payload)
            yield Acked(ledger.type_url, nonce)
        else:
            yield from self._refused(ledger, nonce, flight, error)

    def _refused(
        self, ledger: Ledger, nonce: Nonce, flight: Flight, error: str
    ) -> Iterator[Output]:
        suspects = [r for r in flight.payload.resources if r.name in flight.payload.fresh]
        for name in flight.payload.removed:
            if name not in ledger.given and suspects:
                ledger.gone[name] = None
        if len(suspects) == 1:
            self._shared.reject(ledger.type_url, suspects[0].name, suspects[0].version)
            yield ledger.refuse(suspects[0], flight.before, error)
        else:
            yield Refused(ledger.type_url, nonce, error)
        self._suspend(ledger, flight, error)

    def _send_trials(self, ledger: Ledger) -> Iterator[Output]:
        while ledger.trials and ledger.awaiting < self.trial_width:
            payload = self._trial(ledger, ledger.trials.popleft())
            if payload is not None:
                yield self._send(ledger, payload, ledger.tried_before, is_trial=True)

    def _groups(self, flight: Flight, error: str) -> tuple[Names, ...]:
        if len(flight.payload.fresh) < 2:
            return ()
        return trial_groups(flight.payload.fresh, error)

    def _form(self, ledger: Ledger, name: str, base: Shelf[Resource]) -> Resource | None:
        """The form of ``name`` for this proxy: its own secrets come before those of the mesh."""
        if ledger.type_url is TypeUrl.SECRET and (own := self._own.get(name)) is not None:
            held = ledger.held.get(name)
            return held.good if held is not None and own.version in held.versions else own
        return ledger.form(name, base)

    def _is_plain(self, ledger: Ledger) -> bool:
        """Whether this proxy's answer is the one that every proxy with the same question gets."""
        own = ledger.type_url is TypeUrl.SECRET and bool(self._own)
        return not (ledger.held or ledger.suspended or own)
