"""Where a field belongs that its mapping does not have: lines indented too little or too much.

Of the fields written before it the last one that has such a field is meant (``prefix`` below a
``uri`` that has nothing); else the mapping around it; else a name that is near (a slip); else the
fields that would have it.
"""

import copy
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import inspect

from controlplane.base.locations import FieldRef, Step, path_text
from controlplane.base.names import Kind
from controlplane.base.nearest import nearest
from controlplane.kinds.other_apis import advice, in_place, is_of_gateway_api, renamed
from controlplane.kinds.short_forms import flow, form_meant, istio_meant, word_meant
from controlplane.kinds.spec import Spec, struct_type

Around = tuple[FieldRef, inspect.StructType, Mapping[str, object]]
"""A mapping that another one is in: its place, its type and what it holds."""
_HEAD: Final = ("apiVersion", "kind", "metadata", "spec")
FORMER: Final[Mapping[str, tuple[str, ...]]] = {
    "appendHeaders": ("headers", "request", "add"),
    "appendRequestHeaders": ("headers", "request", "add"),
    "removeRequestHeaders": ("headers", "request", "remove"),
    "appendResponseHeaders": ("headers", "response", "add"),
    "removeResponseHeaders": ("headers", "response", "remove"),
    "budgetInterval": ("budget", "interval"),
    "budgetPercent": ("budget", "percent"),
}
"""Fields that earlier versions of the APIs had, and what they are called now."""
_EVERY_HOST: Final = "remove it: what names no host is for every one"
_NAMED: Final = 3  # fields that are named as possible places


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A field, by its path in the object, and the path that it ought to have; where both are one,
    ``value`` is what it ought to be.
    """

    source: tuple[Step, ...]
    target: tuple[Step, ...]
    value: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """One step to mend an unknown field: in words, and where it goes if that is certain."""

    hint: str
    target: tuple[Step, ...] | None = None


def where_it_belongs(
    at: FieldRef,
    name: str,
    wanted: inspect.StructType,
    written: object,
    above: Sequence[Around],
) -> Mend:
    """How to mend the unknown field ``name`` of the mapping at ``at``.

    ``written`` is the mapping as the user wrote it, with nulls; ``above`` are the mappings that it
    is in, the innermost last.
    """
    types = {field.encode_name: field.type for field in wanted.fields}
    for sibling in reversed(_before(name, written)):
        if sibling in types and name in dict(_fields_within(types[sibling])):
            return _into(at, written, sibling, types[sibling], name)
    under = [field for field, t in types.items() if name in dict(_fields_within(t))]
    around = _around(name, above, at)
    if around is not None and not _lacks(written, under):
        return around
    if name in FORMER and FORMER[name][0] in types:
        where, field = ".".join(FORMER[name][:-1]), FORMER[name][-1]
        return Mend(hint=f'move it to {where}, as "{field}"', target=(*at.path, *FORMER[name]))
    other = _other_word(at, name, types, written)
    if other is not None:
        return other
    last = _before(name, written)[-1:]
    if last and last[0] in types and _is_open(types[last[0]]):
        return _into(at, written, last[0], types[last[0]], name)
    if 0 < len(under) <= _NAMED:
        places = " or ".join(_under(field, types[field]) for field in under)
        is_certain = len(under) == 1 and not _is_list(types[under[0]])
        target = (*at.path, under[0], name) if is_certain else None
        return Mend(hint=f"it belongs {places}", target=target)
    where = path_text(at.path)[1:] or at.object.kind.name
    return Mend(hint=f"{where} has {', '.join(sorted(types))}")


def _other_word(
    at: FieldRef, name: str, types: Mapping[str, inspect.Type], written: object
) -> Mend | None:
    """How to mend a slip, another API's word, or a value that is in place of its field."""
    kind = at.object.kind
    value = written.get(name) if isinstance(written, Mapping) else None
    instead = advice(name, kind)
    if instead is not None:
        return Mend(hint=instead)
    near = renamed(name, types, kind)
    if near is not None:
        return Mend(hint=_renamed_hint(near, types[near], value), target=(*at.path, near))
    other = in_place(name, types, kind)
    if other is not None:
        return Mend(hint=_in_place_hint(other, types[other], value, kind))
    if "matchLabels" in types and isinstance(value, str):
        labels = (*at.path, "matchLabels", name)
        return Mend(hint='indent it: it belongs under "matchLabels"', target=labels)
    return _of_type(name, types, value)


def _lacks(written: object, under: Sequence[str]) -> bool:
    """Whether the only field that could have a field of this name is not written."""
    return len(under) == 1 and isinstance(written, Mapping) and under[0] not in written


def _renamed_hint(near: str, of: inspect.Type, value: object) -> str:
    """How to write the field ``near``, where what it is to hold has another form, too."""
    if near == "hostnames" and value in ("*", ["*"]):
        return _EVERY_HOST
    form = next((f for each in _alternatives(of) if (f := form_meant(each, value))), None)
    if form is None:
        return f'rename it to "{near}"'
    return f"write {near}: {flow(form)}"


def _in_place_hint(other: str, of: inspect.Type, value: object, kind: Kind) -> str:
    if other == "hostname" and value in ("*", ["*"]):
        return _EVERY_HOST
    form = next((f for each in _alternatives(of) if (f := istio_meant(each, value))), None)
    if form is not None:
        return f"write {other}: {flow(form)}"
    return f'{"the Gateway API" if is_of_gateway_api(kind) else "Istio"} says that in "{other}"'


