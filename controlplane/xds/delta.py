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
from controlplane.xds.ledger import NO_NAMES
from controlplane.xds.ledger import WILDCARD_BY_SILENCE
from controlplane.xds.ledger import Flight
from controlplane.xds.ledger import Ledger
from controlplane.xds.ledger import trial_groups
from controlplane.xds.response import Response
from controlplane.xds.response import Variant
from controlplane.xds.response import delta_response
from controlplane.xds.response import nothing_named
from controlplane.xds.response_cache import Names
from controlplane.xds.session import Session

EVERYTHING = frozenset({"*"})
Form = Callable[[str], Resource | None]


class DeltaSession(Session):
    """One ``DeltaAggregatedResources`` stream."""

    def receive(self, request: DeltaRequest) -> tuple[Output, ...]:
        """Answer ``request``; whatever its nonce, what it subscribes to is answered."""
        return tuple(self._received(request))

    def _received(self, request: DeltaRequest) -> Iterator[Output]:
        ledger = self._ledgers[request.type_url]
        if request.nonce:
            yield from self._answered(ledger, request.nonce, request.error)
        if not ledger.asked:
            self._open(ledger, request)
        elif request.subscribe or request.unsubscribe:
            self._resubscribe(ledger, request)
        yield from self._flush()

    def _open(self, ledger: Ledger, request: DeltaRequest) -> None:
        """The first request of a type: after a reconnect it says what the client still has."""
        ledger.asked = True
        silent = not request.subscribe and ledger.type_url in WILDCARD_BY_SILENCE
        asks_all = bool(EVERYTHING & request.subscribe - request.unsubscribe)
        ledger.wildcard = (silent or asks_all) and ledger.type_url is not TypeUrl.SECRET
        explicit = _without(request.subscribe, request.unsubscribe | EVERYTHING)
        ledger.names = self._cache.same(explicit)
        ledger.greeting = ledger.wildcard
        if self._is_warming(ledger) or not request.initial:
            # Given nothing: a wildcard gets the difference from that, which all new proxies share.
            ledger.due = ledger.names
        else:
            self._compare(ledger, request)
        if not ledger.wildcard:
            ledger.given = ledger.target
        if ledger.due is not ledger.names:
            ledger.due |= ledger.owed if ledger.wildcard else ledger.owed & ledger.names
        ledger.owed = NO_NAMES

    def _is_warming(self, ledger: Ledger) -> bool:
        """Envoy asks for endpoints before clusters only while a cluster of it warms.

        Such a cluster needs its endpoints again although Envoy says that it has them.
        """
        clusters = self._ledgers[TypeUrl.CLUSTER]
        return ledger.type_url is TypeUrl.ENDPOINT and not clusters.asked

    def _compare(self, ledger: Ledger, request: DeltaRequest) -> None:
        """Make due what differs from what the client holds, note what is gone."""
        target = ledger.target
        scope = ledger.names.union(target) if ledger.wildcard else ledger.names
        ledger.due |= {
            name
            for name in scope
            if (form := self._form(ledger, name, target) or _absence(ledger.type_url, name)) is None
            or form.version != request.initial.get(name)
        }
        if ledger.wildcard:
            ledger.given = target
            for name in request.initial:
                if name not in target:
                    ledger.gone[name] = None

    def _resubscribe(self, ledger: Ledger, request: DeltaRequest) -> None:
        """Any later change. A name is answered though the client should have it: it may not."""
        added, dropped = request.subscribe, request.unsubscribe
        if "*" in dropped:
            ledger.wildcard = False
        elif "*" in added and ledger.type_url is not TypeUrl.SECRET:
            ledger.wildcard = ledger.greeting = True
            ledger.due |= frozenset(ledger.target)
        if ledger.wildcard:
            # The client does not know whether a name it dropped is still covered by the wildcard.
            ledger.due |= ledger.names & dropped
        else:
            ledger.due = _without(ledger.due, dropped)
            for name in dropped if ledger.gone else ():
                ledger.gone.pop(name, None)
        added = _without(added, dropped | EVERYTHING)
        names = _without(ledger.names | added if ledger.names else added, dropped)
        ledger.names = self._cache.same(names)
        ledger.due = ledger.due | added if ledger.due else added

    def _answer(self, ledger: Ledger) -> tuple[Response, ...]:
        # A listener may take over the address of one that goes: in one message Envoy removes first.
        takes_over = ledger.gone and ledger.type_url is TypeUrl.LISTENER
        gone = frozenset(filter(ledger.covers, ledger.gone)) if takes_over else NO_NAMES
        given, target, scope, due = ledger.given, ledger.target, ledger.scope, ledger.due

        def worked_out(form: Form) -> tuple[Response, ...]:
            put = [n for n, _ in self._cache.change(given, target).put if ledger.covers(n)]
            return self._responses(ledger.type_url, put, due, gone, form)

        if self._is_plain(ledger):
            question = (Variant.DELTA, ledger.type_url, given, target, scope, due, gone)
            found = self._cache.answer(question, lambda: worked_out(target.get))
        else:
            found = worked_out(lambda name: self._news(ledger, name, target))
        if gone and found:
            ledger.gone.clear()
        if not found and ledger.greeting and not ledger.gone:
            return (delta_response(ledger.type_url, ()),)
        return found

    def _news(self, ledger: Ledger, name: str, target: Shelf[Resource]) -> Resource | None:
        """The form of ``name`` to send; not one that the client has, unless it must be answered."""
        form = self._form(ledger, name, target)
        is_held = ledger.holds(name, target)
        return None if is_held and name not in ledger.due else form

    def _responses(
        self, type_url: TypeUrl, put: list[str], due: Names, gone: Names, form: Form
    ) -> tuple[Response, ...]:
        """One response, and one more for each resource that some proxy refused, or may."""
        resources, alone, unknown = list[Resource](), list[Resource](), set[str]()
        for name in {*put, *due}:
            resource = form(name) or (_absence(type_url, name) if name in due else None)
            if resource is None:
                unknown.update({name} & due)
            elif self._cache.is_rejected(type_url, resource) or files_of(name) is not None:
                # Envoy opens the files of a secret when it comes; refused and sent again, it is
                # taken unread (its hash is known), so the culprit could not be found by trial.
                alone.append(resource)
            else:
                resources.append(resource)
        alone.sort(key=lambda resource: resource.name)
        singles = tuple(delta_response(type_url, (resource,)) for resource in alone)
        if not resources and not unknown and not (gone and alone):
            return singles
        return (delta_response(type_url, resources, unknown | gone), *singles)

    def _removal(self, ledger: Ledger) -> Response | None:
        names = frozenset(name for name in ledger.gone if ledger.covers(name))
        if not names:
            return None
        type_url, given = ledger.type_url, ledger.given
        question = (Variant.DELTA, type_url, given, given, NO_NAMES, NO_NAMES, names)
        return self._cache.answer(question, lambda: (delta_response(type_url, (), names),))[0]

    def _suspend(self, ledger: Ledger, flight: Flight, error: str) -> None:
        if len(flight.response.fresh) > 1:
            ledger.trials.extend(trial_groups(flight.response.fresh, error))

    def _trial(self, ledger: Ledger, names: Names) -> Response | None:
        forms = [self._form(ledger, name, ledger.given) for name in sorted(names)]
        resources = [form for form in forms if form is not None]
        return delta_response(ledger.type_url, resources) if resources else None


def _absence(type_url: TypeUrl, name: str) -> Resource | None:
    """How "there is none" is said of routes: removed ones keep a listener warming for ever."""
    return nothing_named(type_url, name) if type_url is TypeUrl.ROUTE else None


def _without(names: Names, dropped: Names) -> Names:
    """``names`` less ``dropped``; the same object where nothing is dropped: it stays shared."""
    return names if names.isdisjoint(dropped) else names - dropped
