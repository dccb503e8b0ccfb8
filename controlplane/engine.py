"""The one owner of the graph: takes changed files, gives resources, diagnostics and where they
came from.

The way of one change: a file's text becomes documents (unchanged ones are the same objects), these
are decoded (remembered by document), what counts of them is put into the graph in one edit, and
whoever reads ``resources`` next recomputes what the edit touched.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from controlplane.base.diagnostics import Diagnostic
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.locations import SourceLocation
from controlplane.base.names import Kind
from controlplane.base.names import ObjectKey
from controlplane.claims import Accepted
from controlplane.claims import Claims
from controlplane.claims import Declaration
from controlplane.claims import NothingAccepted
from controlplane.claims import declared_faults
from controlplane.documents.content import FileContent
from controlplane.documents.content import location_in
from controlplane.documents.document import RawObject
from controlplane.envoy.resource import Resource
from controlplane.file_reader import FileReader
from controlplane.file_reader import Text
from controlplane.graph import Fault
from controlplane.graph import Graph
from controlplane.internal_errors import objects_of
from controlplane.internal_errors import refused as refused_by
from controlplane.internal_errors import reported
from controlplane.kinds.core.configuration import SECRET
from controlplane.kinds.decode import decode
from controlplane.kinds.decode import once_per_kind
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.object import Object
from controlplane.model.proxy import Proxy
from controlplane.model.proxy_view import ProxyView
from controlplane.queries.clock import CLOCK
from controlplane.queries.connected import Connected
from controlplane.queries.connected import Doubt
from controlplane.queries.faults import faults_of
from controlplane.queries.mesh import MESH_CONFIG
from controlplane.queries.objects import OBJECT
from controlplane.queries.objects import Objects
from controlplane.queries.snapshot import Resources
from controlplane.queries.snapshot import resources
from controlplane.queries.views import view_of
from controlplane.translate.kubernetes.secret_replacement import would_break


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What one batch of changed files did."""

    revision: int
    paths: tuple[Path, ...]
    put: tuple[ObjectKey, ...] = ()
    removed: tuple[ObjectKey, ...] = ()
    refused: tuple[ObjectKey, ...] = ()
    """Declared anew and refused; the last accepted version of each, where there is one, stays."""

    def __bool__(self) -> bool:
        return bool(self.put or self.removed)