def _of_type(name: str, types: Mapping[str, inspect.Type], value: object) -> Mend | None:
    """How to mend ``{prefix: /a}``: the name of a type is in place of ``value``."""
    of = types.get("type")
    if not isinstance(of, inspect.EnumType) or "value" not in types:
        return None
    meant = word_meant(name, [str(member.value) for member in of.cls])
    if meant is None or not isinstance(value, str):
        return None
    return Mend(hint=f"write type: {meant}, value: {flow(value)}")


def meant_field(name: str, fields: Collection[str], types: Sequence[str], kind: Kind) -> str | None:
    """The field in which what ``name`` holds belongs, in this form or another; ``types`` are those
    of the mapping, where it has one.
    """
    found = renamed(name, fields, kind)
    if found is None and "value" in fields and word_meant(name, types) is not None:
        found = "value"
    return found or in_place(name, fields, kind)


def below_sibling(
    at: FieldRef, key: str, item: object, written: object, of: inspect.Type
) -> Mend | None:
    """How to mend an entry ``key`` that is a field of the entry before it, which has no value."""
    if isinstance(item, Mapping) or key not in dict(_fields_within(of)):
        return None
    before = _before(key, written)
    if not before or not isinstance(written, Mapping) or written[before[-1]] is not None:
        return None
    target = (*at.path, before[-1], key)
    return Mend(hint=f'indent it: it belongs under "{before[-1]}"', target=target)


def beside_spec(name: str, fields: Mapping[str, type[Spec]]) -> Mend | None:
    """How to mend a field beside those of the object itself, of which ``fields`` says the types."""
    for of, struct in fields.items():
        if name in dict(_fields_within(struct_type(struct))):
            return Mend(hint=f'indent it: it belongs under "{of}"', target=(of, name))
    near = nearest(name, sorted(_HEAD))
    return Mend(hint=f'rename it to "{near}"', target=(near,)) if near is not None else None


def moved(body: Mapping[str, object], moves: Iterable[Move]) -> dict[str, object]:
    """A copy of ``body`` with its fields where they belong; what is there already stays."""
    copied: dict[str, object] = copy.deepcopy(dict(body))
    for move in moves:
        source, target = _at(copied, move.source[:-1]), _made(copied, move.target[:-1])
        field = move.target[-1]
        if move.source == move.target and target is not None:
            target[str(field)] = move.value
        elif source is not None and target is not None and target.get(str(field)) is None:
            target[str(field)] = source.pop(str(move.source[-1]), None)
    return copied


def _at(value: object, path: tuple[Step, ...]) -> dict[str, object] | None:
    for step in path:
        match value, step:
            case dict(), str():
                value = value.get(step)
            case list(), int() if step < len(value):
                value = value[step]
            case _:
                return None
    return value if isinstance(value, dict) else None


def _made(body: dict[str, object], path: tuple[Step, ...]) -> dict[str, object] | None:
    """The mapping at ``path``; an empty one put there where there is none."""
    if path and isinstance(path[-1], str):
        parent = _made(body, path[:-1])
        if parent is not None and parent.get(path[-1]) is None:
            parent[path[-1]] = {}
    return _at(body, path)


def _before(name: str, written: object) -> list[str]:
    if not isinstance(written, Mapping):
        return []
    keys = list(written)
    return keys[: keys.index(name)] if name in keys else []


def _around(name: str, above: Sequence[Around], at: FieldRef) -> Mend | None:
    for place, info, value in reversed(above):
        if any(field.encode_name == name for field in info.fields) and name not in value:
            where = path_text(place.path)[1:] or at.object.kind.name
            is_around = at.path[: len(place.path)] == place.path
            hint = f"indent it less: it belongs to {where}" if is_around else f"move it to {where}"
            return Mend(hint=hint, target=(*place.path, name))
    if name in _HEAD and at.path:
        return Mend(hint=f"indent it less: it belongs to {at.object.kind.name}", target=(name,))
    return None


def _into(at: FieldRef, written: object, sibling: str, of: inspect.Type, name: str) -> Mend:
    """Into the value of ``sibling``, or the last item of its list."""
    hint = f"indent it: it belongs {_under(sibling, of)}"
    value = written.get(sibling) if isinstance(written, Mapping) else None
    last: tuple[Step, ...] = (len(value) - 1,) if isinstance(value, list) and value else ()
    return Mend(hint=hint, target=(*at.path, sibling, *last, name))


def _under(field: str, of: inspect.Type) -> str:
    return f'to an item of "{field}"' if _is_list(of) else f'under "{field}"'


def _is_list(of: inspect.Type) -> bool:
    return any(isinstance(each, inspect.VarTupleType) for each in _alternatives(of))


def _is_open(of: inspect.Type) -> bool:
    """Whether a value of this type is a mapping whose keys are the user's, as labels are."""
    return any(isinstance(each, inspect.DictType) for each in _alternatives(of))


def _fields_within(of: inspect.Type) -> Iterator[tuple[str, inspect.Type]]:
    """The fields of the struct that a value of this type is, or that the items of a list are."""
    for each in _alternatives(of):
        if isinstance(each, inspect.StructType):
            yield from ((field.encode_name, field.type) for field in each.fields)
        elif isinstance(each, inspect.VarTupleType):
            yield from _fields_within(each.item_type)


def _alternatives(of: inspect.Type) -> Iterable[inspect.Type]:
    return of.types if isinstance(of, inspect.UnionType) else (of,)
