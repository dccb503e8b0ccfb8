"""A change is applied as a whole: which objects of an edit wait for the rest of it.

A change often comes in pieces: two files saved one after the other, a checkout, a copy. A piece
that makes things worse (a reference that resolved no longer does, an object that was in use goes
away) is most likely not all of it, so the objects concerned stay as they were until their
counterparts come. An edit that makes nothing worse is never held.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from controlplane.base.names import ObjectKey
from controlplane.engine.forms import Forms
from controlplane.graph import Graph
from controlplane.kinds.istio.destination_rule import DestinationRule
from controlplane.kinds.istio.virtual_service import VirtualService
from controlplane.kinds.object import Object
from controlplane.queries.analysis.references import (
    Reference,
    broken_references,
    has_gateway,
    takes_requests,
)
from controlplane.queries.inputs.objects import OBJECT, object_of

TRIED_ALONE: Final = 16  # held objects; each costs a look at what refers to it


Put = Callable[[Forms], Iterable[ObjectKey]]
"""Puts objects in force in a revision of its own, and gives those whose references are in doubt."""


@dataclass(slots=True)
class Trial:
    """An edit that is in force on trial: ``before`` and ``after`` are the forms of its objects."""

    graph: Graph
    before: Forms
    after: Forms
    put: Put
    known: dict[ObjectKey, frozenset[Reference]] = field(default_factory=dict)
    """What was broken before the edit: of its own objects, and of those it put in doubt."""

    def held(self, doubtful: Iterable[ObjectKey]) -> frozenset[ObjectKey]:
        """The objects that stay as they were; the others are in force as edited.

        ``doubtful`` are the objects whose references the edit put in doubt.
        """
        self._look(doubtful)
        held: frozenset[ObjectKey] = frozenset()
        worse = self._worse(held)
        while worse:
            if len(held) == len(self.after):
                self._note(worse)
                held = frozenset()
            else:
                held |= self._concerned(worse, held)
            self._set(held)
            worse = self._worse(held)
        return self._let_go(held)

    def _note(self, worse: Iterable[ObjectKey]) -> None:
        """Learn what was broken before the edit from the mesh without it, as it is put now."""
        for key in worse:
            self.known[key] = self.known[key] | broken_references(self.graph, key)

    def _concerned(
        self, worse: frozenset[ObjectKey], held: frozenset[ObjectKey]
    ) -> frozenset[ObjectKey]:
        """What else is to be held: objects that are worse off and part of the edit, else those that
        they refer to, else all.
        """
        free = frozenset(self.after) - held
        if worse & free:
            return worse & free
        led_to = self._led_to(worse)
        self._set(frozenset(self.after))
        return (free & (led_to | self._led_to(worse))) or free

    def _led_to(self, worse: Iterable[ObjectKey]) -> frozenset[ObjectKey]:
        """The objects that references lead to as it is put now."""
        for key in worse:
            broken_references(self.graph, key)
        return frozenset(
            found
            for key in worse
            for input_, found in self.graph.sources(broken_references, key)
            if input_ is OBJECT
        )

    def _let_go(self, held: frozenset[ObjectKey]) -> frozenset[ObjectKey]:
        """Hold no more than needed: what an object refers to may be held in its place."""
        for key in sorted(held) if 1 < len(held) <= TRIED_ALONE else ():
            self._set(held - {key})
            if self._worse(held - {key}):
                self._set(held)
            else:
                held -= {key}
        return held

    def _worse(self, held: frozenset[ObjectKey]) -> frozenset[ObjectKey]:
        """The objects that are worse off than before the edit."""
        found = {
            key
            for key, known in self.known.items()
            if object_of(self.graph, key) is not None and broken_references(self.graph, key) - known
        }
        for key in self.after.keys() - held:
            before, after = self.before[key].object, self.after[key].object
            if after is None:
                if before is not None and self._is_missed(before):
                    found.add(key)
            elif before is None and isinstance(after.spec, VirtualService):
                broken = broken_references(self.graph, key)
                if broken and takes_requests(self.graph, after):
                    found.add(key)
        return frozenset(found)

    def _is_missed(self, removed: Object[Any]) -> bool:
        """Whether an object that nothing refers to was in use before the edit. A rule for a host
        may have been; finding out costs more than the moment that it waits.
        """
        if isinstance(removed.spec, VirtualService):
            return has_gateway(removed, self._was_in_force)
        return isinstance(removed.spec, DestinationRule)

    def _was_in_force(self, key: ObjectKey) -> bool:
        if key in self.before:
            return self.before[key].object is not None
        return object_of(self.graph, key) is not None

    def _set(self, held: frozenset[ObjectKey]) -> None:
        """Put the edit in force except for ``held``."""
        forms = {
            key: self.before[key] if key in held else after for key, after in self.after.items()
        }
        self._look(self.put(forms))

    def _look(self, doubtful: Iterable[ObjectKey]) -> None:
        for key in doubtful:
            known = self.graph.remembered(broken_references, key)
            if known is not None and key not in self.before:
                self.known.setdefault(key, known)
