"""The objects in force, and why one of them is not as it is declared.

An object that Istio would refuse keeps its last accepted form, also one from before a restart; so
does one that an internal error affects, and a working Secret is not replaced by one that does not
work.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from controlplane.base.diagnostics import Diagnostic, Report
from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.documents.document import RawObject
from controlplane.engine.declarations import Accepted, Declarations
from controlplane.engine.forms import Form, Forms
from controlplane.engine.internal_errors import refused as refused_by
from controlplane.engine.removals import NO_FILE, Removals
from controlplane.graph import Fault, Graph
from controlplane.kinds.core.configuration import CONFIG_MAP, SECRET
from controlplane.kinds.decode import decode
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY
from controlplane.kinds.object import Object
from controlplane.kinds.unserved import kinds_meant
from controlplane.queries.inputs.objects import Objects
from controlplane.queries.inputs.refused import REFUSED, REFUSED_ENTRY
from controlplane.queries.inputs.unread_policies import KINDS as POLICIES, OF_BACKENDS, UNREAD
from controlplane.translate.connections import OF_OPTION
from controlplane.translate.kubernetes.secret_replacement import would_break
from controlplane.translate.workload import REGISTERED

Outcomes = dict[ObjectKey, bool | None]
"""For each object: put (true), removed (false), or as it was."""


CHANGED_AT_MOST: Final = 1_000
"""Objects that may differ at a start for the change to be taken as a whole."""


MADE: Final = frozenset({OF_OPTION, REGISTERED})
"""Annotations of objects that no file declares."""
WITH_CERTIFICATES: Final = frozenset({SECRET, CONFIG_MAP})


class InForce:
    """Brings objects in step with what files claim. ``on_put`` and ``on_removed`` hear of each that
    changes.
    """

    def __init__(
        self,
        graph: Graph,
        declarations: Declarations,
        accepted: Accepted,
        removals: Removals,
        *,
        now: datetime,
        on_put: Callable[[ObjectKey], None],
        on_removed: Callable[[ObjectKey], None],
        on_fault: Callable[[Fault], None],
    ) -> None:
        self._graph = graph
        self._missing: dict[ObjectKey, frozenset[str]] = {}
        """The objects that are refused and of which no earlier version is in force, and what names
        they have or would declare.
        """
        self._slips: dict[ObjectKey, set[ObjectKey]] = {}
        """By an object that is refused for a slip in its kind, what it was meant to be."""
        self.objects = Objects(graph)
        self.now = now
        self.withheld: dict[ObjectKey, Fault] = {}
        """Why an object is not as it is declared, where an internal error is the reason."""
        self._declarations = declarations
        self._accepted = accepted
        self._removals = removals
        self._unread: dict[tuple[Kind, Namespace], set[ObjectKey]] = {}
        """The policies of which an internal error hides what they are declared to say."""
        self._on_put = on_put
        self._on_removed = on_removed
        self._on_fault = on_fault
        self._raw: dict[ObjectKey, RawObject] = {}
        self._held_back: dict[ObjectKey, tuple[Diagnostic, ...]] = {}
        """Why the newest form of a Secret is not in force, while the previous one is."""

    def bring(self, keys: Iterable[ObjectKey]) -> Outcomes:
        """Bring objects in step with their declarations."""
        outcomes = {key: self._contained(key) for key in keys}
        self._note_unread(key for key in outcomes if key.kind in POLICIES | OF_BACKENDS)
        self.objects.settle()
        return outcomes

    def _note_unread(self, policies: Iterable[ObjectKey]) -> None:
        """Note of which policies the declared form is not known, so that calls are refused, or no
        connection is made.
        """
        for key in policies:
            winner = self._declarations.winner(key)
            unread = self._unread.setdefault((key.kind, key.namespace), set())
            is_unread = winner is not None and (winner.is_unread or key in self.withheld)
            if is_unread and (key.kind in POLICIES or self.objects.get(key) is None):
                unread.add(key)
            else:
                unread.discard(key)
            self._graph.set(UNREAD, (key.kind, key.namespace), bool(unread))

    def due(self) -> tuple[ObjectKey, ...]:
        """The objects to try again as time passes."""
        return tuple(dict.fromkeys((*self._held_back, *self.withheld)))

    def form(self, key: ObjectKey) -> Form:
        return Form(self.objects.get(key), self._raw.get(key))

    def raw(self, key: ObjectKey) -> RawObject | None:
        return self._raw.get(key)

    def accepted(self) -> tuple[RawObject, ...]:
        """The declaration of every object that is in force, as it is to be remembered."""
        return tuple(raw for key, raw in self._raw.items() if not self._is_made(key))

    def _is_made(self, key: ObjectKey) -> bool:
        """Whether an option or a connected workload makes the object, in this run alone."""
        found = self.objects.get(key) if key.kind == WORKLOAD_ENTRY else None
        return found is not None and not MADE.isdisjoint(found.annotations)

    def differing(self) -> Forms:
        """The objects that an earlier run accepted otherwise than they are in force now, as they
        were then; nothing where there was none, or where so many differ that it is another mesh.
        """
        remembered = tuple(self._accepted.differing(self._raw.values()))
        known = self._accepted.keys()
        new = self._raw.keys() - set(known) if known else ()
        if len(remembered) + len(new) > CHANGED_AT_MOST:
            return {}
        forms = {raw.key: Form(decode(raw, Report()), raw) for raw in remembered}
        good = {key: form for key, form in forms.items() if form.object is not None}
        return {**good, **dict.fromkeys(new, Form())}

    def keep_time(self, keys: Iterable[ObjectKey], now: datetime) -> bool:
        """Judge certificates by the present time where some may be in ``keys``; says whether."""
        if not any(key.kind in WITH_CERTIFICATES for key in keys):
            return False
        self.now = now
        return True

    def save(self, outcomes: Mapping[ObjectKey, bool | None]) -> None:
        """Remember what was put and removed, for the next run."""
        put = [
            self._raw[key]
            for key, is_there in outcomes.items()
            if is_there and not self._is_made(key)
        ]
        removed = [key for key, is_there in outcomes.items() if is_there is False]
        self._accepted.save(put, removed)

    def put_forms(self, forms: Forms) -> None:
        """Put objects back or forth, whatever is claimed."""
        for key, form in forms.items():
            if form.object is not None and form.raw is not None:
                self._put(form.object, form.raw)
            elif self.objects.get(key) is not None:
                self._remove(key)
        self.objects.settle()

    def hold(self, keys: Iterable[ObjectKey]) -> None:
        """Remember, for the next run as well, that no file declares these objects any more."""
        for key in keys:
            raw = self._raw[key]
            self._raw[key] = replace(raw, origin=replace(raw.origin, path=NO_FILE))
            self._accepted.save([self._raw[key]], [])

    def held_back(self) -> Iterator[Object[Any]]:
        """The newest form of each Secret of which the previous form stays in force."""
        for key in self._held_back:
            winner = self._declarations.winner(key)
            if winner is not None and winner.object is not None:
                yield winner.object

    def diagnostics(self) -> Iterator[Diagnostic]:
        """Why objects are not as they are declared."""
        for reported in self._held_back.values():
            yield from reported
        for key, fault in self.withheld.items():
            yield refused_by(key, "accepting this object", fault.error)

    def _contained(self, key: ObjectKey) -> bool | None:
        """As ``_settle``; what raises leaves the object as it was, until the next edit."""
        for bring in (self._settle, self._restore):
            try:
                outcome = bring(key)
            except Exception as error:
                self._withhold(key, Fault("taking", (key,), error))
                if self.objects.get(key) is not None:
                    return None
            else:
                if bring == self._settle:
                    self.withheld.pop(key, None)
                return outcome
        return None

    def _withhold(self, key: ObjectKey, fault: Fault) -> None:
        known = self.withheld.get(key)
        if known is None or repr(known.error) != repr(fault.error):
            self._on_fault(fault)
        self.withheld[key] = fault

    def _settle(self, key: ObjectKey) -> bool | None:
        """Bring one object in step with its claims: put (true), removed (false) or as it was."""
        outcome = self._settled(key)
        winner = self._declarations.winner(key)
        is_missing = winner is not None and winner.is_refused and self.objects.get(key) is None
        hosts = _hosts_of(winner.raw) if winner is not None and is_missing else frozenset[str]()
        before = self._missing.pop(key, frozenset())
        if is_missing:
            self._missing[key] = hosts
        if is_missing or before:
            self._graph.set(REFUSED, key, key if is_missing else None)
        self._note_meant(key, winner.raw if winner is not None and is_missing else None)
        for host in hosts | before if key.kind == SERVICE_ENTRY else ():
            self._graph.set(REFUSED_ENTRY, host, key if host in hosts else None)
        return outcome

    def _note_meant(self, key: ObjectKey, raw: RawObject | None) -> None:
        """Note what an object that is refused for a slip in its kind was meant to be."""
        kinds = kinds_meant(raw) if raw is not None else ()
        meant: set[ObjectKey] = {ObjectKey(kind, key.namespace, key.name) for kind in kinds}
        for each in self._slips.pop(key, set()) - meant:
            self._graph.set(REFUSED, each, each if each in self._missing else None)
        if meant:
            self._slips[key] = meant
        for each in meant - self._missing.keys():
            self._graph.set(REFUSED, each, key)

    def _settled(self, key: ObjectKey) -> bool | None:
        winner = self._declarations.winner(key)
        held = self.objects.get(key)
        self._held_back.pop(key, None)
        if winner is None:
            if self._declarations.is_kept(key) or self._removals.is_held(key):
                return self._restore(key) if held is None else None
            return self._remove(key) if held is not None else None
        object_ = winner.object
        if object_ is None:
            if winner.is_refused:
                return self._restore(key) if held is None else None
            return self._remove(key) if held is not None else None
        if key.kind == SECRET and self._spoils(object_, held or self._remembered(key)):
            return self._restore(key) if held is None else None
        return self._put(object_, winner.raw)

    def _spoils(self, new: Object[Any], before: Object[Any] | None) -> bool:
        """Whether a Secret that works would be replaced by one that Envoy or its clients refuse."""
        report = Report()
        if before is None or not would_break(report, new, before, self.now):
            return False
        note = "the previous version stays in force"
        self._held_back[new.key] = tuple(replace(found, note=note) for found in report)
        return True

    def _put(self, object_: Object[Any], raw: RawObject) -> bool | None:
        if self.objects.get(object_.key) == object_:
            before = self._raw[object_.key]
            self._raw[object_.key] = raw
            if before.origin.path != raw.origin.path:
                self._accepted.save([raw], [])
            return None
        self.objects.put(object_)
        self._raw[object_.key] = raw
        self._on_put(object_.key)
        return True

    def _remove(self, key: ObjectKey) -> bool:
        self.objects.remove(key)
        self._raw.pop(key, None)
        self._on_removed(key)
        return False

    def _restore(self, key: ObjectKey) -> bool | None:
        """Put back the version that an earlier run accepted last."""
        raw, object_ = self._accepted.of_key(key), self._remembered(key)
        return self._put(object_, raw) if raw is not None and object_ is not None else None

    def _remembered(self, key: ObjectKey) -> Object[Any] | None:
        """The version that an earlier run accepted last, where it is known and still valid."""
        raw = self._accepted.of_key(key)
        return decode(raw, Report()) if raw is not None else None


def _hosts_of(raw: RawObject) -> frozenset[str]:
    """The object's own name, and the hosts that a ServiceEntry would declare."""
    names = {raw.key.name}
    match raw.body.get("spec"):
        case {"hosts": [*hosts]} if raw.key.kind == SERVICE_ENTRY:
            names.update(host for host in hosts if isinstance(host, str))
    return frozenset(names)
