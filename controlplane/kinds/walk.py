"""A plain value is compared with a struct's types, every difference reported at its place.

The slow way, taken when msgspec has refused an object: msgspec stops at the first fault, this one
continues. What remains without the faults is given back, so that the rules can look at the rest.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from msgspec import inspect

from controlplane.base.codes import (
    NULL_VALUE,
    UNKNOWN_FIELD,
    UNKNOWN_VALUE,
    VALUE_MALFORMED,
    VALUE_OUT_OF_RANGE,
    WRONG_TYPE,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef, path_text
from controlplane.base.nearest import nearest
from controlplane.base.wording import described
from controlplane.documents.scalars import plain
from controlplane.kinds.duration import duration
from controlplane.kinds.misplaced import Around, Mend, Move, below_sibling, where_it_belongs
from controlplane.kinds.short_forms import (
    entries_meant,
    flow,
    items_of_text,
    mapping_meant,
    only_mapping,
    pairs_meant,
    word_meant,
)
from controlplane.kinds.spec import Duration, Spec, struct_type
from controlplane.kinds.typed_limits import is_size_within, is_text_within
from controlplane.kinds.wrong_types import UNQUOTE, type_hint, unspaced_key, wanted_text


class Null(Enum):
    """What ``null`` is in a list or mapping; as the value of a field it is an absent field.

    ZERO: Go's zero value, as in the built-in kinds and in ``metadata``. FAULT: refused, as in
    custom resources (where those in mappings are pruned before) and in MeshConfig.
    """

    ZERO = "zero"
    FAULT = "fault"


class Dropped(Enum):
    """The value had a fault; its field is left out."""

    DROPPED = "dropped"


DROPPED: Final = Dropped.DROPPED

ALIASES: Final[Mapping[str, str]] = {
    "mirror_percent": "mirrorPercent",
    "jwks_uri": "jwksUri",
}
"""The only names in snake case that Istio's CRDs know; the JSON name wins."""

_PLAIN_INTEGER: Final = re.compile(r"[+-]?\d+")