class Engine:
    """Owns the graph. Not for use by two tasks at once."""

    def __init__(
        self, mesh: MeshConfig, *, now: datetime, accepted: Accepted | None = None
    ) -> None:
        self.graph = Graph()
        self.faults: list[Fault] = []
        """Internal errors that nobody has taken yet, newest last, each once while it lasts."""
        self.graph.on_fault = self.faults.append
        self._reader = FileReader(self.faults.append)
        self._withheld: dict[ObjectKey, Fault] = {}
        """Why an object is not as it is declared, where an internal error is the reason."""
        self.connected = Connected(self.graph)
        self._objects = Objects(self.graph)
        self._claims = Claims()
        self._files: dict[Path, FileContent] = {}
        self._raw: dict[ObjectKey, RawObject] = {}
        self._accepted: Accepted = accepted or NothingAccepted()
        self._doubtful: dict[ObjectKey, None] = {}
        self._analysed: set[ObjectKey] = set()
        self._now = now
        self._mesh_told: tuple[Diagnostic, ...] = ()
        self._held_back: dict[ObjectKey, tuple[Diagnostic, ...]] = {}
        """Why the newest form of a Secret is not in force, and the one before still is."""
        self.graph.edit()
        self.graph.set(MESH_CONFIG, "mesh", mesh)
        self.graph.set(CLOCK, "clock", now)

    @property
    def revision(self) -> int:
        return self.graph.revision

    @property
    def met_others(self) -> bool:
        """Whether proxies came or went that the graph does not know of before the next edit."""
        return self.connected.is_unsettled

    @property
    def object_count(self) -> int:
        return len(self._objects)

    def count(self, kind: Kind) -> int:
        """How many objects of ``kind`` are in force."""
        return self._objects.count(kind)

    def apply(self, changes: Iterable[tuple[Path, Text | None]]) -> Edit:
        """Take the files that changed (``None``: the file is gone) in one edit; a new revision."""
        revision = self.graph.edit()
        self.connected.settle()
        changed = dict(changes)
        touched = dict.fromkeys(self._withheld)
        for path, text in (self._reader.unread() | changed).items():
            touched.update(dict.fromkeys(sorted(self._take(path, text))))
        put: list[ObjectKey] = []
        removed: list[ObjectKey] = []
        refused: list[ObjectKey] = []
        for key in touched:
            outcome = self._contained(key)
            if outcome is not None:
                (put if outcome else removed).append(key)
            if self.is_refused(key) or key in self._withheld:
                refused.append(key)
        self._objects.settle()
        self._collect_doubtful()
        self._accepted.save([self._raw[key] for key in put], removed)
        return Edit(
            revision=revision,
            paths=tuple(changed),
            put=tuple(put),
            removed=tuple(removed),
            refused=tuple(refused),
        )

    def set_mesh(self, mesh: MeshConfig, told: Iterable[Diagnostic] = ()) -> int:
        """Take another MeshConfig, and what is wrong with its file; a new revision."""
        self._mesh_told = tuple(told)
        revision = self.graph.edit()
        self.graph.set(MESH_CONFIG, "mesh", mesh)
        self._collect_doubtful()
        return revision

    def set_clock(self, now: datetime) -> int:
        """Let time go on, for certificates that come due; a new revision."""
        self._now = now
        revision = self.graph.edit()
        self.graph.set(CLOCK, "clock", now)
        self._try_again()
        self.connected.settle()
        self._collect_doubtful()
        return revision

    # What proxies get

    def view(self, proxy: Proxy) -> ProxyView:
        """What the proxy's resources depend on; proxies with equal views have the same ones."""
        return view_of(self.graph, proxy)

    def resources(self, view: ProxyView) -> Resources:
        return resources(self.graph, view)

    def take_doubt(self) -> Doubt:
        """The connected proxies whose view, and the held views whose resources, may have changed
        since the last call. They are not reported again until they are read.
        """
        self._collect_doubtful()
        return self.connected.take_doubt()

    def sources(self, view: ProxyView) -> Iterator[tuple[Resource, tuple[ObjectKey, ...]]]:
        """Each resource of a view with the objects that it was computed from."""
        for resource, inputs in self.graph.makers(resources, (view,), Resource):
            keys = (key for input_, key in inputs if input_ is OBJECT)
            yield resource, tuple(key for key in keys if self._objects.get(key) is not None)

    # What is wrong, and where

    def analyse(self, limit: int | None = None) -> bool:
        """Look for what leads nowhere in up to ``limit`` objects in doubt; says whether more are
        left.
        """
        self._collect_doubtful()
        for _ in range(len(self._doubtful) if limit is None else min(limit, len(self._doubtful))):
            key = next(iter(self._doubtful))
            del self._doubtful[key]
            if self._objects.get(key) is not None:
                faults_of(self.graph, key)
        return bool(self._doubtful)

    def diagnostics(self) -> list[Diagnostic]:
        """Every diagnostic that is known now, without repeats; call ``analyse`` before for a whole
        answer.
        """
        found = dict.fromkeys(self._mesh_told)
        found.update(dict.fromkeys(declared_faults(self._claims, self._files)))
        for told in self._held_back.values():
            found.update(dict.fromkeys(told))
        found.update(dict.fromkeys(self.graph.notes()))
        found.update(dict.fromkeys(self._internal_errors()))
        return once_per_kind(found)

    def _internal_errors(self) -> Iterator[Diagnostic]:
        for key, fault in self._withheld.items():
            yield refused_by(key, "taking this object", fault.error)
        for fault in self.graph.faults():
            keys = (k for k in objects_of(fault) if k == MESH_CONFIG_KEY or self._objects.get(k))
            yield reported(fault, next(keys, None))

    def location(self, place: FieldRef | SourceLocation) -> SourceLocation | None:
        """The file, line and column of a place; ``None`` when no file declares its object."""
        if isinstance(place, SourceLocation):
            return place
        winner = self._claims.winner(place.object)
        if winner is None:
            return None
        origin = winner.raw.origin
        return location_in(self._files[origin.path], origin, place)

    def object_at(self, location: SourceLocation) -> ObjectKey | None:
        """The object whose document ``location`` is in; ``None`` where the document is none."""
        content = self._files.get(location.path)
        for document in reversed(content.documents if content else ()):
            if document.chunk.first_line <= location.line:
                return document.objects[0].key if document.objects else None
        return None

    def contents(self) -> tuple[FileContent, ...]:
        return tuple(self._files.values())

    def object(self, key: ObjectKey) -> Object[Any] | None:
        """The object that is in force."""
        return self._objects.get(key)

    def held_back(self) -> Iterator[Object[Any]]:
        """The newest form of each Secret of which the form before stays in force."""
        for key in self._held_back:
            winner = self._claims.winner(key)
            if winner is not None and winner.object is not None:
                yield winner.object

    def objects(self, kind: Kind) -> Iterator[Object[Any]]:
        """The objects of ``kind`` that are in force; walks all kinds."""
        return self._objects.of_kind(kind)

    def is_refused(self, key: ObjectKey) -> bool:
        winner = self._claims.winner(key)
        return winner is not None and winner.is_refused

    def take_faults(self) -> tuple[Fault, ...]:
        """The internal errors that are new since the last call."""
        taken = tuple(self.faults)
        self.faults.clear()
        return taken

    def accepted(self) -> tuple[RawObject, ...]:
        """The declaration of every object that is in force, as it is to be remembered."""
        return tuple(self._raw.values())

    def claimed(self) -> frozenset[ObjectKey]:
        """Every object that some file declares, or declared before it became unreadable."""
        return frozenset(d.key for d in self._claims.all()).union(k for _, k in self._claims.kept())

    def declarations(self) -> Iterator[Declaration]:
        return self._claims.all()

    def _take(self, path: Path, text: Text | None) -> set[ObjectKey]:
        previous = self._files.get(path)
        if text is None:
            self._reader.forget(path)
            self._files.pop(path, None)
            return self._claims.replace(path, (), is_complete=True)
        known = self._claims.of_file(path)
        content, declarations = self._reader.read(path, text, previous, known)
        self._files[path] = content
        touched = self._claims.replace(path, declarations, is_complete=content.complete)
        if previous is None and not content.complete:
            declared = {d.key for d in declarations}
            remembered = [r for r in self._accepted.of_file(path) if r.key not in declared]
            self._claims.keep(path, (r.key for r in remembered))
            touched.update(r.key for r in remembered)
        return touched

    def _contained(self, key: ObjectKey) -> bool | None:
        """As ``_settle``; what raises leaves the object as it was, until the next edit."""
        for bring in (self._settle, self._restore):
            try:
                outcome = bring(key)
            except Exception as error:
                self._withhold(key, Fault("taking", (key,), error))
                if self._objects.get(key) is not None:
                    return None
            else:
                if bring == self._settle:
                    self._withheld.pop(key, None)
                return outcome
        return None

    def _withhold(self, key: ObjectKey, fault: Fault) -> None:
        known = self._withheld.get(key)
        if known is None or repr(known.error) != repr(fault.error):
            self.faults.append(fault)
        self._withheld[key] = fault

    def _settle(self, key: ObjectKey) -> bool | None:
        """Bring one object in step with its claims: put (true), removed (false) or as it was."""
        winner = self._claims.winner(key)
        held = self._objects.get(key)
        self._held_back.pop(key, None)
        if winner is None:
            if self._claims.is_kept(key):
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
        if before is None or not would_break(report, new, before, self._now):
            return False
        note = "the version before stays in force"
        self._held_back[new.key] = tuple(replace(told, note=note) for told in report)
        return True

    def _try_again(self) -> None:
        """Take the newest form of Secrets whose time has come, or whose form before has ended."""
        tried = dict.fromkeys((*self._held_back, *self._withheld))
        outcomes = {key: self._contained(key) for key in tried}
        self._objects.settle()
        put = [self._raw[key] for key, is_there in outcomes.items() if is_there]
        self._accepted.save(put, [k for k, is_there in outcomes.items() if is_there is False])

    def _put(self, object_: Object[Any], raw: RawObject) -> bool | None:
        if self._objects.get(object_.key) == object_:
            self._raw[object_.key] = raw
            return None
        self._objects.put(object_)
        self._raw[object_.key] = raw
        self._doubtful[object_.key] = None
        if object_.key not in self._analysed:
            self._analysed.add(object_.key)
            self.graph.pin(faults_of, object_.key)
        return True

    def _remove(self, key: ObjectKey) -> bool:
        self._objects.remove(key)
        self._raw.pop(key, None)
        self._doubtful.pop(key, None)
        if key in self._analysed:
            self._analysed.discard(key)
            self.graph.unpin(faults_of, key)
        return False

    def _restore(self, key: ObjectKey) -> bool | None:
        """Put back the version that an earlier run accepted last."""
        raw, object_ = self._accepted.of_key(key), self._remembered(key)
        return self._put(object_, raw) if raw is not None and object_ is not None else None

    def _remembered(self, key: ObjectKey) -> Object[Any] | None:
        """The version that an earlier run accepted last, where it is known and still good."""
        raw = self._accepted.of_key(key)
        return decode(raw, Report()) if raw is not None else None

    def _collect_doubtful(self) -> None:
        for function, args in self.graph.take_dirty():
            match args:
                case (ObjectKey() as key,) if function is faults_of:
                    self._doubtful[key] = None
                case _:
                    self.connected.doubt(args)
