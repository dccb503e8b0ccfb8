"""A delta stream: requests name what they add and drop, responses hold only what changed.

Source: Envoy, "xDS REST and gRPC protocol", "Incremental xDS"; what its text leaves open is as
Envoy 1.40 behaves.
"""

from collections.abc import Callable, Iterator
from typing import Final

from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.model.tls import files_of
from controlplane.xds.bisection import bisection_groups
from controlplane.xds.events import DeltaRequest, Output
from controlplane.xds.rejections import KEPT_THOUGH_REJECTED
from controlplane.xds.response import Response, Variant, delta_response, nothing_named
from controlplane.xds.response_cache import Names
from controlplane.xds.session import Session
from controlplane.xds.subscription import (
    BY_NAME_ALONE,
    NO_NAMES,
    WILDCARD_BY_SILENCE,
    SubscriptionState,
)

EVERYTHING: Final = frozenset({"*"})
Form = Callable[[str], Resource | None]


class DeltaSession(Session):
    """One ``DeltaAggregatedResources`` stream."""

    def receive(self, request: DeltaRequest) -> tuple[Output, ...]:
        """Answer ``request``; what it subscribes to is answered, whatever its nonce."""
        return tuple(self._received(request))

    def named_after(self, request: DeltaRequest) -> int:
        """How many names the client will subscribe to, or says that it has, by ``request``."""
        names = self._states[request.type_url].names
        added = len(request.subscribe.difference(names, request.unsubscribe))
        dropped = len(request.unsubscribe & names) if request.unsubscribe else 0
        return max(self.named + added - dropped, len(request.initial))

    def _received(self, request: DeltaRequest) -> Iterator[Output]:
        state = self._states[request.type_url]
        if request.nonce:
            yield from self._answered(state, request.nonce, request.error)
        if not state.asked:
            self._open(state, request)
        elif request.subscribe or request.unsubscribe:
            self._resubscribe(state, request)
        yield from self._flush()

    def _open(self, state: SubscriptionState, request: DeltaRequest) -> None:
        """The first request of a type: after a reconnect it says what the client still has."""
        is_warming = self._is_warming(state)
        silent = not request.subscribe and state.type_url in WILDCARD_BY_SILENCE
        asks_all = bool(EVERYTHING & request.subscribe - request.unsubscribe)
        wildcard = (silent or asks_all) and state.type_url not in BY_NAME_ALONE
        explicit = _without(request.subscribe, request.unsubscribe | EVERYTHING)
        state.subscribe(self._cache.same(explicit), wildcard=wildcard)
        if wildcard:
            state.owe_empty_response()
        elif not explicit:
            state.owe_no_endpoints()
        if request.initial:
            self._readiness.is_reconnect = True
        if not request.initial:
            # Sent nothing: a wildcard gets the difference from that, which all new proxies share.
            state.must_answer(state.names)
        else:
            self._compare(state, request, is_warming=is_warming)
        if not wildcard:
            state.assume_sent()

    def _is_warming(self, state: SubscriptionState) -> bool:
        """Envoy asks for endpoints before clusters only while a cluster of it warms.

        Such a cluster needs its endpoints again although Envoy says that it has them, and at once:
        until it is warm Envoy asks for no clusters.
        """
        clusters = self._states[TypeUrl.CLUSTER]
        return state.type_url is TypeUrl.ENDPOINT and not clusters.asked

    def _compare(
        self, state: SubscriptionState, request: DeltaRequest, *, is_warming: bool
    ) -> None:
        """Answer what differs from what the client holds, or all of it while a cluster is warming,
        and note what it holds and is gone. What would empty a cluster is for later.

        What is gone may still be in use, and this stream does not know its form: the answer is its
        removal, in its turn.
        """
        if request.initial and self._snapshot.for_running:
            state.retarget(self._snapshot.shelf(state.type_url, request.initial))
        target = state.target
        if state.type_url in KEPT_THOUGH_REJECTED:
            state.rejections.has_before(request.initial, target)
        scope = state.names.union(target) if state.wildcard else state.names
        changed = set[str]()
        for name in scope:
            form = self._form(state, name, target) or _absence(state.type_url, name)
            is_held = form is not None and form.version == request.initial.get(name)
            if not is_held or is_warming:
                changed.add(name)
        for name in request.initial:
            if name not in target and name not in state.pending_removal and state.covers(name):
                state.leave(name, None)
        changed -= self._emptying.of_before(state, frozenset(changed & request.initial.keys()))
        state.must_answer(frozenset(changed))
        if state.wildcard:
            state.assume_sent()

    def _resubscribe(self, state: SubscriptionState, request: DeltaRequest) -> None:
        """Any later change. A name is answered even if the client should have it: it may not."""
        added, dropped, wildcard = request.subscribe, request.unsubscribe, state.wildcard
        if "*" in dropped:
            wildcard = False
        elif "*" in added and state.type_url not in BY_NAME_ALONE:
            wildcard = True
            state.owe_empty_response()
            state.must_answer(frozenset(state.target))
        if wildcard:
            # The client does not know whether a name it dropped is still covered by the wildcard.
            state.must_answer(state.names & dropped)
        else:
            state.need_not_answer(dropped)
        added = _without(added, dropped | EVERYTHING)
        names = _without(state.names | added if state.names else added, dropped)
        state.subscribe(self._cache.same(names), wildcard=wildcard)
        state.must_answer(added)

    def _answer(self, state: SubscriptionState) -> tuple[Response, ...]:
        # A listener may take over the address of one that goes: in one message Envoy removes first.
        takes_over = state.pending_removal and state.type_url is TypeUrl.LISTENER
        gone = frozenset(filter(state.covers, state.pending_removal)) if takes_over else NO_NAMES
        sent, target, scope, asked = state.sent, state.target, state.scope, state.names_to_answer

        def worked_out(form: Form) -> tuple[Response, ...]:
            put = [n for n, _ in self._cache.change(sent, target).put if state.covers(n)]
            return self._responses(state.type_url, put, asked, gone, form)

        if not self._is_plain(state):
            found = worked_out(lambda name: self._news(state, name, asked))
        elif sent is target and not asked:
            found = ()
        elif sent is target and not gone and not any(name in target for name in asked):
            # Nobody else asks for just these, which are not there: it need not be remembered.
            found = worked_out(target.get)
        else:
            if sent is target:
                scope = NO_NAMES  # nothing changed: it does not matter, and may be large
            question = (Variant.DELTA, state.type_url, sent, target, scope, asked, gone)
            found = self._cache.answer(question, lambda: worked_out(target.get))
        if gone and found:
            state.removed()
        if not found and state.owes_empty_response and not state.pending_removal:
            return (delta_response(state.type_url, ()),)
        return found

    def _news(self, state: SubscriptionState, name: str, asked: Names) -> Resource | None:
        """The form of ``name`` to send; not one that the client has, unless it must be answered."""
        is_rejected = state.rejections.reports(state.target.get(name))
        return None if is_rejected and name not in asked else self._form(state, name, state.target)

    def _responses(
        self, type_url: TypeUrl, put: list[str], asked: Names, gone: Names, form: Form
    ) -> tuple[Response, ...]:
        """One response, and one more for each resource that some proxy rejected, or may."""
        resources, alone, unknown = list[Resource](), list[Resource](), set[str]()
        for name in {*put, *asked}:
            resource = form(name) or (_absence(type_url, name) if name in asked else None)
            if resource is None:
                unknown.update({name} & asked)
            elif self._cache.is_rejected(type_url, resource) or _may_be_taken_unread(
                type_url, name
            ):
                alone.append(resource)
            else:
                resources.append(resource)
        alone.sort(key=lambda resource: resource.name)
        singles = tuple(delta_response(type_url, (resource,)) for resource in alone)
        if not resources and not unknown and not (gone and alone):
            return singles
        return (delta_response(type_url, resources, unknown | gone), *singles)

    def _removal(self, state: SubscriptionState) -> Response | None:
        names = frozenset(name for name in state.pending_removal if state.covers(name))
        if not names:
            return None
        type_url, sent = state.type_url, state.sent
        question = (Variant.DELTA, type_url, sent, sent, NO_NAMES, NO_NAMES, names)
        return self._cache.answer(question, lambda: (delta_response(type_url, (), names),))[0]

    def _bisect(self, state: SubscriptionState, rejected: Response, error: str) -> None:
        if len(rejected.fresh) > 1:
            state.bisect(bisection_groups(rejected.fresh, error))

    def _bisection_step(self, state: SubscriptionState, names: Names) -> Response | None:
        forms = [self._form(state, name, state.sent) for name in sorted(names)]
        resources = [form for form in forms if form is not None]
        return delta_response(state.type_url, resources) if resources else None


def _may_be_taken_unread(type_url: TypeUrl, name: str) -> bool:
    """Whether Envoy may accept what it has rejected, so that no bisection could find the culprit.

    It opens the files of a secret when it comes; rejected and sent again, its hash is known.
    """
    return type_url in KEPT_THOUGH_REJECTED or files_of(name) is not None


def _absence(type_url: TypeUrl, name: str) -> Resource | None:
    """How a missing route configuration is answered: removed ones keep a listener warming
    forever.
    """
    return nothing_named(type_url, name) if type_url is TypeUrl.ROUTE else None


def _without(names: Names, dropped: Names) -> Names:
    """``names`` less ``dropped``; the same object where nothing is dropped: it stays shared."""
    return names if names.isdisjoint(dropped) else names - dropped
