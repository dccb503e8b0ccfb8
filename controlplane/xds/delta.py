"""A delta stream: requests name what they add and drop, responses hold only what changed.

Source: Envoy, "xDS REST and gRPC protocol", "Incremental xDS"; what its text leaves open is as
Envoy 1.40 behaves.
"""

from collections.abc import Callable
from collections.abc import Iterator

from controlplane.base.shelf import Shelf
from controlplane.envoy.resource import Resource
from controlplane.envoy.resource import TypeUrl
from controlplane.model.tls import files_of
from controlplane.xds.events import DeltaRequest
from controlplane.xds.events import Output
from controlplane.xds.response import Response
from controlplane.xds.response import Variant
from controlplane.xds.response import delta_response
from controlplane.xds.response import nothing_named
from controlplane.xds.response_cache import Names
from controlplane.xds.session import Session
from controlplane.xds.subscription import NO_NAMES
from controlplane.xds.subscription import WILDCARD_BY_SILENCE
from controlplane.xds.subscription import PendingResponse
from controlplane.xds.subscription import SubscriptionState
from controlplane.xds.subscription import bisection_groups

EVERYTHING = frozenset({"*"})
Form = Callable[[str], Resource | None]


class DeltaSession(Session):
    """One ``DeltaAggregatedResources`` stream."""

    def receive(self, request: DeltaRequest) -> tuple[Output, ...]:
        """Answer ``request``; whatever its nonce, what it subscribes to is answered."""
        return tuple(self._received(request))

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
        state.asked = True
        silent = not request.subscribe and state.type_url in WILDCARD_BY_SILENCE
        asks_all = bool(EVERYTHING & request.subscribe - request.unsubscribe)
        state.wildcard = (silent or asks_all) and state.type_url is not TypeUrl.SECRET
        explicit = _without(request.subscribe, request.unsubscribe | EVERYTHING)
        state.names = self._cache.same(explicit)
        state.owes_empty_response = state.wildcard
        if self._is_warming(state) or not request.initial:
            # Given nothing: a wildcard gets the difference from that, which all new proxies share.
            state.must_answer = state.names
        else:
            self._compare(state, request)
        if not state.wildcard:
            state.sent = state.target
        if state.must_answer is not state.names:
            state.must_answer |= (
                state.owed_endpoints if state.wildcard else state.owed_endpoints & state.names
            )
        state.owed_endpoints = NO_NAMES

    def _is_warming(self, state: SubscriptionState) -> bool:
        """Envoy asks for endpoints before clusters only while a cluster of it warms.

        Such a cluster needs its endpoints again although Envoy says that it has them.
        """
        clusters = self._states[TypeUrl.CLUSTER]
        return state.type_url is TypeUrl.ENDPOINT and not clusters.asked

    def _compare(self, state: SubscriptionState, request: DeltaRequest) -> None:
        """Answer what differs from what the client holds, note what it holds and is gone."""
        target = state.target
        scope = state.names.union(target) if state.wildcard else state.names
        state.must_answer |= {
            name
            for name in scope
            if (form := self._form(state, name, target) or _absence(state.type_url, name)) is None
            or form.version != request.initial.get(name)
        }
        if state.wildcard:
            state.sent = target
            for name in request.initial:
                if name not in target:
                    state.pending_removal[name] = None

    def _resubscribe(self, state: SubscriptionState, request: DeltaRequest) -> None:
        """Any later change. A name is answered though the client should have it: it may not."""
        added, dropped = request.subscribe, request.unsubscribe
        if "*" in dropped:
            state.wildcard = False
        elif "*" in added and state.type_url is not TypeUrl.SECRET:
            state.wildcard = state.owes_empty_response = True
            state.must_answer |= frozenset(state.target)
        if state.wildcard:
            # The client does not know whether a name it dropped is still covered by the wildcard.
            state.must_answer |= state.names & dropped
        else:
            state.must_answer = _without(state.must_answer, dropped)
        added = _without(added, dropped | EVERYTHING)
        names = _without(state.names | added if state.names else added, dropped)
        state.names = self._cache.same(names)
        state.must_answer = state.must_answer | added if state.must_answer else added

    def _answer(self, state: SubscriptionState) -> tuple[Response, ...]:
        # A listener may take over the address of one that goes: in one message Envoy removes first.
        takes_over = state.pending_removal and state.type_url is TypeUrl.LISTENER
        pending_removal = (
            frozenset(filter(state.covers, state.pending_removal)) if takes_over else NO_NAMES
        )
        sent, target, scope, must_answer = state.sent, state.target, state.scope, state.must_answer

        def worked_out(form: Form) -> tuple[Response, ...]:
            put = [n for n, _ in self._cache.change(sent, target).put if state.covers(n)]
            return self._responses(state.type_url, put, must_answer, pending_removal, form)

        if self._is_plain(state):
            question = (
                Variant.DELTA,
                state.type_url,
                sent,
                target,
                scope,
                must_answer,
                pending_removal,
            )
            found = self._cache.answer(question, lambda: worked_out(target.get))
        else:
            found = worked_out(lambda name: self._news(state, name, target))
        if pending_removal and found:
            state.pending_removal.clear()
        if not found and state.owes_empty_response and not state.pending_removal:
            return (delta_response(state.type_url, ()),)
        return found

    def _news(
        self, state: SubscriptionState, name: str, target: Shelf[Resource]
    ) -> Resource | None:
        """The form of ``name`` to send; not one that the client has, unless it must be answered."""
        form = self._form(state, name, target)
        is_held = state.holds(name, target)
        return None if is_held and name not in state.must_answer else form

    def _responses(
        self,
        type_url: TypeUrl,
        put: list[str],
        must_answer: Names,
        pending_removal: Names,
        form: Form,
    ) -> tuple[Response, ...]:
        """One response, and one more for each resource that some proxy refused, or may."""
        resources, alone, unknown = list[Resource](), list[Resource](), set[str]()
        for name in {*put, *must_answer}:
            resource = form(name) or (_absence(type_url, name) if name in must_answer else None)
            if resource is None:
                unknown.update({name} & must_answer)
            elif self._cache.is_rejected(type_url, resource) or files_of(name) is not None:
                # Envoy opens the files of a secret when it comes; refused and sent again, it is
                # taken unread (its hash is known), so the culprit could not be found by trial.
                alone.append(resource)
            else:
                resources.append(resource)
        alone.sort(key=lambda resource: resource.name)
        singles = tuple(delta_response(type_url, (resource,)) for resource in alone)
        if not resources and not unknown and not (pending_removal and alone):
            return singles
        return (delta_response(type_url, resources, unknown | pending_removal), *singles)

    def _removal(self, state: SubscriptionState) -> Response | None:
        names = frozenset(name for name in state.pending_removal if state.covers(name))
        if not names:
            return None
        type_url, sent = state.type_url, state.sent
        question = (Variant.DELTA, type_url, sent, sent, NO_NAMES, NO_NAMES, names)
        return self._cache.answer(question, lambda: (delta_response(type_url, (), names),))[0]

    def _suspend(self, state: SubscriptionState, pending: PendingResponse, error: str) -> None:
        if len(pending.response.fresh) > 1:
            state.bisection.extend(bisection_groups(pending.response.fresh, error))

    def _bisection_step(self, state: SubscriptionState, names: Names) -> Response | None:
        forms = [self._form(state, name, state.sent) for name in sorted(names)]
        resources = [form for form in forms if form is not None]
        return delta_response(state.type_url, resources) if resources else None


def _absence(type_url: TypeUrl, name: str) -> Resource | None:
    """How "there is none" is said of routes: removed ones keep a listener warming for ever."""
    return nothing_named(type_url, name) if type_url is TypeUrl.ROUTE else None


def _without(names: Names, dropped: Names) -> Names:
    """``names`` less ``dropped``; the same object where nothing is dropped: it stays shared."""
    return names if names.isdisjoint(dropped) else names - dropped
