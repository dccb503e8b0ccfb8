"""Plain data becomes a message whose type is known by name only, as Istio reads it.

Istio reads with Go's ``jsonpb``: fields are named in snake case or camel case (which wins),
durations are Go's (``100ms``), numbers may be quoted, enums are names or numbers, null is an absent
field. What cannot be read is reported at its place, all of it, and left out. A field that the
message does not have is left out as well, with a warning, and so is all but the last of several
fields of one oneof.

``google.protobuf.json_format`` stops at its first fault, knows durations in seconds only, drops
unknown fields without a word or refuses the whole, and refuses two fields of one oneof. Only what
is plain data anyway is left to it.
Source: github.com/golang/protobuf/jsonpb/decode.go, Istio ``pkg/config/xds/xds.go``
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError, Message

from controlplane.base.codes import (
    CANNOT_WORK,
    ENVOY_FIELD_UNKNOWN,
    ENVOY_TYPE_UNKNOWN,
    MISSING_FIELD,
    NO_EFFECT,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.nearest import nearest
from controlplane.protobuf.descriptors import message_type
from controlplane.protobuf.foreign_types import is_foreign, type_name
from controlplane.protobuf.json_values import (
    Dropped,
    Holder,
    duration,
    single,
    timestamp,
    wrong_type,
)

_DEPTH: Final = 1_000
"""More than documents have levels: protobuf counts up to three for each."""
_WRAPPERS: Final = frozenset(
    f"google.protobuf.{name}Value"
    for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)
_PLAIN_VALUE: Final = "google.protobuf.Value"
TYPED_STRUCTS: Final = frozenset({"udpa.type.v1.TypedStruct", "xds.type.v3.TypedStruct"})
"""They hold another message as data, which Envoy reads."""


def message_of(
    report: Report, at: FieldRef, type_: Descriptor, value: Mapping[str, object]
) -> Message:
    """The message of ``type_`` that ``value`` says, without what cannot be read of it."""
    message = message_factory.GetMessageClass(type_)()
    _fill(report, at, message, value)
    return message


def is_readable(message: Message) -> bool:
    """Whether protobuf reads what it writes of ``message``: no more than 100 messages within each
    other, of which a level of a ``Struct`` is three. Envoy has the same limit.
    """
    try:
        type(message).FromString(message.SerializeToString())
    except DecodeError:
        return False
    return True


def _fill(report: Report, at: FieldRef, message: Message, value: object) -> bool:
    """Set the fields that ``value`` says; false where it is nothing that the message can say."""
    name = message.DESCRIPTOR.full_name
    if value is None and name != _PLAIN_VALUE:
        return True
    if name in _WRAPPERS:
        return _wrapper(report, at, message, value)
    if name in _WELL_KNOWN:
        return _WELL_KNOWN[name](report, at, message, value)
    if not isinstance(value, Mapping):
        return wrong_type(report, at, "a mapping", value)
    _fields(report, at, message, value)
    return True


def _wrapper(report: Report, at: FieldRef, message: Holder, value: object) -> bool:
    found = single(report, at, message.DESCRIPTOR.fields_by_name["value"], value)
    if isinstance(found, Dropped):
        return False
    message.value = found
    return True


def _fields(report: Report, at: FieldRef, message: Holder, value: Mapping[str, object]) -> None:
    type_: Descriptor = message.DESCRIPTOR
    seen: dict[str, str] = {}
    for field in type_.fields:
        written = field.json_name if field.json_name in value else field.name
        if written not in value:
            continue
        item = value[written]
        if item is None and not _takes_null(field):
            continue
        oneof = field.containing_oneof
        if oneof is not None and len(oneof.fields) > 1:
            if oneof.name in seen:
                earlier = seen[oneof.name]
                message_ = f"{earlier} and {written} exclude each other, so {earlier} has no effect"
                report.add(NO_EFFECT, (at / earlier).key, message_, hint=f"remove {earlier}")
            seen[oneof.name] = written
        _field(report, at / written, message, field, item)
    known = {name for field in type_.fields for name in (field.name, field.json_name)}
    for name in value:
        if name not in known:
            near = nearest(name, [field.name for field in type_.fields])
            said = f'{type_.full_name} has no field "{name}", so it is left out'
            hint = f'rename it to "{near}"' if near else None
            report.add(ENVOY_FIELD_UNKNOWN, (at / name).key, said, hint=hint)


def _takes_null(field: FieldDescriptor) -> bool:
    type_ = field.message_type
    return type_ is not None and type_.full_name == _PLAIN_VALUE


def _field(
    report: Report, at: FieldRef, message: Holder, field: FieldDescriptor, value: object
) -> None:
    type_ = field.message_type
    if type_ is not None and type_.GetOptions().map_entry:
        _map(report, at, getattr(message, field.name), type_, value)
    elif field.is_repeated:
        _list(report, at, getattr(message, field.name), field, value)
    elif type_ is not None:
        found = message_factory.GetMessageClass(type_)()
        if _fill(report, at, found, value):
            getattr(message, field.name).CopyFrom(found)
    else:
        one = single(report, at, field, value)
        if not isinstance(one, Dropped):
            setattr(message, field.name, one)


def _list(
    report: Report, at: FieldRef, items: Holder, field: FieldDescriptor, value: object
) -> None:
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        hint = "write each item on its own line, beginning with a dash"
        wrong_type(report, at, "a list", value, hint)
        return
    for i, item in enumerate(value):
        if field.message_type is not None:
            found = message_factory.GetMessageClass(field.message_type)()
            if _fill(report, at / i, found, item):
                items.append(found)
        else:
            one = single(report, at / i, field, item)
            if not isinstance(one, Dropped):
                items.append(one)


def _map(report: Report, at: FieldRef, entries: Holder, type_: Descriptor, value: object) -> None:
    if not isinstance(value, Mapping):
        wrong_type(report, at, "a mapping", value)
        return
    of_key, of_value = type_.fields_by_name["key"], type_.fields_by_name["value"]
    for written, item in value.items():
        key: object = written
        if of_key.type != FieldDescriptor.TYPE_STRING:
            key = single(report, (at / written).key, of_key, _key_data(written))
            if isinstance(key, Dropped):
                continue
        if of_value.message_type is not None:
            found = message_factory.GetMessageClass(of_value.message_type)()
            if _fill(report, at / written, found, item):
                entries[key].CopyFrom(found)
        else:
            one = single(report, at / written, of_value, item)
            if not isinstance(one, Dropped):
                entries[key] = one


def _key_data(key: str) -> object:
    return {"true": True, "false": False}.get(key, key)


def _struct(report: Report, at: FieldRef, message: Holder, value: object) -> bool:
    if not isinstance(value, Mapping):
        return wrong_type(report, at, "a mapping", value)
    return _value(report, at, message, dict(value))


def _list_value(report: Report, at: FieldRef, message: Holder, value: object) -> bool:
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        return wrong_type(report, at, "a list", value)
    return _value(report, at, message, list(value))


def _value(_: Report, __: FieldRef, message: Holder, value: object) -> bool:
    """Plain data as it is; nothing in it can be wrong."""
    plain: Any = value  # Any: protobuf takes values that are no mappings as well
    ParseDict(plain, message, max_recursion_depth=_DEPTH)
    return True


def _any(report: Report, at: FieldRef, message: Holder, value: object) -> bool:
    """A message of the type that ``@type`` names; a type that is not known refuses the object."""
    if not isinstance(value, Mapping):
        return wrong_type(report, at, "a mapping with @type", value)
    url = value.get("@type", None)
    if not isinstance(url, str):
        said = "@type, which names the type of the message, is missing"
        report.add(MISSING_FIELD, at, said, hint='add "@type": type.googleapis.com/…')
        return False
    if is_foreign(type_name(url)):
        said = f'no Envoy here has the type "{type_name(url)}", so the patch is not applied'
        report.add(CANNOT_WORK, at / "@type", said)
        return False
    type_ = _known_type(url)
    if type_ is None:
        hint = "use the type of Envoy's API v3" if is_of_old_api(url) else None
        said = f'Envoy has no type "{type_name(url)}"'
        report.add(ENVOY_TYPE_UNKNOWN, at / "@type", said, hint=hint)
        return False
    found = message_factory.GetMessageClass(type_)()
    if type_.full_name in _UNDER_VALUE:
        if "value" not in value:
            report.add(MISSING_FIELD, at, f"{type_.full_name} needs its value", hint="add value")
            return False
        if not _fill(report, at / "value", found, value["value"]):
            return False
    else:
        _fields(report, at, found, {k: v for k, v in value.items() if k != "@type"})
    if type_.full_name in TYPED_STRUCTS:
        _look_into(report, at, value)
    if not is_readable(found):
        report.add(CANNOT_WORK, at, "it nests deeper than Envoy reads, so it is left out")
        return False
    message.type_url = url
    message.value = found.SerializeToString(deterministic=True)
    return True


def _known_type(url: str) -> Descriptor | None:
    return None if is_of_old_api(url) else message_type(type_name(url))


def is_of_old_api(url: str) -> bool:
    """Whether the type is of Envoy's API v2, which neither Istio nor Envoy knows any more."""
    name = type_name(url)
    return name.startswith("envoy.") and any(
        part.startswith("v2") for part in name.split(".")[1:-1]
    )


