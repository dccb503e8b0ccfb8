"""A state-of-the-world stream: every request repeats all names, clusters and listeners come whole.

Source: Envoy, "xDS REST and gRPC protocol", "Basic protocol overview".
"""

from collections.abc import Iterator
from collections.abc import Mapping

from controlplane.base.shelf import Shelf
from controlplane.envoy.resource import Resource
from controlplane.envoy.resource import TypeUrl
from controlplane.xds.events import Output
from controlplane.xds.events import SotwRequest
from controlplane.xds.response import Response
from controlplane.xds.response import Variant
from controlplane.xds.response import nothing_named
from controlplane.xds.response import sotw_response
from controlplane.xds.response_cache import Names
from controlplane.xds.session import Session
from controlplane.xds.snapshot import NOTHING
from controlplane.xds.subscription import NO_NAMES
from controlplane.xds.subscription import NO_NONCE
from controlplane.xds.subscription import WILDCARD_BY_SILENCE
from controlplane.xds.subscription import PendingResponse
from controlplane.xds.subscription import SubscriptionState
from controlplane.xds.subscription import bisection_groups

WHOLE = WILDCARD_BY_SILENCE
"""In these types whatever a response leaves out is deleted; in the others it stays as it is."""


class SotwSession(Session):
    """One ``StreamAggregatedResources`` stream."""

    bisection_width = 1  # an answer to any but the last response is stale

    def receive(self, request: SotwRequest) -> tuple[Output, ...]:
        """Answer ``request``, unless its nonce is stale: then its sender has not seen our last."""
        return tuple(self._received(request))

    def _received(self, request: SotwRequest) -> Iterator[Output]:
        state = self._states[request.type_url]
        is_stale = state.asked and request.nonce not in (state.last, NO_NONCE)
        if request.nonce:
            yield from self._answered(state, request.nonce, request.error)
        if is_stale:
            pass  # what it subscribes to will be said again with the answer to our last
        elif not state.asked or not request.nonce:
            self._open(state, request)
        else:
            self._resubscribe(state, request)
        yield from self._flush()

    def _open(self, state: SubscriptionState, request: SotwRequest) -> None:
        """The first request of a type, or the repeated one of a client that got nothing yet.

        What the client holds from an earlier stream cannot be known, so all is said again.
        """
        state.asked = True
        self._subscribe(state, request)
        state.owed_endpoints, state.must_answer = NO_NAMES, state.names
        state.pending_removal.clear()
        if state.type_url in WHOLE:
            state.owes_empty_response = bool(state.names) or state.wildcard
            state.sent = NOTHING
        else:
            state.sent = state.target

    def _resubscribe(self, state: SubscriptionState, request: SotwRequest) -> None:
        """Added names are answered though they were sent before; dropped ones need no answer."""
        before, was_wildcard = state.names, state.wildcard
        self._subscribe(state, request)
        state.must_answer |= state.names - before
        state.owes_empty_response |= state.wildcard and not was_wildcard

    def _subscribe(self, state: SubscriptionState, request: SotwRequest) -> None:
        names = request.names
        if "*" in names or (state.type_url in WHOLE and not names and not state.named):
            state.wildcard = state.type_url is not TypeUrl.SECRET
        else:
            state.wildcard = False
        state.named |= bool(names)
        if names != state.names:
            state.names = self._cache.same(names - {"*"} if "*" in names else names)

    def _answer(self, state: SubscriptionState) -> tuple[Response, ...]:
        target = state.target
        if not self._is_plain(state) or state.unanswered:
            found = self._responses(state, target)
        else:
            pending_removal = frozenset(state.pending_removal)
            asked = state.must_answer | {"*"} if state.owes_empty_response else state.must_answer
            sent, scope = state.sent, state.scope
            question = (Variant.SOTW, state.type_url, sent, target, scope, asked, pending_removal)
            found = self._cache.answer(question, lambda: self._responses(state, target))
        if found and state.type_url is TypeUrl.LISTENER:
            state.pending_removal.clear()
        return found

    def _responses(self, state: SubscriptionState, target: Shelf[Resource]) -> tuple[Response, ...]:
        change = self._cache.change(state.sent, target)
        put = frozenset(name for name, _ in change.put if state.covers(name))
        fresh = (put | state.must_answer) - {n for n in state.held if state.holds(n, target)}
        if state.type_url in WHOLE:
            if not fresh and not state.owes_empty_response:
                return ()
            # A cluster that is gone stays until the routes no longer refer to it.
            kept = state.pending_removal if state.type_url is TypeUrl.CLUSTER else {}
            suspect = fresh | self._unanswered(state)
            return (self._whole(state, target, suspect, kept),)
        resources = self._forms(state, fresh | state.must_answer, target)
        return (sotw_response(state.type_url, resources, fresh),) if resources else ()

    def _whole(
        self,
        state: SubscriptionState,
        target: Shelf[Resource],
        fresh: Names,
        kept: Mapping[str, Resource | None],
    ) -> Response:
        names = state.names.union(target) if state.wildcard else state.names
        forms = [self._form(state, name, target) for name in names]
        forms += [state.form(name, form) for name, form in kept.items() if state.covers(name)]
        return sotw_response(state.type_url, [form for form in forms if form is not None], fresh)

    def _unanswered(self, state: SubscriptionState) -> Names:
        """What is repeated and was never acknowledged is as suspect as what is new."""
        return frozenset(name for f in state.unanswered.values() for name in f.response.fresh)

    def _forms(
        self, state: SubscriptionState, names: Names, target: Shelf[Resource]
    ) -> list[Resource]:
        """Known names as they are, unknown ones as empty resources where the type has such."""
        forms = (
            self._form(state, name, target) or nothing_named(state.type_url, name) for name in names
        )
        return [form for form in forms if form is not None]

    def _removal(self, state: SubscriptionState) -> Response | None:
        """Whole types are said again without what is gone; in the others nobody refers to it."""
        if state.type_url not in WHOLE or not any(map(state.covers, state.pending_removal)):
            return None
        return self._whole(state, state.sent, self._unanswered(state), {})

    def _suspend(self, state: SubscriptionState, pending: PendingResponse, error: str) -> None:
        """Go back to what was good, then offer the suspects again group by group.

        A whole type is said once more in the end, as Envoy may have applied any part of what it
        refused, and is left alone when it refuses what it had taken before.
        """
        suspects = pending.response.fresh
        if len(suspects) > 1:
            if state.type_url in WHOLE:
                suspects |= self._unanswered(state)
            state.suspended |= {name: state.good(name) for name in sorted(suspects)}
            state.bisection.extendleft(reversed(bisection_groups(suspects, error)))
        elif state.type_url in WHOLE and pending.response.fresh and not state.bisection:
            state.bisection.append(NO_NAMES)

    def _bisection_step(self, state: SubscriptionState, names: Names) -> Response | None:
        if state.type_url is TypeUrl.CLUSTER:
            # Envoy may have applied some of what it refused: what goes back warms again.
            self._owe_endpoints(frozenset((*state.suspended, *state.held)))
        for name in names:
            state.suspended.pop(name, None)
        if state.type_url in WHOLE:
            suspects = (names | self._unanswered(state)).difference(state.suspended)
            return self._whole(state, state.sent, suspects, state.pending_removal)
        forms = self._forms(state, names, state.sent)
        return sotw_response(state.type_url, forms, names) if forms else None
