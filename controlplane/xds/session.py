"""One stream as a state machine without I/O: requests and snapshots in, responses out.

What both variants of the protocol have in common is here: what is sent in which order, what waits
for what, and how the culprit of a rejected response is found. ``delta`` and ``sotw`` say how
resources are requested and sent.
Source: Envoy, "xDS REST and gRPC protocol".
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from controlplane.base.shelf import Shelf
from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.xds.bisection import BISECTION_WIDTH
from controlplane.xds.emptying import Emptying
from controlplane.xds.events import Acked, Nonce, Output, Refused, Rejected, Send
from controlplane.xds.order import (
    ASKED_FOR_LATER,
    LED_TO,
    PUSH_ORDER,
    REFERRERS,
    REFERRING,
    REMOVAL_ORDER,
    USED_WHILE_ASKED_FOR,
)
from controlplane.xds.pending_response import PendingResponse
from controlplane.xds.readiness import Readiness
from controlplane.xds.rejections import KEPT_THOUGH_REJECTED
from controlplane.xds.response import Response
from controlplane.xds.response_cache import Names, ResponseCache
from controlplane.xds.snapshot import Snapshot
from controlplane.xds.subscription import SubscriptionState

_CAN_PASS: Final = "cannot bind"  # Envoy's words where another process has a listener's port
NO_SECRETS: Final[Mapping[str, Resource]] = MappingProxyType({})


class Session(ABC):
    """The state of one stream. Every event returns what to write and what was learnt, in order.

    A type waits for the answer to its last generation before the next one is sent, and listeners
    and routes wait for clusters and endpoints. A client may answer late or never, so the keeper of
    the time ends each wait: ``stop_waiting``, ``send_anyway``.
    """

    bisection_width: int = BISECTION_WIDTH

    def __init__(
        self, cache: ResponseCache, snapshot: Snapshot, own: Mapping[str, Resource] = NO_SECRETS
    ) -> None:
        self._cache = cache
        self._snapshot = snapshot
        self._own = own
        self._may_ask_more = True
        self._nonces = 0
        self._replaced_at = 0
        self._to_retry: dict[str, Rejected] = {}
        self._held_back: tuple[TypeUrl, ...] = ()
        self._states = {t: SubscriptionState(t, snapshot.shelf(t)) for t in PUSH_ORDER}
        self._push_order = tuple(self._states.values())
        self._emptying = Emptying(self._states, cache)
        self._readiness = Readiness(self._states, cache)

    # Events

    def update(self, snapshot: Snapshot) -> tuple[Output, ...]:
        """The proxy is to have ``snapshot`` from now on."""
        if snapshot is self._snapshot:
            return ()
        self._snapshot = snapshot
        for state in self._push_order:
            target = self._emptying.target(state, snapshot.shelf(state.type_url, state.target))
            if target is not state.target:
                self._note_removals(state, target)
                state.retarget(target)
        return tuple(self._flush())

    def replace_own(self, own: Mapping[str, Resource]) -> tuple[Output, ...]:
        """The proxy's own secrets, which no snapshot holds, are ``own`` from now on."""
        state, older = self._states[TypeUrl.SECRET], self._own
        changed = {name for name in {*older, *own} if older.get(name) != own.get(name)}
        state.must_answer(state.names & changed)
        self._own = own
        return tuple(self._flush())

    def has_own(self, own: Mapping[str, Resource]) -> bool:
        """Whether the client acknowledged ``own`` as its own secrets, or does not ask for them."""
        state = self._states[TypeUrl.SECRET]
        rejected = {one.name for one in state.rejections.current}
        return dict(self._own) == dict(own) and state.is_settled and rejected.isdisjoint(own)

    def stop_waiting(self, type_url: TypeUrl) -> tuple[Output, ...]:
        """The answer for ``type_url`` is overdue: continue without it."""
        self._stop_waiting(self._states[type_url])
        return tuple(self._flush())

    def send_anyway(self, type_url: TypeUrl) -> tuple[Output, ...]:
        """``type_url`` was held back for long enough: wait for nothing that it waits for. That is
        still sent before it, unless it cannot be sent at all.
        """
        for waited_for in (*LED_TO, type_url) if type_url in REFERRING else (type_url,):
            self._stop_waiting(self._states[waited_for])
        return tuple(self._flush())

    def retry(self) -> tuple[Output, ...]:
        """Offer again what was rejected for a reason that can pass without an edit of it."""
        state = self._states[TypeUrl.LISTENER]
        if state.is_busy or not state.rejections:
            return ()
        self._retry(each for each in state.rejections.current if _CAN_PASS in each.error)
        return tuple(self._flush())

    def arrived(self) -> tuple[Output, ...]:
        """The client has had the time to ask for all its types, and for what its listeners need.

        Until then nothing is removed that may be in use. Envoy acknowledges a listener at once and
        continues with the previous one until the routes and secrets of the new one are there.
        """
        self._may_ask_more = False
        return tuple(self._flush())

    def awaits(self, type_url: TypeUrl) -> Nonce | None:
        """The oldest response of ``type_url`` whose answer is outstanding, in time or overdue."""
        state = self._states[type_url]
        return None if state.is_answered else state.oldest_unanswered

    def is_overdue(self, type_url: TypeUrl) -> bool:
        """Whether nothing waits for that answer any longer."""
        return self._states[type_url].is_overdue

    @property
    def may_ask_more(self) -> bool:
        """Whether the client may be about to ask for more than it has: see ``arrived``."""
        return self._may_ask_more

    @property
    def held_back(self) -> tuple[TypeUrl, ...]:
        """The types that have something to send, and wait."""
        return self._held_back

    def subscribed(self, type_url: TypeUrl) -> bool:
        return self._states[type_url].asked

    def rejections(self, type_url: TypeUrl) -> tuple[Rejected, ...]:
        return self._states[type_url].rejections.current

    def acknowledged(self, type_url: TypeUrl) -> frozenset[str]:
        """The names of the resources that the client acknowledged and does not reject."""
        return frozenset(self._states[type_url].acknowledged)

    @property
    def subscriptions(self) -> tuple[Names, ...]:
        """The names that the client subscribes to, of each type."""
        return tuple(state.names for state in self._push_order)

    @property
    def named(self) -> int:
        """How many names the client subscribes to."""
        return sum(len(state.names) for state in self._push_order)

    @property
    def in_mesh(self) -> int:
        """How many resources there are for the client."""
        return sum(len(state.target) for state in self._push_order)

    @property
    def settled(self) -> bool:
        """Whether the client has answered everything that the newest snapshot means for it."""
        for state in self._push_order:  # asked of a thousand: twice as fast as all()
            if not state.is_settled:
                return False
        return not self._emptying.waits

    # What the variants say

    @abstractmethod
    def _answer(self, state: SubscriptionState) -> tuple[Response, ...]:
        """The responses that bring ``state`` to its target and answer what must be answered."""

    @abstractmethod
    def _removal(self, state: SubscriptionState) -> Response | None:
        """The response for what is pending removal, if there is a way to say so."""

    @abstractmethod
    def _bisection_step(self, state: SubscriptionState, names: Names) -> Response | None:
        """The response that offers ``names`` again after a rejection; none if they are gone."""

    @abstractmethod
    def _bisect(self, state: SubscriptionState, rejected: Response, error: str) -> None:
        """Prepare the search for the culprit of a rejected response."""

    # The way of one flush

    def _flush(self) -> Iterator[Output]:
        """Send what need not wait, then remove what is gone if nothing waits."""
        self._held_back, has_removals = (), False
        newest = self._snapshot.shelf(TypeUrl.ENDPOINT)
        self._emptying.let(newest, may_ask_more=self._may_ask_more)
        listeners = self._states[TypeUrl.LISTENER]
        if self._to_retry and not listeners.is_busy:
            listeners.retry(self._to_retry)
            self._to_retry.clear()
        for state in self._push_order:
            if state.is_quiet:
                continue
            if state.has_groups:
                yield from self._send_groups(state)
            if state.has_changes:
                waits = state.is_busy or self._readiness.waits_for_clusters(state, self._held_back)
                if waits and self._readiness.has_news(state):
                    self._held_back += (state.type_url,)
                elif not state.is_busy:
                    yield from self._put(state)
            has_removals |= bool(state.pending_removal)
        endpoints = self._emptying.let(newest, may_ask_more=self._may_ask_more)
        if endpoints.has_changes and not endpoints.is_busy:
            yield from self._put(endpoints)
        if has_removals and not self._held_back:
            yield from self._remove()

    def _put(self, state: SubscriptionState) -> Iterator[Output]:
        state.forget_returned()
        warms = state.type_url is TypeUrl.CLUSTER and self._readiness.may_warm(state, self._own)
        responses = self._answer(state)
        state.advance()
        for response in responses:
            yield self._send(state, response, warms=warms)
        yield from self._send_groups(state)

    def _note_removals(self, state: SubscriptionState, target: Shelf[Resource]) -> None:
        """Note what the client may have and ``target`` has not.

        Of clusters and listeners that is what was sent. The others the client asks for after it got
        what names them, which may be on its way: it may yet ask for any that was there.
        """
        for name in self._cache.change(state.target, target).removed:
            if name in state.sent and state.covers(name):
                state.leave(name, self._form(state, name, state.sent))
            elif state.type_url in ASKED_FOR_LATER:
                state.leave(name, self._form(state, name, state.target))

    def _send(
        self,
        state: SubscriptionState,
        response: Response,
        *,
        is_bisection: bool = False,
        warms: bool = False,
    ) -> Send:
        self._nonces += 1
        nonce = Nonce(str(self._nonces))
        if state.type_url is TypeUrl.CLUSTER:
            self._owe_endpoints(response.fresh)
        if state.type_url in KEPT_THOUGH_REJECTED and state.rejections.current:
            self._replaced()
        state.depart(nonce, response, is_bisection=is_bisection, warms=warms)
        return Send(state.type_url, nonce, response)

    def _replaced(self) -> None:
        """Something is sent in place of what the client rejects and keeps: listeners that it
        rejected for that are offered again after it, those of which it has yet to say so too.
        """
        self._replaced_at = self._nonces
        self._retry(self._states[TypeUrl.LISTENER].rejections.current)

    def _retry(self, listeners: Iterable[Rejected]) -> None:
        self._to_retry |= {each.name: each for each in listeners}

    def _owe_endpoints(self, clusters: Names) -> None:
        """A cluster that was sent warms until it gets endpoints; Envoy asks only for new ones."""
        state = self._states[TypeUrl.ENDPOINT]
        names = self._cache.endpoints(clusters, state.target)
        if names:
            state.owe_endpoints(names)

    def _remove(self) -> Iterator[Output]:
        """Remove what is gone, once nothing that the client holds or asks for may refer to it."""
        for type_url in REMOVAL_ORDER:
            state = self._states[type_url]
            if not state.pending_removal or state.is_busy or self._may_be_used(state):
                continue
            response = self._removal(state)
            state.removed()
            if response is not None:
                yield self._send(state, response)

    def _may_be_used(self, gone: SubscriptionState) -> bool:
        """Whether the client may still use something of a type that is gone."""
        if gone.type_url in USED_WHILE_ASKED_FOR and any(map(gone.covers, gone.pending_removal)):
            return True
        referrers = [self._states[referrer] for referrer in REFERRERS[gone.type_url]]
        return (self._may_ask_more and bool(referrers)) or any(
            state.has_changes or not state.is_answered or state.rejections.current
            for state in referrers
        )

    # Answers of the client

    def _answered(
        self, state: SubscriptionState, nonce: Nonce, error: str | None
    ) -> Iterator[Output]:
        """The client accepted (no ``error``) or rejected a response; an unknown nonce is
        ignored.
        """
        pending = state.answered(nonce)
        if pending is None:
            return
        if error is None:
            state.accept(pending.response)
            if state.type_url is TypeUrl.LISTENER and pending.response.fresh:
                self._may_ask_more = True
            yield Acked(state.type_url, nonce)
        else:
            yield from self._rejected(state, nonce, pending, error)
        state.settle()

    def _rejected(
        self, state: SubscriptionState, nonce: Nonce, pending: PendingResponse, error: str
    ) -> Iterator[Output]:
        response = pending.response
        suspects = [r for r in response.resources if r.name in response.fresh]
        for name in response.removed:
            if name not in state.sent and suspects:
                state.leave(name, None)
        if len(suspects) == 1:
            self._cache.reject(state.type_url, suspects[0].name, suspects[0].version)
            rejected = state.reject(suspects[0], error)
            yield rejected
            if state.type_url in KEPT_THOUGH_REJECTED:
                state.replace(rejected.name)
            elif state.type_url is TypeUrl.LISTENER and int(nonce) < self._replaced_at:
                self._retry((rejected,))
        else:
            yield Refused(state.type_url, nonce, error)
        self._bisect(state, response, error)

    def _send_groups(self, state: SubscriptionState) -> Iterator[Output]:
        for names in state.next_groups(self.bisection_width):
            response = self._bisection_step(state, names)
            if response is not None:
                yield self._send(state, response, is_bisection=True)

    def _stop_waiting(self, state: SubscriptionState) -> None:
        if not state.is_answered or not state.asked:
            state.stop_waiting(skips_bisection=self.bisection_width > 1)

    def _form(self, state: SubscriptionState, name: str, base: Shelf[Resource]) -> Resource | None:
        """The form of ``name`` for this proxy: its own secrets come before those of the mesh.

        What is gone may be in use until its removal: a request for it gets its last form.
        """
        if state.type_url is TypeUrl.SECRET and (own := self._own.get(name)) is not None:
            return state.form(name, own)
        found = base.get(name)
        if found is None and state.pending_removal and REFERRERS[state.type_url]:
            found = state.pending_removal.get(name)
        return state.form(name, found)

    def _is_plain(self, state: SubscriptionState) -> bool:
        """Whether this proxy's answer is the one that every proxy with the same question gets."""
        own = state.type_url is TypeUrl.SECRET and bool(self._own)
        return state.is_plain and not own