@dataclass(slots=True)
class Walk:
    """One comparison of a value with a struct."""

    report: Report
    null: Null
    written: object = None
    """The object as the user wrote it, with the nulls that the value has no longer."""
    moves: list[Move] = field(default_factory=list)
    """Where unknown fields belong, as far as that is certain."""
    _above: list[Around] = field(default_factory=list)

    def enter(self, at: FieldRef, struct: type[Spec], value: Mapping[str, object]) -> None:
        """Take note that what is compared is within a mapping of ``struct``."""
        self._above.append((at, struct_type(struct), value))

    def struct(
        self, at: FieldRef, struct: type[Spec], value: object
    ) -> dict[str, object] | Dropped:
        """The valid part of ``value``; ``DROPPED`` where it is not a mapping."""
        found = self._struct(at, struct_type(struct), value)
        return found if isinstance(found, dict) else DROPPED

    def unknown(self, at: FieldRef, name: str, mend: Mend) -> None:
        """Report a field that the mapping at ``at`` does not have."""
        where = path_text(at.path)[1:] or at.object.kind.name
        message = f'{where} has no field "{name}"'
        self.report.add(UNKNOWN_FIELD, (at / name).key, message, hint=mend.hint)
        self._note(at / name, mend)

    def _note(self, at: FieldRef, mend: Mend) -> None:
        if mend.target is not None:
            self.moves.append(Move(source=at.path, target=mend.target))

    def _value(self, at: FieldRef, wanted: inspect.Type, value: object) -> object:
        match wanted:
            case inspect.UnionType():
                return self._union(at, wanted, value)
            case inspect.AnyType():
                return value
            case inspect.CustomType(cls=cls) if cls is object:
                return value
            case _ if value is None:
                return self._null(at, wanted)
            case inspect.StructType():
                return self._struct(at, wanted, value)
            case inspect.VarTupleType():
                return self._list(at, wanted, value)
            case inspect.DictType():
                return self._mapping(at, wanted, value)
            case inspect.EnumType():
                return self._enum(at, wanted.cls, value)
            case inspect.CustomType(cls=cls):
                return self._duration(at, value) if cls is Duration else value
            case _:
                return self._scalar(at, wanted, value)

    def _union(self, at: FieldRef, wanted: inspect.UnionType, value: object) -> object:
        types = tuple(t for t in wanted.types if not isinstance(t, inspect.NoneType))
        if len(types) == 1:
            return self._value(at, types[0], value)
        quiet = Walk(Report(), self.null)
        for each in types:
            if quiet._value(at, each, value) is not DROPPED:
                return value
        self._wrong_type(at, " or ".join(map(wanted_text, types)), value)
        return DROPPED

    def _null(self, at: FieldRef, wanted: inspect.Type) -> object:
        if self.null is Null.ZERO:
            return _zero(wanted)
        message = f"expected {wanted_text(wanted)}, found null"
        self.report.add(NULL_VALUE, at, message, hint="give it a value, or remove it")
        return DROPPED

    def _struct(self, at: FieldRef, wanted: inspect.StructType, value: object) -> object:
        if not isinstance(value, Mapping):
            return self._no_mapping(at, value, self._short_form(at, wanted, value))
        fields = {f.encode_name: f for f in wanted.fields}
        found: dict[str, object] = {}
        above = tuple(self._above)
        self._above.append((at, wanted, value))
        for written, item in value.items():
            name = ALIASES.get(written, written)
            if name in fields:
                if name != written and name in value:
                    continue
                if item is None:
                    continue
                kept = self._value(at / written, fields[name].type, item)
                if kept is not DROPPED:
                    found[name] = kept
            elif wanted.forbid_unknown_fields:
                mend = where_it_belongs(at, written, wanted, self._as_written(at, value), above)
                self.unknown(at, written, mend)
        self._above.pop()
        return found

    def _as_written(self, at: FieldRef, value: object) -> object:
        found = self.written
        for step in at.path:
            match found, step:
                case Mapping(), str() if step in found:
                    found = found[step]
                case list(), int() if step < len(found):
                    found = found[step]
                case _:
                    return value
        return found

    def _list(self, at: FieldRef, wanted: inspect.VarTupleType, value: object) -> object:
        if not isinstance(value, list | tuple):
            return self._no_list(at, wanted.item_type, value)
        items = (self._value(at / i, wanted.item_type, item) for i, item in enumerate(value))
        kept = [item for item in items if item is not DROPPED]
        is_within = is_size_within(self.report, at, wanted, value)
        return kept if is_within and len(kept) >= (wanted.min_length or 0) else DROPPED

    def _mapping(self, at: FieldRef, wanted: inspect.DictType, value: object) -> object:
        value_type = wanted.value_type
        if not isinstance(value, Mapping):
            meant = pairs_meant(value)
            fits = meant and all(self._fits(at, value_type, item) for item in meant.values())
            return self._no_mapping(at, value, meant if fits else None)
        items: dict[str, object] = {}
        for key, item in value.items():
            written = self._as_written(at, value)
            mend = below_sibling(at, key, item, written, value_type)
            if mend is not None:
                self._wrong_type(at / key, wanted_text(value_type), item, hint=mend.hint)
                self._note(at / key, mend)
                continue
            if self._is_of_an_entry(at / key, key, value_type, item):
                self._nameless(at, key)
                continue
            kept = self._value(at / key, value_type, item)
            if kept is not DROPPED:
                items[key] = kept
        return items if is_size_within(self.report, at, wanted, value) else DROPPED

    def _is_of_an_entry(self, at: FieldRef, key: str, entry: inspect.Type, value: object) -> bool:
        """Whether a key where names of entries are is a field of an entry without a name."""
        if not isinstance(entry, inspect.StructType):
            return False
        types = {field.encode_name: field.type for field in entry.fields}
        return (
            key in types and not self._fits(at, entry, value) and self._fits(at, types[key], value)
        )

    def _nameless(self, at: FieldRef, key: str) -> None:
        message = f'{path_text(at.path)[1:]} has entries with names, and "{key}" is in none'
        self.report.add(
            UNKNOWN_FIELD, (at / key).key, message, hint="put it below the name of an entry"
        )

    def _short_form(
        self, at: FieldRef, wanted: inspect.StructType, value: object
    ) -> Mapping[str, object] | None:
        """The mapping that a plain value stands for."""
        meant = mapping_meant(wanted, value)
        types = {field.encode_name: field.type for field in wanted.fields}
        fits = meant and all(self._fits(at, types[name], item) for name, item in meant.items())
        return meant if fits else None

    def _fits(self, at: FieldRef, wanted: inspect.Type, value: object) -> bool:
        report = Report()
        return (
            Walk(report, self.null)._value(at, wanted, value) is not DROPPED and not report.refused
        )

    def _no_mapping(
        self, at: FieldRef, value: object, meant: Mapping[str, object] | None
    ) -> Dropped:
        """Report a value where a mapping belongs, which ``meant`` is, if that is known."""
        hint = None
        if at.object.kind.name == "Secret":
            return self._wrong_type(at, "a mapping", value)  # hints would show what it holds
        if meant is not None and unspaced_key(value) is None:
            hint = f"write {flow(meant)}"
            if "exact" in meant:
                hint += f", or {flow({'prefix': value})}"
            self._meant(at, meant)
        elif (only := only_mapping(value)) is not None:
            hint = "leave out the dash, or the square brackets"
            self._meant(at, only)
        return self._wrong_type(at, "a mapping", value, hint=hint)

    def _no_list(self, at: FieldRef, item_type: inspect.Type, value: object) -> Dropped:
        """Report a value where a list belongs: it is the only item, or names all of them."""
        items, hint = items_of_text(value), None
        entries = entries_meant(item_type, value)
        if entries is None and isinstance(item_type, inspect.StructType):
            entries = [self._short_form(at, item_type, item) for item in items]
        if entries and all(item and self._fits(at, item_type, item) for item in entries):
            items, hint = list[object](entries), f"write {flow(list(entries))}"
        elif all(isinstance(item, str | int) and self._fits(at, item_type, item) for item in items):
            hint = f"write {flow(items)}"
        if hint is not None or self._fits(at, item_type, value):
            self._meant(at, items)
        return self._wrong_type(at, "a list", value, hint=hint)

    def _enum(self, at: FieldRef, wanted: type[Enum], value: object) -> object:
        names = [str(member.value) for member in wanted]
        if not isinstance(value, str):
            return self._wrong_type(at, f"one of {', '.join(names)}", value)
        if value in names:
            return value
        near = nearest(value, names) or word_meant(value, names)
        hint = f"write {near}" if near else None
        if near is not None:
            self._meant(at, near)
        self.report.add(UNKNOWN_VALUE, at, f'"{value}" is not one of {", ".join(names)}', hint=hint)
        return DROPPED

    def _duration(self, at: FieldRef, value: object) -> object:
        if not isinstance(value, str):
            hint = f"write {value}s" if isinstance(value, int) and value is not True else None
            return self._wrong_type(at, "a duration such as 1.5s or 100ms", value, hint=hint)
        if duration(value) is None:
            unit = _PLAIN_INTEGER.fullmatch(value)
            hint = f"write {value}s" if unit else "write a number with h, m, s or ms: 1.5s, 100ms"
            message = f'"{value}" is not a duration' + (" (it has no unit)" if unit else "")
            self.report.add(VALUE_MALFORMED, at, message, hint=hint)
            return DROPPED
        return value

    def _scalar(self, at: FieldRef, wanted: inspect.Type, value: object) -> object:
        match wanted:
            case inspect.StrType() if isinstance(value, str):
                return value if is_text_within(self.report, at, wanted, value) else DROPPED
            case inspect.BoolType() if isinstance(value, bool):
                return value
            case inspect.FloatType() if _is_number(value):
                return value
            case inspect.IntType() if isinstance(value, int) and not isinstance(value, bool):
                return self._integer(at, wanted, value)
        return self._wrong_type(at, wanted_text(wanted), value)

    def _integer(self, at: FieldRef, wanted: inspect.IntType, value: int) -> object:
        low, high = wanted.ge, wanted.le if wanted.le is not None else 2**64 - 1
        if (low is not None and value < low) or value > high:
            report_range(self.report, at, value, low, high)
            return DROPPED
        return value

    def _wrong_type(
        self, at: FieldRef, wanted: str, value: object, *, hint: str | None = None
    ) -> Dropped:
        message = f"expected {wanted}, found {described(value)}"
        hint = hint or type_hint(wanted, value)
        if at.path[-1:] == ("sectionName",) and isinstance(value, int):
            hint = f"write the listener's name, or port: {value} in place of sectionName"
        if hint is None and at.path[-1:] == ("jwks",):
            hint = "write it as text: a | after the colon, and below it JSON, indented"
        if hint == UNQUOTE and isinstance(value, str):
            self._meant(at, plain(value))
        self.report.add(WRONG_TYPE, at, message, hint=hint)
        return DROPPED

    def _meant(self, at: FieldRef, value: object) -> None:
        if at.path and isinstance(at.path[-1], str):
            self.moves.append(Move(source=at.path, target=at.path, value=value))


def report_range(
    report: Report, at: FieldRef, value: float, low: float | None, high: float | None
) -> None:
    """Say that ``value`` lies outside of ``low`` to ``high``."""
    if low is not None and high is not None:
        bounds = f"is not between {low} and {high}"
    else:
        bounds = f"is below {low}" if low is not None else f"is above {high}"
    report.add(VALUE_OUT_OF_RANGE, at, f"{value} {bounds}")


def _zero(wanted: inspect.Type) -> object:
    match wanted:
        case inspect.StrType():
            return ""
        case inspect.BoolType():
            return False
        case inspect.IntType() | inspect.FloatType():
            return 0
        case inspect.VarTupleType():
            return ()
        case inspect.StructType() | inspect.DictType():
            return {}
        case _:
            return DROPPED


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
