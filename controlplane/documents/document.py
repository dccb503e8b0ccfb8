"""A file's content becomes the objects that it declares, and diagnostics for what is not an object.

Each document fails alone. ``List`` kinds become their items. What did not change since the previous
content of the file is the same object again, so nothing that follows from it is recomputed.
Source: Kubernetes, "Object Names and IDs" and "Objects in Kubernetes: required fields".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from controlplane.base import codes
from controlplane.base.diagnostics import Code, Diagnostic, Related
from controlplane.base.locations import FieldRef, SourceLocation, Step
from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.base.oddities import oddity, without_spaces
from controlplane.documents import locate
from controlplane.documents.faults import Fault
from controlplane.documents.foreign import is_foreign, is_foreign_json, is_template
from controlplane.documents.json import parsed_json
from controlplane.documents.split import Chunk
from controlplane.documents.yaml import Data, parsed

CLUSTER_WIDE: Final = frozenset(
    {
        Kind("", "Namespace"),
        Kind("", "Node"),
        Kind("", "PersistentVolume"),
        Kind("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        Kind("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
        Kind("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
        Kind("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        Kind("apiextensions.k8s.io", "CustomResourceDefinition"),
        Kind("apiregistration.k8s.io", "APIService"),
        Kind("gateway.networking.k8s.io", "GatewayClass"),
        Kind("gateway.networking.x-k8s.io", "XMesh"),
        Kind("networking.k8s.io", "IngressClass"),
        Kind("rbac.authorization.k8s.io", "ClusterRole"),
        Kind("rbac.authorization.k8s.io", "ClusterRoleBinding"),
        Kind("scheduling.k8s.io", "PriorityClass"),
        Kind("storage.k8s.io", "StorageClass"),
    }
)
_HEAD: Final = (("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace"))
_HEADS: Final = frozenset({"apiVersion", "kind", "metadata", "spec"})
_OPTIONAL: Final = "metadata.namespace"
DEFAULT_NAMESPACE: Final = Namespace("default")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an object is.

    Its file, the document in it, and its place in a ``List``, all from 0.
    """

    path: Path
    document: int
    item: int | None = None

    @property
    def prefix(self) -> tuple[Step, ...]:
        """The field path that leads to the object in its document."""
        return () if self.item is None else ("items", self.item)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawObject:
    """An object of which only the identity is read; objects that say the same are equal."""

    key: ObjectKey
    api_version: str
    body: Mapping[str, Data]
    origin: Origin = field(compare=False)
    is_refused: bool = False
    """Its text is ambiguous (a key is written twice); the diagnostic is its document's."""
    is_mixed: bool = False
    """Its fields are of several objects, so nothing can be said about them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document of a file with all that it declares.

    ``readable`` is false where it is unknown what the document declares: what was there before may
    still be meant.
    """

    index: int
    chunk: Chunk
    objects: tuple[RawObject, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    readable: bool = True
    foreign: bool = False
    """It is not meant for a mesh, so it declares nothing and nothing is wrong with it."""


def document(path: Path, index: int, chunk: Chunk) -> Document:
    """Read ``chunk``, the document number ``index`` of ``path``."""
    outcome = parsed_json(chunk.text) if path.suffix == ".json" else parsed(chunk.text)
    data = outcome.data
    if isinstance(data, dict) and not outcome.duplicates and _items(data) is None:
        key = identity(data)  # nearly every document is one object without a fault
        if key is not None:
            origin = Origin(path=path, document=index)
            return Document(index=index, chunk=chunk, objects=(_raw(key, data, origin),))
    reading = _Reading(path, index, chunk)
    if outcome.fault is not None:
        if is_template(path, chunk.text) or is_foreign_json(path, chunk.text):
            return Document(index=index, chunk=chunk, foreign=True)
        return reading.failed(outcome.fault)
    if is_foreign(data) and _items(data) is None:
        return Document(index=index, chunk=chunk, foreign=True)
    reading.read(data)
    if outcome.duplicates:
        reading.report_duplicates()
    return reading.document()


def meant(path: Path, found: Document) -> Document:
    """``found``, which was taken for another tool's, as the object that it ought to be.

    For files with objects. A template stays what it is.
    """
    outcome = parsed(found.chunk.text)
    if outcome.fault is not None:
        return found
    reading = _Reading(path, found.index, found.chunk)
    reading.read(outcome.data)
    return reading.document()


def moved(known: Document, path: Path, index: int, chunk: Chunk) -> Document:
    """``known``, read before from the same text, at another place of the file.

    Its objects' data stay.
    """
    if known.index == index and known.chunk.first_line == chunk.first_line:
        return known
    if known.diagnostics:  # their locations have moved too
        return document(path, index, chunk)
    objects = known.objects
    if known.index != index:
        objects = tuple(
            replace(o, origin=Origin(path=path, document=index, item=o.origin.item))
            for o in objects
        )
    return replace(known, index=index, chunk=chunk, objects=objects)


class _Reading:
    """What one document declares, as far as it is read."""

    def __init__(self, path: Path, index: int, chunk: Chunk) -> None:
        self._path = path
        self._index = index
        self._chunk = chunk
        self._objects: list[RawObject] = []
        self._diagnostics: list[Diagnostic] = []
        self._readable = True

    def document(self) -> Document:
        return Document(
            index=self._index,
            chunk=self._chunk,
            objects=tuple(self._objects),
            diagnostics=tuple(self._diagnostics),
            readable=self._readable,
        )

    def failed(self, fault: Fault) -> Document:
        self._readable = False
        place = self._location((fault.start, fault.start + fault.width))
        related = tuple(
            Related(place=self._location((at, at + 1)), message=why) for at, why in fault.earlier
        )
        self._add(fault.code, place, fault.message, hint=fault.hint, related=related)
        return self.document()

    def read(self, data: Data) -> None:
        if data is None:
            return
        items = _items(data)
        if items is None:
            self._read_object(data, None)
        else:
            for i, item in enumerate(items):
                self._read_object(item, i)

    def report_duplicates(self) -> None:
        found = locate.duplicate_keys(self._chunk.text)
        heads = [d for d in found if not d.path and d.key in _HEADS]
        if len(heads) > 1:
            self._report_missing_separator(heads)
            found = tuple(d for d in found if d not in heads)
        for duplicate in found:
            *earlier, last = duplicate.places
            related = tuple(
                Related(
                    place=self._location(span), message=f'"{duplicate.key}" is already defined here'
                )
                for span in earlier
            )
            times = _times(len(duplicate.places))
            message = f'the key "{duplicate.key}" occurs {times} in one mapping'
            place = self._refused((*duplicate.path, duplicate.key)) or self._location(last)
            hint = "keep one of them"
            self._add(codes.DUPLICATE_KEY, place, message, hint=hint, related=related)

    def _report_missing_separator(self, heads: list[locate.DuplicateKey]) -> None:
        """Two objects in one document: which of them was declared here before is not known."""
        self._readable = False
        second = min(heads, key=lambda head: head.places[1])
        place = self._refused((second.key,)) or self._location(second.places[1])
        self._objects = [replace(found, is_mixed=True) for found in self._objects]
        first = Related(
            place=self._location(min(head.places[0] for head in heads)),
            message="the first object begins here",
        )
        message = "another object begins here without a --- line before it"
        hint = f"write --- on a line of its own before {second.key}"
        self._add(codes.DUPLICATE_KEY, place, message, hint=hint, related=(first,))

    def _refused(self, path: tuple[Step, ...]) -> FieldRef | None:
        """Refuse the object that ``path`` of the document lies in; ``path`` as a field of it."""
        for i, found in enumerate(self._objects):
            prefix = found.origin.prefix
            if path[: len(prefix)] == prefix:
                self._objects[i] = replace(found, is_refused=True)
                return FieldRef(found.key, path[len(prefix) :], on_key=True)
        return None

    def _read_object(self, data: Data, item: int | None) -> None:
        origin = Origin(path=self._path, document=self._index, item=item)
        if not isinstance(data, dict):
            self._no_object(origin, (), f"expected an object, found {_what(data)}")
            return
        data = self._with_name(origin, data)
        key = identity(data)
        if key is None:
            self._explain(origin, data)
        else:
            self._objects.append(_raw(key, data, origin))

    def _with_name(self, origin: Origin, data: dict[str, Data]) -> dict[str, Data]:
        """``data``, in which a name that YAML 1.1 reads as a boolean (``n``) is the text that is
        written. istiod takes such an object too, when it reads files; Kubernetes does not.
        """
        metadata = data.get("metadata")
        if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), bool):
            return data
        path = (*origin.prefix, "metadata", "name")
        start, end = locate.span_of(self._chunk.text, path, on_key=False)
        name = self._chunk.text[start:end]
        message = f'the name "{name}" is a boolean in YAML 1.1, so Kubernetes refuses the object'
        place = self._location((start, end))
        self._add(codes.NAME_IS_BOOLEAN, place, message, hint="put the name in quotes")
        return {**data, "metadata": {**metadata, "name": name}}

    def _explain(self, origin: Origin, data: Mapping[str, Data]) -> None:
        """Report what ``data`` lacks to be an object."""
        for key in data:
            odd = oddity(key)
            if odd is not None and without_spaces(key) in _HEADS:
                self._no_object(origin, (key,), odd.message, hint=odd.hint, on_key=True)
                return
        metadata = data.get("metadata")
        if not isinstance(metadata, Mapping | None):
            self._no_object(origin, ("metadata",), f"metadata is {_what(metadata)}, not a mapping")
            return
        missing: list[str] = []
        for path in _HEAD:
            mapping = (metadata or {}) if len(path) > 1 else data
            value, field_name = mapping.get(path[-1]), ".".join(path)
            if value is None or value == "":
                missing.append(field_name)
            elif not isinstance(value, str):
                hint = None if isinstance(value, Mapping | list) else "put the value in quotes"
                message = f"{field_name} is {_what(value)}, not text"
                self._no_object(origin, path, message, hint=hint)
        missing = [field_name for field_name in missing if field_name != _OPTIONAL]
        if missing:
            at = ("metadata",) if missing == ["metadata.name"] else ()
            self._no_object(origin, at, f"the object has no {' and no '.join(missing)}")

    def _no_object(
        self,
        origin: Origin,
        path: tuple[Step, ...],
        message: str,
        *,
        hint: str | None = None,
        on_key: bool = False,
    ) -> None:
        self._readable = False
        span = locate.span_of(self._chunk.text, (*origin.prefix, *path), on_key=on_key)
        self._add(codes.NOT_AN_OBJECT, self._location(span), message, hint=hint)

    def _location(self, span: locate.Span) -> SourceLocation:
        return locate.location(self._path, self._chunk.text, self._chunk.first_line, span)

    def _add(
        self,
        code: Code,
        place: FieldRef | SourceLocation,
        message: str,
        *,
        hint: str | None = None,
        related: tuple[Related, ...] = (),
    ) -> None:
        self._diagnostics.append(
            Diagnostic(code=code, place=place, message=message, hint=hint, related=related)
        )


