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
from controlplane.xds.response import Response
from controlplane.xds.response_cache import Names
from controlplane.xds.response_cache import ResponseCache
from controlplane.xds.snapshot import Snapshot
from controlplane.xds.subscription import BISECTION_WIDTH
from controlplane.xds.subscription import NO_NAMES
from controlplane.xds.subscription import PendingResponse
from controlplane.xds.subscription import SubscriptionState

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
HOLD_REFERRING: Final = frozenset({TypeUrl.CLUSTER, TypeUrl.ENDPOINT})
"""While one of these waits its turn, listeners and routes wait too. Secrets need not: listeners and
clusters warm until theirs come.
"""

REFERRED_TO: Final = frozenset({TypeUrl.CLUSTER, TypeUrl.ENDPOINT, TypeUrl.SECRET})
_CAN_PASS: Final = "cannot bind"  # Envoy's words where another process has a listener's port
NO_SECRETS: Final[Mapping[str, Resource]] = MappingProxyType({})


class Session(ABC):
    """The state of one stream. Every event returns what to write and what was learnt, in order.

    A type waits for the answer to its last generation before the next one is sent. A client may
    withhold the answer to clusters while one of them warms: ``stop_waiting`` ends that.
    """

    bisection_width: int = BISECTION_WIDTH

    def __init__(
        self, cache: ResponseCache, snapshot: Snapshot, own: Mapping[str, Resource] = NO_SECRETS
    ) -> None:
        self._cache = cache
        self._snapshot = snapshot
        self._own = own
        self._opening = True
        self._nonces = 0
        self._states = {t: SubscriptionState(t, snapshot.shelf(t)) for t in PUSH_ORDER}
        self._push_order = tuple(self._states.values())

    # Events

    def update(self, snapshot: Snapshot) -> tuple[Output, ...]:
        """The proxy is to have ``snapshot`` from now on."""
        if snapshot is self._snapshot:
            return ()
        self._snapshot = snapshot
        for state in self._push_order:
            state.target = snapshot.shelf(state.type_url)
        return tuple(self._flush())

    def replace_own(self, own: Mapping[str, Resource]) -> tuple[Output, ...]:
        """The proxy's own secrets, which no snapshot holds, are ``own`` from now on."""
        state, older = self._states[TypeUrl.SECRET], self._own
        changed = {name for name in {*older, *own} if older.get(name) != own.get(name)}
        state.must_answer |= changed & state.names
        self._own = own
        return tuple(self._flush())

    def stop_waiting(self, type_url: TypeUrl) -> tuple[Output, ...]:
        """The answer for ``type_url`` is overdue: go on without it."""
        state = self._states[type_url]
        if self.bisection_width > 1 or not state.is_bisecting:
            state.stop_waiting()
        return tuple(self._flush())

    def retry(self) -> tuple[Output, ...]:
        """Offer again what was refused for a reason that can pass without an edit of it."""
        state = self._states[TypeUrl.LISTENER]
        if state.busy or not state.held:
            return ()
        for rejected in state.rejections:
            if _CAN_PASS in rejected.error:
                state.held[rejected.name].versions.pop(rejected.version, None)
                state.must_answer |= {rejected.name}
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
        state = self._states[type_url]
        return bool(state.bisection) or state.last in state.unanswered

    def holds_back(self, type_url: TypeUrl) -> bool:
        """Whether the next generation of ``type_url`` waits for an answer: see ``stop_waiting``."""
        return self._states[type_url].awaiting > 0

    def subscribed(self, type_url: TypeUrl) -> bool:
        return self._states[type_url].asked

    def rejections(self, type_url: TypeUrl) -> tuple[Rejected, ...]:
        return self._states[type_url].rejections

    @property
    def settled(self) -> bool:
        """Whether the client has answered everything that the newest snapshot means for it."""
        for state in self._push_order:
            if state.is_stirred or state.bisection or state.last in state.unanswered:
                return False
        return True

    # What the variants say

    @abstractmethod
    def _answer(self, state: SubscriptionState) -> tuple[Response, ...]:
        """The responses that bring ``state`` to its target and answer what must be answered."""

    @abstractmethod
    def _removal(self, state: SubscriptionState) -> Response | None:
        """The response for what is pending removal, if there is a way to say so."""

    @abstractmethod
    def _bisection_step(self, state: SubscriptionState, names: Names) -> Response | None:
        """The response that offers ``names`` again after a refusal; none if they are gone."""

    @abstractmethod
    def _suspend(self, state: SubscriptionState, pending: PendingResponse, error: str) -> None:
        """Prepare the bisection that find the culprit of a refused response."""

    # The way of one flush

    def _flush(self) -> Iterator[Output]:
        referred_wait = anything_waits = leaving = False
        for state in self._push_order:
            if state.bisection:
                yield from self._send_bisection(state)
            if not state.is_stirred:
                leaving |= bool(state.pending_removal)
                continue
            # A new route may lead to a cluster that is not sent yet, or is sent and has no
            # endpoints yet: either answers 503. Clusters and endpoints refer to nothing that
            # the client does not ask for by itself, so nothing ever waits in a circle.
            if state.busy or (referred_wait and state.type_url in REFERRING):
                waits = self._has_news(state)
                referred_wait |= waits and state.type_url in HOLD_REFERRING
                anything_waits |= waits
            else:
                yield from self._put(state)
            leaving |= bool(state.pending_removal)
        if leaving and not anything_waits:
            yield from self._remove()

    def _has_news(self, state: SubscriptionState) -> bool:
        """Whether ``state`` has more to send than removals."""
        if state.must_answer:
            return True
        put = self._cache.change(state.sent, state.target).put
        return any(state.covers(name) for name, _ in put)

    def _put(self, state: SubscriptionState) -> Iterator[Output]:
        self._note_removals(state)
        responses = self._answer(state)
        state.sent, state.must_answer, state.owes_empty_response = state.target, NO_NAMES, False
        for response in responses:
            yield self._send(state, response)

    def _note_removals(self, state: SubscriptionState) -> None:
        """Note what the client has in scope and the target has not; forget what came back."""
        for name in self._cache.change(state.sent, state.target).removed:
            # Endpoints are sent with their cluster, before the client subscribes to them.
            if state.covers(name) or state.type_url is TypeUrl.ENDPOINT:
                state.leave(name, self._form(state, name, state.sent))
        for name in [name for name in state.pending_removal if name in state.target]:
            del state.pending_removal[name]

    def _send(
        self, state: SubscriptionState, response: Response, *, is_bisection: bool = False
    ) -> Send:
        self._nonces += 1
        nonce = Nonce(str(self._nonces))
        if state.type_url is TypeUrl.CLUSTER:
            self._owe_endpoints(response.fresh)
        awaited = state.waits_for_ack or is_bisection
        state.depart(nonce, PendingResponse(response, awaited, is_bisection))
        return Send(state.type_url, nonce, response)

    def _owe_endpoints(self, clusters: Names) -> None:
        """A cluster that was sent warms until it gets endpoints; Envoy asks only for new ones."""
        state = self._states[TypeUrl.ENDPOINT]
        names = self._cache.endpoints(clusters, state.target)
        if state.asked:
            state.must_answer = names if not state.must_answer else state.must_answer | names
        else:
            state.owed_endpoints = (
                names if not state.owed_endpoints else state.owed_endpoints | names
            )

    def _remove(self) -> Iterator[Output]:
        """Remove what is gone, once nothing that the client holds or asks for may refer to it."""
        for type_url in REMOVAL_ORDER:
            state = self._states[type_url]
            if not state.pending_removal or state.busy:
                continue
            if type_url in REFERRED_TO and (self._opening or not self._referrers_are_new()):
                continue
            response = self._removal(state)
            state.pending_removal.clear()
            if response is not None:
                yield self._send(state, response)

    def _referrers_are_new(self) -> bool:
        """Whether listeners and routes are all in their newest form with the client."""
        referrers = (self._states[TypeUrl.LISTENER], self._states[TypeUrl.ROUTE])
        return all(
            not state.bisection and state.last not in state.unanswered and not state.rejections
            for state in referrers
        )

    # Answers of the client

    def _answered(
        self, state: SubscriptionState, nonce: Nonce, error: str | None
    ) -> Iterator[Output]:
        """The client took (no ``error``) or refused a response; an unknown nonce says nothing."""
        pending = state.unanswered.pop(nonce, None)
        if pending is None:
            return
        if nonce == state.last:
            state.waits_for_ack = True
            for older in [n for n, f in state.unanswered.items() if not f.awaited]:
                del state.unanswered[older]
        if error is None:
            state.accept(pending.response)
            yield Acked(state.type_url, nonce)
        else:
            yield from self._refused(state, nonce, pending, error)
        if not state.unanswered and not state.bisection:
            state.acked = state.sent

    def _refused(
        self, state: SubscriptionState, nonce: Nonce, pending: PendingResponse, error: str
    ) -> Iterator[Output]:
        suspects = [r for r in pending.response.resources if r.name in pending.response.fresh]
        for name in pending.response.removed:
            if name not in state.sent and suspects:
                state.pending_removal[name] = None
        if len(suspects) == 1:
            self._cache.reject(state.type_url, suspects[0].name, suspects[0].version)
            yield state.refuse(suspects[0], error)
        else:
            yield Refused(state.type_url, nonce, error)
        self._suspend(state, pending, error)

    def _send_bisection(self, state: SubscriptionState) -> Iterator[Output]:
        while state.bisection and state.awaiting < self.bisection_width:
            response = self._bisection_step(state, state.bisection.popleft())
            if response is not None:
                yield self._send(state, response, is_bisection=True)

    def _form(self, state: SubscriptionState, name: str, base: Shelf[Resource]) -> Resource | None:
        """The form of ``name`` for this proxy: its own secrets come before those of the mesh."""
        if state.type_url is TypeUrl.SECRET and (own := self._own.get(name)) is not None:
            held = state.held.get(name)
            return held.good if held is not None and own.version in held.versions else own
        # What is gone may be in use until its removal: who asks for it gets its last form.
        kept = state.pending_removal.get(name) if state.pending_removal else None
        return state.form(name, base.get(name, kept))

    def _is_plain(self, state: SubscriptionState) -> bool:
        """Whether this proxy's answer is the one that every proxy with the same question gets."""
        own = state.type_url is TypeUrl.SECRET and bool(self._own)
        asks_for_gone = state.pending_removal and not state.must_answer.isdisjoint(
            state.pending_removal
        )
        return not (state.held or state.suspended or own or asks_for_gone)
