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
from controlplane.xds.ledger import NO_NAMES
from controlplane.xds.ledger import NO_NONCE
from controlplane.xds.ledger import WILDCARD_BY_SILENCE
from controlplane.xds.ledger import Flight
from controlplane.xds.ledger import Ledger
from controlplane.xds.ledger import trial_groups
from controlplane.xds.response import Response
from controlplane.xds.response import Variant
from controlplane.xds.response import nothing_named
from controlplane.xds.response import sotw_response
from controlplane.xds.response_cache import Names
from controlplane.xds.session import Session
from controlplane.xds.snapshot import NOTHING

WHOLE = WILDCARD_BY_SILENCE
"""In these types whatever a response leaves out is deleted; in the others it stays as it is."""


class SotwSession(Session):
    """One ``StreamAggregatedResources`` stream."""

    trial_width = 1  # an answer to any but the last response is stale

    def receive(self, request: SotwRequest) -> tuple[Output, ...]:
        """Answer ``request``, unless its nonce is stale: then its sender has not seen our last."""
        return tuple(self._received(request))

    def _received(self, request: SotwRequest) -> Iterator[Output]:
        ledger = self._ledgers[request.type_url]
        is_stale = ledger.asked and request.nonce not in (ledger.last, NO_NONCE)
        if request.nonce:
            yield from self._answered(ledger, request.nonce, request.error)
        if is_stale:
            pass  # what it subscribes to will be said again with the answer to our last
        elif not ledger.asked or not request.nonce:
            self._open(ledger, request)
        else:
            self._resubscribe(ledger, request)
        yield from self._flush()

    def _open(self, ledger: Ledger, request: SotwRequest) -> None:
        """The first request of a type, or the repeated one of a client that got nothing yet.

        What the client holds from an earlier stream cannot be known, so all is said again.
        """
        ledger.asked = True
        self._subscribe(ledger, request)
        ledger.owed, ledger.due = NO_NAMES, ledger.names
        ledger.gone.clear()
        if ledger.type_url in WHOLE:
            ledger.greeting = bool(ledger.names) or ledger.wildcard
            ledger.given = NOTHING
        else:
            ledger.given = ledger.target

    def _resubscribe(self, ledger: Ledger, request: SotwRequest) -> None:
        """Added names are answered though they were sent before; dropped ones need no answer."""
        before, was_wildcard = ledger.names, ledger.wildcard
        self._subscribe(ledger, request)
        ledger.due |= ledger.names - before
        ledger.greeting |= ledger.wildcard and not was_wildcard

    def _subscribe(self, ledger: Ledger, request: SotwRequest) -> None:
        names = request.names
        if "*" in names or (ledger.type_url in WHOLE and not names and not ledger.named):
            ledger.wildcard = ledger.type_url is not TypeUrl.SECRET
        else:
            ledger.wildcard = False
        ledger.named |= bool(names)
        if names != ledger.names:
            ledger.names = self._cache.same(names - {"*"} if "*" in names else names)

    def _answer(self, ledger: Ledger) -> tuple[Response, ...]:
        target = ledger.target
        if ledger.type_url not in WHOLE:
            ledger.gone.clear()
        if not self._is_plain(ledger) or ledger.flights:
            found = self._responses(ledger, target)
        else:
            gone = frozenset(ledger.gone)
            asked = ledger.due | {"*"} if ledger.greeting else ledger.due
            given, scope = ledger.given, ledger.scope
            question = (Variant.SOTW, ledger.type_url, given, target, scope, asked, gone)
            found = self._cache.answer(question, lambda: self._responses(ledger, target))
        if found and ledger.type_url is TypeUrl.LISTENER:
            ledger.gone.clear()
        return found

    def _responses(self, ledger: Ledger, target: Shelf[Resource]) -> tuple[Response, ...]:
        change = self._cache.change(ledger.given, target)
        put = frozenset(name for name, _ in change.put if ledger.covers(name))
        fresh = (put | ledger.due) - {n for n in ledger.held if ledger.holds(n, target)}
        if ledger.type_url in WHOLE:
            if not fresh and not ledger.greeting:
                return ()
            # A cluster that is gone stays until the routes no longer refer to it.
            kept = ledger.gone if ledger.type_url is TypeUrl.CLUSTER else {}
            suspect = fresh | self._unanswered(ledger)
            return (self._whole(ledger, target, suspect, kept),)
        resources = self._forms(ledger, fresh | ledger.due, target)
        return (sotw_response(ledger.type_url, resources, fresh),) if resources else ()

    def _whole(
        self,
        ledger: Ledger,
        target: Shelf[Resource],
        fresh: Names,
        kept: Mapping[str, Resource | None],
    ) -> Response:
        names = ledger.names.union(target) if ledger.wildcard else ledger.names
        forms = [self._form(ledger, name, target) for name in names]
        forms += [ledger.form(name, form) for name, form in kept.items() if ledger.covers(name)]
        return sotw_response(ledger.type_url, [form for form in forms if form is not None], fresh)

    def _unanswered(self, ledger: Ledger) -> Names:
        """What is repeated and was never acknowledged is as suspect as what is new."""
        return frozenset(name for f in ledger.flights.values() for name in f.response.fresh)

    def _forms(self, ledger: Ledger, names: Names, target: Shelf[Resource]) -> list[Resource]:
        """Known names as they are, unknown ones as empty resources where the type has such."""
        forms = (
            self._form(ledger, name, target) or nothing_named(ledger.type_url, name)
            for name in names
        )
        return [form for form in forms if form is not None]

    def _removal(self, ledger: Ledger) -> Response | None:
        """Whole types are said again without what is gone; in the others nobody refers to it."""
        if ledger.type_url not in WHOLE or not any(map(ledger.covers, ledger.gone)):
            return None
        return self._whole(ledger, ledger.given, self._unanswered(ledger), {})

    def _suspend(self, ledger: Ledger, flight: Flight, error: str) -> None:
        """Go back to what was good, then offer the suspects again group by group.

        A whole type is said once more in the end, as Envoy may have applied any part of what it
        refused, and is left alone when it refuses what it had taken before.
        """
        suspects = flight.response.fresh
        if len(suspects) > 1:
            if ledger.type_url in WHOLE:
                suspects |= self._unanswered(ledger)
            ledger.suspended |= {name: ledger.good(name) for name in sorted(suspects)}
            ledger.trials.extendleft(reversed(trial_groups(suspects, error)))
        elif ledger.type_url in WHOLE and flight.response.fresh and not ledger.trials:
            ledger.trials.append(NO_NAMES)

    def _trial(self, ledger: Ledger, names: Names) -> Response | None:
        if ledger.type_url is TypeUrl.CLUSTER:
            # Envoy may have applied some of what it refused: what goes back warms again.
            self._owe_endpoints(frozenset((*ledger.suspended, *ledger.held)))
        for name in names:
            ledger.suspended.pop(name, None)
        if ledger.type_url in WHOLE:
            suspects = (names | self._unanswered(ledger)).difference(ledger.suspended)
            return self._whole(ledger, ledger.given, suspects, ledger.gone)
        forms = self._forms(ledger, names, ledger.given)
        return sotw_response(ledger.type_url, forms, names) if forms else None
