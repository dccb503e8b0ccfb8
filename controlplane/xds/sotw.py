"""A state-of-the-world stream: every request repeats all names, clusters and listeners come whole.

Source: Envoy, "xDS REST and gRPC protocol", "Basic protocol overview".
"""

from collections.abc import Iterator, Mapping
from typing import Final

from controlplane.base.shelf import Shelf
from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.xds.bisection import bisection_groups
from controlplane.xds.events import Output, SotwRequest
from controlplane.xds.rejections import KEPT_THOUGH_REJECTED
from controlplane.xds.response import Response, Variant, nothing_named, sotw_response
from controlplane.xds.response_cache import Names, ResponseCache
from controlplane.xds.session import NO_SECRETS, Session
from controlplane.xds.snapshot import Snapshot
from controlplane.xds.subscription import (
    BY_NAME_ALONE,
    NO_NAMES,
    WILDCARD_BY_SILENCE,
    SubscriptionState,
)

WHOLE: Final = WILDCARD_BY_SILENCE
"""In these types whatever a response leaves out is deleted; in the others it stays as it is."""


class SotwSession(Session):
    """One ``StreamAggregatedResources`` stream."""

    bisection_width = 1  # an answer to any but the last response is stale

    def __init__(
        self, cache: ResponseCache, snapshot: Snapshot, own: Mapping[str, Resource] = NO_SECRETS
    ) -> None:
        super().__init__(cache, snapshot, own)
        self._named = set[TypeUrl]()
        """The types of which a name was ever given, ``*`` included: no names are then none."""

    def receive(self, request: SotwRequest) -> tuple[Output, ...]:
        """Answer ``request``, unless its nonce is stale: then its sender has not seen our last."""
        return tuple(self._received(request))

    def named_after(self, request: SotwRequest) -> int:
        """How many names the client will subscribe to by ``request``."""
        return self.named - len(self._states[request.type_url].names) + len(request.names)

    def _received(self, request: SotwRequest) -> Iterator[Output]:
        state = self._states[request.type_url]
        is_stale = state.asked and state.is_stale(request.nonce)
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

        What the client holds from an earlier stream cannot be known, so all is said again; but what
        is gone may be in use by it, so that is said in the turn of its removal.
        """
        self._subscribe(state, request)
        state.must_answer(state.names)
        if request.is_reconnect:
            self._readiness.is_reconnect = True
        if request.is_reconnect and state.type_url not in WHOLE:
            for name in state.names:
                if name not in state.target and name not in state.pending_removal:
                    state.leave(name, None)
        if state.type_url in WHOLE:
            if state.names or state.wildcard:
                state.owe_empty_response()
            state.assume_nothing_sent()
        else:
            state.assume_sent()
            if not state.names:
                state.owe_no_endpoints()

    def _resubscribe(self, state: SubscriptionState, request: SotwRequest) -> None:
        """Added names are answered though they were sent before; dropped ones need no answer."""
        before, was_wildcard = state.names, state.wildcard
        self._subscribe(state, request)
        state.must_answer(state.names - before)
        if state.wildcard and not was_wildcard:
            state.owe_empty_response()

    def _subscribe(self, state: SubscriptionState, request: SotwRequest) -> None:
        names, type_url = request.names, state.type_url
        silent = type_url in WHOLE and not names and type_url not in self._named
        wildcard = ("*" in names or silent) and type_url not in BY_NAME_ALONE
        if names:
            self._named.add(type_url)
        if names == state.names:
            names = state.names
        else:
            names = self._cache.same(names - {"*"} if "*" in names else names)
        state.subscribe(names, wildcard=wildcard)

    def _answer(self, state: SubscriptionState) -> tuple[Response, ...]:
        target, asked = state.target, state.names_to_answer
        if state.type_url in KEPT_THOUGH_REJECTED:
            state.bisect(self._one_by_one(state, target, asked))
            return ()
        if not self._is_plain(state) or state.oldest_unanswered is not None:
            found = self._responses(state, target, asked)
        else:
            gone = frozenset(state.pending_removal)
            key = asked | {"*"} if state.owes_empty_response else asked
            is_same = state.sent is target and state.type_url not in WHOLE
            scope = NO_NAMES if is_same else state.scope  # only what changed depends on it
            question = (Variant.SOTW, state.type_url, state.sent, target, scope, key, gone)
            found = self._cache.answer(question, lambda: self._responses(state, target, asked))
        if found and state.type_url is TypeUrl.LISTENER:
            state.removed()
        return found

    def _responses(
        self, state: SubscriptionState, target: Shelf[Resource], asked: Names
    ) -> tuple[Response, ...]:
        change = self._cache.change(state.sent, target)
        put = frozenset(name for name, _ in change.put if state.covers(name))
        fresh = (put | asked).difference(
            name for name in state.rejections if state.rejections.reports(target.get(name))
        )
        if state.type_url in WHOLE:
            if not fresh and not state.owes_empty_response:
                return ()
            # A cluster that is gone stays until the routes no longer refer to it.
            kept = state.pending_removal if state.type_url is TypeUrl.CLUSTER else {}
            suspects = fresh | state.unanswered_names()
            return (self._whole(state, target, suspects, kept),)
        resources = self._forms(state, fresh | asked, target)
        return (sotw_response(state.type_url, resources, fresh),) if resources else ()

    def _one_by_one(
        self, state: SubscriptionState, target: Shelf[Resource], asked: Names
    ) -> Iterator[Names]:
        """What is to be sent, where a bisection could not find what the client rejects of it."""
        put = {name for name, _ in self._cache.change(state.sent, target).put if state.covers(name)}
        for name in sorted(put | asked):
            yield frozenset((name,))

    def _whole(
        self,
        state: SubscriptionState,
        target: Shelf[Resource],
        fresh: Names,
        kept: Mapping[str, Resource | None],
    ) -> Response:
        names = state.names.union(target) if state.wildcard else state.names
        forms = {name: state.form(name, target.get(name)) for name in names}
        forms |= {name: state.form(name, kept[name]) for name in kept if state.covers(name)}
        found = [form for form in forms.values() if form is not None]
        return sotw_response(state.type_url, found, fresh)

    def _forms(
        self, state: SubscriptionState, names: Names, target: Shelf[Resource]
    ) -> list[Resource]:
        """Known names as they are, unknown ones as empty resources where the type has such."""
        forms = (
            self._form(state, name, target) or nothing_named(state.type_url, name) for name in names
        )
        return [form for form in forms if form is not None]

    def _removal(self, state: SubscriptionState) -> Response | None:
        """Whole types are sent again without what is gone; in the others nothing refers to it.

        There, empty ones are said of what an earlier stream may have sent: see ``_open``.
        """
        gone = {name: form for name, form in state.pending_removal.items() if state.covers(name)}
        state.removed()
        if state.type_url in WHOLE:
            return self._whole(state, state.sent, state.unanswered_names(), {}) if gone else None
        unknown = frozenset(name for name, form in gone.items() if form is None)
        forms = self._forms(state, unknown, state.sent)
        return sotw_response(state.type_url, forms, unknown) if forms else None

    def _bisect(self, state: SubscriptionState, rejected: Response, error: str) -> None:
        """Go back to what was good, then offer the suspects again group by group.

        A whole type is said once more in the end, as Envoy may have applied any part of what it
        rejected, and is left alone when it rejects what it had accepted before.
        """
        suspects = rejected.fresh
        if len(suspects) > 1:
            if state.type_url in WHOLE:
                suspects |= state.unanswered_names()
            state.suspend(suspects)
            state.bisect(bisection_groups(suspects, error), first=True)
        elif state.type_url in WHOLE and suspects and not state.has_groups:
            state.bisect((NO_NAMES,))

    def _bisection_step(self, state: SubscriptionState, names: Names) -> Response | None:
        if state.type_url is TypeUrl.CLUSTER:
            # Envoy may have applied some of what it rejected: what goes back warms again.
            self._owe_endpoints(frozenset((*state.suspended, *state.rejections)))
        state.resume(names)
        if state.type_url in WHOLE:
            suspects = (names | state.unanswered_names()).difference(state.suspended)
            return self._whole(state, state.sent, suspects, state.pending_removal)
        forms = self._forms(state, names, state.sent)
        return sotw_response(state.type_url, forms, names) if forms else None
