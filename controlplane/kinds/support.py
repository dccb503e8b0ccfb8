"""Fields that are understood and checked, but translated by nothing: each use of one is reported
as CP0203.

Which they are follows from the table that each kind's declaration has of the fields that are
translated; so does the page of the documentation that lists all fields.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec import inspect

from controlplane.base.codes import NOT_SUPPORTED_YET
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef, path_text
from controlplane.kinds.served import By, Fields, ServedKind
from controlplane.kinds.spec import Spec, struct_type

NO_HINTS: Final[Mapping[str, str]] = MappingProxyType({})


@cache
def unsupported(served: ServedKind[Any]) -> tuple[str, ...]:
    """The paths of all fields of a kind that have no effect yet, without what is within them."""
    return unsupported_fields(served.spec, served.fields)


def unsupported_fields(spec: type[Spec], fields: Fields) -> tuple[str, ...]:
    """The paths of those fields of ``spec`` that ``fields`` does not name.

    In their JSON names, lists and mappings passed through.
    """
    return tuple(_unnamed(struct_type(spec), fields))


def _unnamed(info: inspect.Type, fields: Fields) -> Iterator[str]:
    for struct in structs_in(info):
        assert issubclass(struct.cls, Spec), "a kind is made of Specs"
        entries = {name: entry for entry in fields.get(struct.cls, ()) for name in entry.fields}
        for field in struct.fields:
            entry = entries.get(field.name)
            if entry is None:
                yield field.encode_name
            elif isinstance(entry, By):
                for path in _unnamed(field.type, fields):
                    yield f"{field.encode_name}.{path}"


def structs_in(info: inspect.Type) -> Iterator[inspect.StructType]:
    """The structs that a value of this type is, or holds in lists and mappings."""
    match info:
        case inspect.StructType():
            yield info
        case inspect.VarTupleType(item_type=item) | inspect.DictType(value_type=item):
            yield from structs_in(item)
        case inspect.UnionType(types=types):
            for each in types:
                yield from structs_in(each)


def report_unsupported(
    report: Report,
    at: FieldRef,
    spec: Spec,
    paths: Iterable[str],
    hints: Mapping[str, str] = NO_HINTS,
) -> None:
    """Report every field of ``paths`` that ``spec`` sets to something else than its default;
    ``hints`` are by the field's own name.
    """
    for path in paths:
        for place in _uses(at, spec, path.split(".")):
            message = f"{path_text(place.path)[1:]} is not supported yet and has no effect"
            hint = hints.get(path.rpartition(".")[2])
            report.add(NOT_SUPPORTED_YET, place.key, message, hint=hint)


def _uses(at: FieldRef, value: object, path: list[str]) -> Iterator[FieldRef]:
    """The places where a field of this path is given something else than its default."""
    if isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _uses(at / i, item, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _uses(at / key, item, path)
    elif isinstance(value, msgspec.Struct):
        name = _attributes(type(value))[path[0]]
        default = getattr(_empty(type(value)), name)
        found = getattr(value, name)
        if found != default:
            if len(path) == 1:
                yield at / path[0]
            else:
                yield from _uses(at / path[0], found, path[1:])


@cache
def _attributes(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Attribute names by JSON name."""
    return dict(zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True))


@cache
def _empty(struct: type[msgspec.Struct]) -> msgspec.Struct:
    return struct()
