"""Values that are no messages of their own fields, read from plain data as Go's ``jsonpb`` does.

Source: github.com/golang/protobuf/jsonpb/decode.go
"""

import base64
import binascii
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor

from controlplane.base.codes import (
    UNKNOWN_VALUE,
    VALUE_MALFORMED,
    VALUE_OUT_OF_RANGE,
    WRONG_TYPE,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.nearest import nearest
from controlplane.base.units import nanoseconds
from controlplane.base.wording import described

Holder = Any
"""A message or a repeated field of one; its fields are known from its descriptor only."""

_LONGEST: Final = 2**63 - 1  # nanoseconds; Go time.Duration
_INTEGERS: Final[Mapping[int, tuple[int, int]]] = {
    **dict.fromkeys((5, 15, 17), (-(2**31), 2**31 - 1)),  # int32, sfixed32, sint32
    **dict.fromkeys((3, 16, 18), (-(2**63), 2**63 - 1)),  # int64, sfixed64, sint64
    **dict.fromkeys((13, 7), (0, 2**32 - 1)),  # uint32, fixed32
    **dict.fromkeys((4, 6), (0, 2**64 - 1)),  # uint64, fixed64
}
"""The range of each integer, by the number of its type in descriptor.proto."""
_SPACE: Final = r"[ \t\r\n]*"
_DIGITS: Final = r"-?(?:0|[1-9][0-9]*)"
_WHOLE: Final = re.compile(rf"{_SPACE}{_DIGITS}{_SPACE}")
_NUMBER: Final = re.compile(rf"{_SPACE}{_DIGITS}(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?{_SPACE}")
"""What JSON has, which quotes may be around."""
_NON_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_DURATION: Final = "a duration such as 1.5s or 100ms"


class Dropped:
    """The value had a fault; its field is left out."""


DROPPED: Final = Dropped()


def single(report: Report, at: FieldRef, field: FieldDescriptor, value: object) -> object:
    """One value of a field that holds no messages; ``DROPPED`` where there is a fault."""
    kind = field.type
    if value is None:
        return b"" if kind == FieldDescriptor.TYPE_BYTES else _zero(field)
    if kind in _INTEGERS:
        return _integer(report, at, _INTEGERS[kind], value)
    if kind in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE):
        return _number(report, at, value)
    if kind == FieldDescriptor.TYPE_ENUM:
        return _enum(report, at, field, value)
    if kind == FieldDescriptor.TYPE_BOOL:
        if isinstance(value, bool):
            return value
        hint = "leave out the quotes" if value in ("true", "false") else None
        return _dropped(report, at, "true or false", value, hint)
    if not isinstance(value, str):
        return _dropped(report, at, "text", value, _quote(value))
    return value if kind == FieldDescriptor.TYPE_STRING else _bytes(report, at, value)


def _zero(field: FieldDescriptor) -> object:
    if field.type == FieldDescriptor.TYPE_STRING:
        return ""
    return False if field.type == FieldDescriptor.TYPE_BOOL else 0


def _quote(value: object) -> str | None:
    if isinstance(value, bool):
        return "YAML reads y, n, yes, no, on and off as booleans: put the text in quotes"
    return "put it in quotes" if isinstance(value, int | float) else None


def _integer(report: Report, at: FieldRef, bounds: tuple[int, int], value: object) -> object:
    """Numbers pass through a float of 64 bits, as Kubernetes hands them over."""
    number = _plain_number(value)
    if number is None or isinstance(value, bool) or not number.is_integer():
        return _dropped(report, at, "a whole number", value)
    found = int(value) if isinstance(value, str) else int(number)
    least, most = bounds
    if not least <= found <= most:
        report.add(VALUE_OUT_OF_RANGE, at, f"{value} is not between {least} and {most}")
        return DROPPED
    return found


def _plain_number(value: object) -> float | None:
    """A number, or one in quotes, which must be whole without a point."""
    if isinstance(value, str):
        return float(value) if _WHOLE.fullmatch(value) is not None else None
    if not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _number(report: Report, at: FieldRef, value: object) -> object:
    if isinstance(value, str):
        if value in _NON_FINITE:
            return _NON_FINITE[value]
        if _NUMBER.fullmatch(value) is None:
            return _dropped(report, at, "a number", value)
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _dropped(report, at, "a number", value)
    return float(value)


def _enum(report: Report, at: FieldRef, field: FieldDescriptor, value: object) -> object:
    type_ = field.enum_type
    assert type_ is not None, "the field is an enum"
    if isinstance(value, int) and not isinstance(value, bool):
        return _integer(report, at, _INTEGERS[FieldDescriptor.TYPE_INT32], value)
    names = [one.name for one in type_.values]
    if not isinstance(value, str):
        return _dropped(report, at, f"one of {', '.join(names)}", value)
    if value not in names:
        near = nearest(value, names)
        hint = f"write {near}" if near else None
        report.add(UNKNOWN_VALUE, at, f'"{value}" is not one of {", ".join(names)}', hint=hint)
        return DROPPED
    return type_.values_by_name[value].number


def _bytes(report: Report, at: FieldRef, value: str) -> object:
    try:
        return base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        report.add(VALUE_MALFORMED, at, "the text is not base64", hint="encode it with base64")
        return DROPPED


def duration(report: Report, at: FieldRef, message: Holder, value: object) -> bool:
    if not isinstance(value, str):
        hint = f"write {value}s" if isinstance(value, int) and value is not True else None
        return wrong_type(report, at, _DURATION, value, hint)
    length = nanoseconds(value)
    if length is None or abs(length) > _LONGEST:
        unit = value.removeprefix("-").isdigit()
        hint = f"write {value}s" if unit else "write a number with h, m, s or ms: 1.5s, 100ms"
        said = f'"{value}" is not a duration' + (" (it has no unit)" if unit else "")
        report.add(VALUE_MALFORMED, at, said, hint=hint)
        return False
    seconds, rest = divmod(abs(length), 1_000_000_000)
    sign = -1 if length < 0 else 1
    message.seconds, message.nanos = sign * seconds, sign * rest
    return True


def timestamp(report: Report, at: FieldRef, message: Holder, value: object) -> bool:
    if not isinstance(value, str):
        return wrong_type(report, at, "a time such as 2026-01-31T12:00:00Z", value)
    try:
        message.FromJsonString(value)
    except ValueError:
        said = f'"{value}" is not a time such as 2026-01-31T12:00:00Z'
        report.add(VALUE_MALFORMED, at, said)
        return False
    return True


def wrong_type(
    report: Report, at: FieldRef, wanted: str, value: object, hint: str | None = None
) -> bool:
    report.add(WRONG_TYPE, at, f"expected {wanted}, found {described(value)}", hint=hint)
    return False


def _dropped(
    report: Report, at: FieldRef, wanted: str, value: object, hint: str | None = None
) -> object:
    wrong_type(report, at, wanted, value, hint)
    return DROPPED
