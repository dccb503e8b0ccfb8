"""The one owner of the graph: accepts changed files, and gives resources, diagnostics and where
they came from.

The way of one change: a file's text becomes documents (unchanged ones are the same objects), these
are decoded (remembered by document), the declarations in use are put into the graph in one edit,
and whoever reads ``resources`` next recomputes what the edit touched.
"""

from collections.abc import Callable, Iterable, Iterator, Set
from datetime import datetime
from pathlib import Path
from typing import Any

from controlplane.base.diagnostics import Diagnostic
from controlplane.base.locations import FieldRef, SourceLocation
from controlplane.base.names import Kind, ObjectKey
from controlplane.documents.content import FileContent, location_in
from controlplane.documents.document import RawObject
from controlplane.engine.declarations import (
    Accepted,
    Declaration,
    NothingAccepted,
    declared_diagnostics,
)
from controlplane.engine.declared_files import DeclaredFiles, Touched
from controlplane.engine.edit import Edit
from controlplane.engine.file_reader import Read, Reading, Text
from controlplane.engine.findings import Findings
from controlplane.engine.generations import Generations
from controlplane.engine.ignored import without_ignored
from controlplane.engine.in_force import InForce, Outcomes
from controlplane.engine.internal_errors import computed, reported
from controlplane.engine.mesh_file import MeshFile, mesh_file, with_fixed_fields
from controlplane.engine.removals import Removals
from controlplane.engine.revisions import Revisions
from controlplane.engine.room import MAX_OBJECTS
from controlplane.engine.unread_mesh import unread_mesh
from controlplane.engine.waiting import Waiting
from controlplane.graph import Fault, Graph
from controlplane.kinds.core.configuration import CONFIG_MAP
from controlplane.kinds.foreign import foreign_line
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY, MeshConfig
from controlplane.kinds.object import Object
from controlplane.kinds.unserved import once_per_kind
from controlplane.model.proxy import Proxy
from controlplane.model.proxy_view import ProxyView
from controlplane.queries.analysis.object_status import WITH_STATUS, object_status
from controlplane.queries.inputs.clock import CLOCK
from controlplane.queries.inputs.mesh import LEAN, MESH_CONFIG, METRICS
from controlplane.queries.snapshot.connected import Connected, Doubt
from controlplane.queries.snapshot.snapshot import Resources, resources
from controlplane.queries.views.views import view_of
from controlplane.translate.gateway_api.status import Status