def identity(data: Mapping[str, Data]) -> ObjectKey | None:
    """Who the object is, or ``None`` where ``data`` lacks what makes an object."""
    metadata = data.get("metadata")
    api_version, kind = data.get("apiVersion"), data.get("kind")
    if not (isinstance(metadata, dict) and isinstance(api_version, str) and isinstance(kind, str)):
        return None
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if namespace is None:
        namespace = ""
    if not (isinstance(name, str) and isinstance(namespace, str) and name and api_version and kind):
        return None
    of_kind = _kind(api_version, kind)
    scope = "" if of_kind in CLUSTER_WIDE else namespace or DEFAULT_NAMESPACE
    return ObjectKey(of_kind, Namespace(scope), name)


@lru_cache(maxsize=512)
def _kind(api_version: str, kind: str) -> Kind:
    return Kind(api_version.rpartition("/")[0], kind)


def _raw(key: ObjectKey, data: Mapping[str, Data], origin: Origin) -> RawObject:
    return RawObject(key=key, api_version=str(data["apiVersion"]), body=data, origin=origin)


def _items(data: Data) -> list[Data] | None:
    """What a ``List`` of any kind holds; ``None`` when it is not a ``List``.

    Items of a typed list, such as ``ServiceList``, may leave out apiVersion and kind, as the
    Kubernetes API does.
    """
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(kind, str) or not kind.endswith("List"):
        return None
    items = data.get("items", ...)
    if items is not None and not isinstance(items, list):
        return None
    if kind == "List":
        return items or []
    head = {"apiVersion": data.get("apiVersion"), "kind": kind.removesuffix("List")}
    return [head | dict(i) if isinstance(i, Mapping) else i for i in items or ()]


def _what(value: Data) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the boolean {'true' if value else 'false'}"
        case int() | float():
            return f"the number {value}"
        case str():
            return f'the text "{value if len(value) <= 40 else value[:40] + "…"}"'
        case list():
            return "a list"
        case _:
            return "a mapping"


def _times(count: int) -> str:
    return "twice" if count == 2 else f"{count} times"