def _look_into(report: Report, at: FieldRef, value: Mapping[str, object]) -> None:
    """What Envoy will not read in a TypedStruct; Istio does not look, so it is never refused."""
    url = value.get("typeUrl", value.get("type_url", ""))
    inner = value.get("value", None)
    if not isinstance(url, str) or not isinstance(inner, Mapping | None):
        return
    type_ = _known_type(url)
    if type_ is None:
        name = "typeUrl" if "typeUrl" in value else "type_url"
        said = f'Envoy has no type "{type_name(url)}"'
        report.add(CANNOT_WORK, at / name if url else at, said)
        return
    found = Report()
    message_of(found, at / "value", type_, inner or {})
    for one in found:
        code = one.code if one.code in (ENVOY_FIELD_UNKNOWN, NO_EFFECT) else CANNOT_WORK
        report.add(code, one.place, one.message, hint=one.hint)


_WELL_KNOWN: Final = {
    "google.protobuf.Any": _any,
    "google.protobuf.Duration": duration,
    "google.protobuf.ListValue": _list_value,
    "google.protobuf.Struct": _struct,
    "google.protobuf.Timestamp": timestamp,
    _PLAIN_VALUE: _value,
}
_UNDER_VALUE: Final = _WRAPPERS | _WELL_KNOWN.keys() | {"google.protobuf.Empty"}
"""What an ``Any`` has under "value", not beside "@type"."""