class Engine:
    """Owns the graph. Not for use by two tasks at once."""

    def __init__(
        self,
        mesh: MeshConfig,
        *,
        now: datetime,
        accepted: Accepted | None = None,
        generations: Generations | None = None,
        lean: bool = False,
        metrics: bool = False,
        guards_removals: bool = False,
        max_objects: int = MAX_OBJECTS,
    ) -> None:
        self.on_stage: Callable[[str], None] = lambda _: None
        """Hears of each stage of an edit as it is over: read, then trial."""
        self.graph = Graph()
        self.faults: list[Fault] = []
        """Internal errors that ``take_faults`` has not returned yet, newest last, each once while
        it lasts.
        """
        self.graph.on_fault = self.faults.append
        self.connected = Connected(self.graph)
        self._accepted: Accepted = accepted or NothingAccepted()
        self.generations = generations or Generations()
        self._declared = DeclaredFiles(self._accepted, self.faults.append, max_objects)
        self._declarations, self._files = self._declared.declarations, self._declared.files
        self._findings = Findings(self.graph)
        self._findings.watch(MESH_CONFIG_KEY)
        self._removals = Removals(self._declarations, is_on=guards_removals)
        self._in_force = InForce(
            self.graph,
            self._declarations,
            self._accepted,
            self._removals,
            now=now,
            on_put=self._findings.watch,
            on_removed=self._findings.unwatch,
            on_fault=self.faults.append,
        )
        self._objects = self._in_force.objects
        self._waiting = Waiting(self._declarations, self._files, self._in_force)
        self._revisions = Revisions(
            self.graph,
            self._in_force,
            self._findings,
            self.connected,
            self._waiting,
            on_fault=self.faults.append,
        )
        self._mesh_file: MeshFile | None = None
        self._mesh_at_start = mesh
        self.graph.edit()
        self.graph.set(MESH_CONFIG, "mesh", mesh)
        self.graph.set(CLOCK, "clock", now)
        self.graph.set(LEAN, "routes", lean)
        self.graph.set(METRICS, "prometheus", metrics)

    @property
    def revision(self) -> int:
        return self.graph.revision

    @property
    def now(self) -> datetime:
        """The time by which certificates are judged."""
        return self._in_force.now

    @property
    def object_count(self) -> int:
        return len(self._objects)

    def count(self, kind: Kind) -> int:
        """How many objects of ``kind`` are in force."""
        return self._objects.count(kind)

    def apply(
        self, changes: Iterable[tuple[Path, Text | None]], ahead: Iterable[Read] = ()
    ) -> Edit:
        """Apply the files that changed (``None``: it is gone) in one edit, none of which waits."""
        touched = self._read(changes, ahead)
        outcomes = self._revisions.bring(touched.keys)
        self._waiting.keys = {k: None for k in self._waiting.keys if k not in touched.keys}
        return self._edit(touched, outcomes)

    def readings(self, changes: Iterable[tuple[Path, Text | None]]) -> tuple[Reading, ...]:
        """What there is to read of ``changes``: ``file_reader.read`` does it, in any thread, and
        the edit takes what was read ``ahead``.
        """
        return self._declared.readings(changes)

    def load(self, changes: Iterable[tuple[Path, Text | None]], ahead: Iterable[Read] = ()) -> Edit:
        """As ``apply_whole``, for the files that are there at the start: the edit is what changed
        since an earlier run, whose objects stay in force where most of them are not declared now.
        """
        touched = self._read(changes, ahead)
        self._removals.loaded(self._accepted)
        outcomes = self._revisions.bring(dict.fromkeys((*touched.keys, *self._removals.held)))
        held = self.held_removals
        self._in_force.hold(held)
        before = self._in_force.differing()
        if before:
            self._revisions.put_forms(before)
            tried = self._revisions.tried(before)
            outcomes |= {key: is_there for key, is_there in tried.items() if is_there is not None}
            for key in self._waiting.keys:  # put as it was, if it was
                outcomes[key] = True if self._objects.get(key) is not None else None
        return self._edit(touched, outcomes, held)

    def apply_whole(
        self,
        changes: Iterable[tuple[Path, Text | None]],
        moment: float = 0.0,
        now: datetime | None = None,
        ahead: Iterable[Read] = (),
    ) -> Edit:
        """As ``apply``, but objects of a change that makes things worse wait for the rest of it:
        they stay as they were until a later edit brings their counterparts, or ``let_go``. A mass
        removal is held until ``confirm_removal``. ``moment`` is the time by a steady clock in
        seconds, ``now`` by the calendar; certificates are judged by it.
        """
        self._revisions.look_at_references()
        touched = self._read(changes, ahead)
        keys = dict.fromkeys((*self._waiting.keys, *touched.keys))
        if now is not None and self._in_force.keep_time(keys, now):
            self.graph.edit()
            self.graph.set(CLOCK, "clock", now)
        back, kept = self._removals.noted(keys, self._in_force.form, moment, of=self.object_count)
        if back:
            self._revisions.put_forms(back)
        self._in_force.hold(kept)
        return self._edit(
            touched, {**dict.fromkeys(back, True), **self._revisions.tried(keys)}, kept
        )

    @property
    def held_removals(self) -> tuple[ObjectKey, ...]:
        """What no file declares, in force until the removal is confirmed."""
        return tuple(key for key in self._removals.held if self._objects.get(key) is not None)

    def confirm_removal(self) -> Edit:
        """Remove what is held; a new revision."""
        keys = dict.fromkeys(self._removals.release())
        self._accepted.save((), keys)  # also of what could not be used
        return self._edit(Touched((), keys), self._revisions.bring(keys))

    def let_go(self, keys: Set[ObjectKey] | None = None) -> Edit:
        """Put in force what waits (of ``keys``), but not from files that are refused in part."""
        due = [key for key in self._waiting.due if keys is None or key in keys]
        outcomes = self._revisions.bring(due)
        for key in due:
            del self._waiting.keys[key]
        return self._edit(Touched((), dict.fromkeys(due)), outcomes)

    @property
    def waiting(self) -> tuple[ObjectKey, ...]:
        """The objects that wait for the rest of their change until time is up."""
        return self._waiting.due

    def _read(
        self, changes: Iterable[tuple[Path, Text | None]], ahead: Iterable[Read] = ()
    ) -> Touched:
        touched = self._declared.read(changes, self._in_force.withheld, ahead)
        self._removals.touched(touched.keys)
        self.on_stage("read")
        return touched

    def _edit(self, touched: Touched, outcomes: Outcomes, held: tuple[ObjectKey, ...] = ()) -> Edit:
        self._in_force.save(outcomes)
        self.generations.note({**dict.fromkeys(touched.keys), **outcomes}, self._in_force.raw)
        self.note_connected()
        unusable = self._in_force.withheld
        self.on_stage("trial")
        return Edit(
            revision=self.revision,
            paths=touched.paths,
            put=tuple(key for key, is_there in outcomes.items() if is_there),
            removed=tuple(key for key, is_there in outcomes.items() if is_there is False),
            refused=tuple(k for k in touched.keys if self.is_refused(k) or k in unusable),
            waiting=tuple(self._waiting.keys),
            held=held,
        )

    def read_mesh(self, path: Path, text: str) -> int:
        """Apply the MeshConfig of a file, and note what is wrong in it; a new revision."""
        return self.take_mesh(mesh_file(path, text))

    def take_mesh(self, file: MeshFile) -> int:
        """As ``read_mesh``, of a file that was read."""
        file = self._mesh_file = with_fixed_fields(file, self._mesh_at_start)
        return self.set_mesh(file.mesh)

    def set_mesh(self, mesh: MeshConfig) -> int:
        """Apply another MeshConfig; a new revision."""
        self.graph.edit()
        self.graph.set(MESH_CONFIG, "mesh", mesh)
        self._revisions.collect_doubtful()
        self.note_connected()
        return self.revision

    def set_clock(self, now: datetime) -> int:
        """Set the time, by which certificates are judged; a new revision."""
        self._in_force.now = now
        self.graph.edit()
        self.graph.set(CLOCK, "clock", now)
        self._in_force.save(self._in_force.bring(self._in_force.due()))
        self._revisions.collect_doubtful()
        self.note_connected()
        return self.revision

    # What proxies get

    def view(self, proxy: Proxy) -> ProxyView:
        """What the proxy's resources depend on; proxies with equal views have the same ones. Raises
        ``NotComputed``.
        """
        return computed(view_of(self.graph, proxy))

    def resources(self, view: ProxyView) -> Resources:
        """Everything that proxies of a view are to have; raises ``NotComputed``."""
        return computed(resources(self.graph, view))

    def take_doubt(self) -> Doubt:
        """The proxies whose view, and the views whose resources, may have changed since the last
        call. They are not reported again until they are read.
        """
        self._revisions.collect_doubtful()
        return self.connected.take_doubt()

    # What is wrong, and where

    def analyse(self, limit: int | None = None) -> bool:
        """Run up to ``limit`` analyses in doubt; returns whether more are left."""
        self._revisions.collect_doubtful()
        return self._findings.analyse(limit)

    def status(self, key: ObjectKey) -> Status | None:
        """What is said of an object of the Gateway API; ``None`` where others have to say it."""
        return object_status(self.graph, key) if key.kind in WITH_STATUS else None

    def take_statuses(self) -> tuple[ObjectKey, ...]:
        """The objects whose status may be another one since the last call."""
        self._revisions.collect_doubtful()
        return self._findings.take_statuses()

    def diagnostics(self) -> list[Diagnostic]:
        """Every diagnostic that is known now and not ignored, once; ``analyse`` completes them."""
        found = dict.fromkeys(self._mesh_file.diagnostics if self._mesh_file else ())
        found.update(dict.fromkeys(declared_diagnostics(self._declarations, self._files)))
        for more in (self._declared.left_out(), self._in_force.diagnostics(), self._findings):
            found.update(dict.fromkeys(more))
        found.update(dict.fromkeys(self._waiting.diagnostics()))
        maps = self._objects.of_kind(CONFIG_MAP)
        unread = unread_mesh(maps, self._declarations, self._files, self._mesh_file)
        found.update(dict.fromkeys(unread))
        found.update(dict.fromkeys(reported(self.graph.faults(), self._objects.get)))
        about = (d for d in found if not self._waiting.is_about_to_go(d.place))
        return once_per_kind(without_ignored(about, self._declarations.winner))

    def location(self, place: FieldRef | SourceLocation) -> SourceLocation | None:
        """The file, line and column of a place; ``None`` when no file declares its object."""
        if isinstance(place, SourceLocation):
            return place
        if place.object == MESH_CONFIG_KEY and self._mesh_file is not None:
            return self._mesh_file.location(place)
        winner = self._declarations.winner(place.object)
        if winner is None:
            return None
        origin = winner.raw.origin
        return location_in(self._files[origin.path], origin, place)

    def object_at(self, location: SourceLocation) -> ObjectKey | None:
        """The object whose document ``location`` is in; ``None`` where the document is none."""
        return self._files.object_at(location)

    def contents(self) -> tuple[FileContent, ...]:
        return (*([self._mesh_file.content] if self._mesh_file else ()), *self._files.values())

    def foreign(self) -> str | None:
        """One line about what is in the files and not for a mesh; ``None`` where all is."""
        mesh = self._mesh_file
        return foreign_line(c for p, c in self._files.items() if not mesh or p != mesh.content.path)

    def object(self, key: ObjectKey) -> Object[Any] | None:
        """The object that is in force."""
        return self._objects.get(key)

    def held_back(self) -> Iterator[Object[Any]]:
        """The newest form of each Secret of which the previous form stays in force."""
        return self._in_force.held_back()

    def objects(self, kind: Kind) -> Iterator[Object[Any]]:
        """The objects of ``kind`` that are in force."""
        return self._objects.of_kind(kind)

    def is_refused(self, key: ObjectKey) -> bool:
        winner = self._declarations.winner(key)
        return winner is not None and winner.is_refused

    def take_faults(self) -> tuple[Fault, ...]:
        """The internal errors that are new since the last call."""
        taken = tuple(self.faults)
        self.faults.clear()
        return taken

    def raw(self, key: ObjectKey) -> RawObject | None:
        """The declaration of an object that is in force, or of one of a kind without effect."""
        winner = self._declarations.winner(key)
        unserved = winner.raw if winner is not None and not winner.is_refused else None
        return self._in_force.raw(key) or unserved

    def accepted(self) -> tuple[RawObject, ...]:
        """The declaration of every object that is in force, as it is to be remembered."""
        return self._in_force.accepted()

    def claimed(self) -> frozenset[ObjectKey]:
        """Every object that a file declares, or did until it became unreadable, or that is held."""
        return frozenset(d.key for d in self._declarations.all()).union(
            (k for _, k in self._declarations.kept()), self._removals.held
        )

    def declarations(self) -> Iterator[Declaration]:
        return self._declarations.all()

    def note_connected(self) -> None:
        """Let the graph know which gateways are connected after an edit."""
        self.connected.settle()
        self._revisions.collect_doubtful()
