"""What is wrong with the objects in force, kept object by object.

An edit puts the analyses in doubt that read something it changed; they are run when there is time,
so an edit never waits for them.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from controlplane.base.diagnostics import Diagnostic, Diagnostics
from controlplane.base.names import ObjectKey
from controlplane.graph import Derived, Graph
from controlplane.queries.analysis.object_status import WITH_STATUS, object_status
from controlplane.queries.analysis.references import REFERRING, broken_references
from controlplane.queries.analysis.roots import Analysis, roots


class Findings:
    """The analyses of the objects that are watched."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._watched: set[ObjectKey] = set()
        self._doubtful: dict[tuple[Analysis, ObjectKey], None] = {}
        self._found: dict[tuple[Analysis, ObjectKey], Diagnostics] = {}
        """What each analysis has found, where it found anything."""
        self._referring: dict[ObjectKey, None] = {}
        """Objects whose references came in doubt and were not looked at since."""
        self._unseen: dict[ObjectKey, None] = {}
        """Objects whose references were never looked at, so no edit puts them in doubt."""
        self._statuses: dict[ObjectKey, None] = {}
        """Objects whose status came in doubt and was not asked for since."""

    def watch(self, key: ObjectKey) -> None:
        """Look at an object that was put, and again whenever what it refers to changes."""
        for root in roots(key.kind):
            self._doubtful[root, key] = None
        if key.kind in WITH_STATUS:
            self._statuses[key] = None
        if key in self._watched:
            return
        self._watched.add(key)
        if key.kind in WITH_STATUS:
            self._graph.pin(object_status, key)
        for root in roots(key.kind):
            self._graph.pin(root, key)
        if key.kind in REFERRING:
            self._graph.pin(broken_references, key)
            self._unseen[key] = None

    def unwatch(self, key: ObjectKey) -> None:
        for root in roots(key.kind):
            self._doubtful.pop((root, key), None)
            self._found.pop((root, key), None)
        if key not in self._watched:
            return
        self._watched.discard(key)
        self._unseen.pop(key, None)
        if key.kind in WITH_STATUS:
            self._statuses[key] = None
            self._graph.unpin(object_status, key)
        for root in roots(key.kind):
            self._graph.unpin(root, key)
        if key.kind in REFERRING:
            self._graph.unpin(broken_references, key)

    def doubt(self, function: Derived[..., Any], key: ObjectKey) -> None:
        """Take note that a pinned function of an object came into doubt."""
        if function is broken_references:
            self._referring[key] = None
            self._doubtful.update(dict.fromkeys((root, key) for root in roots(key.kind)))
        elif function is object_status:
            self._statuses[key] = None
        else:
            self._doubtful[function, key] = None

    def analyse(self, limit: int | None) -> bool:
        """Run up to ``limit`` analyses that are in doubt; says whether more are left.

        The references of new objects come first: the next edit needs them.
        """
        if self._unseen:
            self._look_at_unseen(limit)
            if limit is not None:
                return True
        for _ in range(len(self._doubtful) if limit is None else min(limit, len(self._doubtful))):
            root, key = next(iter(self._doubtful))
            del self._doubtful[root, key]
            found = root(self._graph, key)
            if found:
                self._found[root, key] = found
            else:
                self._found.pop((root, key), None)
            if key.kind in REFERRING:
                broken_references(self._graph, key)  # from now on an edit puts it in doubt
        return bool(self._doubtful)

    def take_statuses(self) -> tuple[ObjectKey, ...]:
        """The objects whose status came in doubt, or that came or went, since the last call."""
        taken = tuple(self._statuses)
        self._statuses.clear()
        return taken

    def take_referring(self) -> tuple[ObjectKey, ...]:
        """The objects whose references came in doubt since the last call."""
        taken = tuple(self._referring)
        self._referring.clear()
        return taken

    def look_at_referring(self) -> None:
        """Look now at references that came in doubt, so that it is known what leads nowhere."""
        for key in self.take_referring():
            if self._graph.remembered(broken_references, key) is not None:
                broken_references(self._graph, key)
        self._look_at_unseen(None)

    def _look_at_unseen(self, limit: int | None) -> None:
        for key in tuple(islice(self._unseen, limit)):
            del self._unseen[key]
            broken_references(self._graph, key)

    def __iter__(self) -> Iterator[Diagnostic]:
        for found in self._found.values():
            yield from found
