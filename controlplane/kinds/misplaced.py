"""Where a field belongs that its mapping does not have: lines indented too little or too much.

Of the fields written before it the last one that has such a field is meant (``prefix`` below a
``uri`` that has nothing); else the mapping around it; else a name that is near (a slip); else the
fields that would have it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import inspect

from controlplane.base.locations import FieldRef, path_text
from controlplane.base.nearest import nearest

_HEAD: Final = ("apiVersion", "kind", "metadata", "spec")
_NAMED: Final = 3  # fields that are named as possible places


def where_it_belongs(
    at: FieldRef,
    name: str,
    wanted: inspect.StructType,
    written: object,
    above: Sequence[tuple[FieldRef, inspect.StructType]],
) -> str:
    """One step to mend the unknown field ``name`` of the mapping at ``at``.

    ``written`` is the mapping as the user wrote it, with nulls; ``above`` are the mappings that it
    is in, the innermost last.
    """
    types = {field.encode_name: field.type for field in wanted.fields}
    before = _before(name, written)
    for sibling in reversed(before):
        if sibling in types and name in dict(_fields_within(types[sibling])):
            return f"indent it: it belongs {_under(sibling, types[sibling])}"
    around = _around(name, above, at)
    if around is not None:
        return around
    near = nearest(name, types)
    if near is not None:
        return f'rename it to "{near}"'
    under = [_under(field, t) for field, t in types.items() if name in dict(_fields_within(t))]
    if 0 < len(under) <= _NAMED:
        return f"it belongs {' or '.join(under)}"
    where = path_text(at.path)[1:] or at.object.kind.name
    return f"{where} has {', '.join(sorted(types))}"


def below_sibling(key: str, item: object, written: object, of: inspect.Type) -> str | None:
    """The step to mend an entry ``key`` that is a field of the entry before it, which has no
    value.
    """
    if isinstance(item, Mapping) or key not in dict(_fields_within(of)):
        return None
    before = _before(key, written)
    if not before or not isinstance(written, Mapping) or written[before[-1]] is not None:
        return None
    return f'indent it: it belongs under "{before[-1]}"'


def of_head(name: str, spec: type, metadata: type) -> str | None:
    """The step to mend a field beside ``spec`` and ``metadata`` that is one of theirs."""
    for of, struct in (("spec", spec), ("metadata", metadata)):
        info = inspect.type_info(struct)
        if name in dict(_fields_within(info)):
            return f'indent it: it belongs under "{of}"'
    return None


def _before(name: str, written: object) -> list[str]:
    if not isinstance(written, Mapping):
        return []
    keys = list(written)
    return keys[: keys.index(name)] if name in keys else []


def _around(
    name: str, above: Sequence[tuple[FieldRef, inspect.StructType]], at: FieldRef
) -> str | None:
    for place, info in reversed(above):
        if any(field.encode_name == name for field in info.fields):
            where = path_text(place.path)[1:] or at.object.kind.name
            return f"indent it less: it belongs to {where}"
    if name in _HEAD and at.path:
        return f"indent it less: it belongs to {at.object.kind.name}"
    return None


def _under(field: str, of: inspect.Type) -> str:
    is_list = any(isinstance(each, inspect.VarTupleType) for each in _alternatives(of))
    return f'to an item of "{field}"' if is_list else f'under "{field}"'


def _fields_within(of: inspect.Type) -> Iterator[tuple[str, inspect.Type]]:
    """The fields of the struct that a value of this type is, or that the items of a list are."""
    for each in _alternatives(of):
        if isinstance(each, inspect.StructType):
            yield from ((field.encode_name, field.type) for field in each.fields)
        elif isinstance(each, inspect.VarTupleType):
            yield from _fields_within(each.item_type)


def _alternatives(of: inspect.Type) -> Iterable[inspect.Type]:
    return of.types if isinstance(of, inspect.UnionType) else (of,)
