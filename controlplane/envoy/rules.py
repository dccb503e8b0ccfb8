"""Envoy's own validation rules, read from its descriptors and checked before a message is sent.

One field outside its rule makes Envoy refuse a whole response, so a message that breaks a rule is
never sent. Rules are compiled once for each message type into a tuple of checks.
Source: protoc-gen-validate, validate/validate.proto.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import xxhash
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from validate import validate_pb2

Value = Any
"""What a field holds is known from its descriptor only: reflection is the place for ``Any``."""
Check = Callable[[Value], str | None]
FieldCheck = Callable[[Message], str | None]
Items = Callable[[Value], Iterable[tuple[str, Message]]]
"""What a field holds, to the messages in it, each with its place there (``[0]``, ``[name]``)."""

# protobuf's stubs take generated extension descriptors only, xds-protos' say they are plain ones.
_RULES: Final[Any] = validate_pb2.rules
_REQUIRED: Final[Any] = validate_pb2.required
_HEADER_NAME: Final = re.compile(r":?[0-9a-zA-Z!#$%&'*+\-.^_|~`]+")
_STRICT_BAD: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_LOOSE_BAD: Final = re.compile(r"[\x00\x0a\x0d]")
_WRAPPED: Final = frozenset(
    f"google.protobuf.{name}Value"
    for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)
_COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
}

_REMEMBERED: Final = 16_384
_sound: Final[set[tuple[str, bytes]]] = set()
"""Types and hashes of packed messages that break no rule, at most ``_REMEMBERED``."""


def violations(message: Message) -> list[str]:
    """``field: what its rule demands`` for every rule that ``message`` and what it holds breaks."""
    if isinstance(message, AnyMessage):
        return _packed_violations(message)
    rules = _rules_of(message.DESCRIPTOR)
    broken = [
        f"{name}: {problem}"
        for name, check in rules.demands
        if (problem := check(message)) is not None
    ]
    for field, value in message.ListFields():
        number = field.number
        if number in rules.of_fields and (problem := rules.of_fields[number](message)) is not None:
            broken.append(f"{field.name}: {problem}")
        if number in rules.held:
            for at, item in rules.held[number](value):
                broken.extend(f"{field.name}{at}.{problem}" for problem in violations(item))
    return broken


def _packed_violations(packed: AnyMessage) -> list[str]:
    """Those of the message within. One that breaks no rule is looked at once: the filters of a
    policy are in every chain of a proxy.
    """
    key = (packed.type_url, xxhash.xxh3_128_digest(packed.value))
    if key in _sound:
        return []
    inner = _unpacked(packed)
    broken = violations(inner) if inner is not None else []
    if not broken:
        if len(_sound) >= _REMEMBERED:
            _sound.clear()
        _sound.add(key)
    return broken


@dataclass(frozen=True, slots=True)
class _Rules:
    """What is to be looked at in the messages of one type."""

    demands: tuple[tuple[str, FieldCheck], ...]
    """By field or oneof, what an empty message breaks."""
    of_fields: Mapping[int, FieldCheck]
    """By number of the field, what only a field that is set can break."""
    held: Mapping[int, Items]


@cache
def _rules_of(descriptor: Descriptor) -> _Rules:
    empty = message_factory.GetMessageClass(descriptor)()
    checks = _checks(descriptor)
    demands = tuple((name, check) for name, check in checks if check(empty) is not None)
    of_fields = {
        descriptor.fields_by_name[name].number: check
        for name, check in checks
        if (name, check) not in demands
    }
    return _Rules(demands, of_fields, _ruled_fields(descriptor))


def _ruled_fields(descriptor: Descriptor) -> Mapping[int, Items]:
    """The fields, by number, that hold messages with rules somewhere in them, each with the way to
    its messages. Most hold none, and are not looked into.
    """
    found: dict[int, Items] = {}
    for field in descriptor.fields:
        type_ = field.message_type
        if type_ is None or not _has_rules(type_):
            continue
        if type_.GetOptions().map_entry:
            found[field.number] = _values
        else:
            found[field.number] = _each if field.is_repeated else _only
    return found


@cache
def _has_rules(descriptor: Descriptor) -> bool:
    """Whether messages of a type may break a rule, themselves or in what they hold."""
    seen, left = {descriptor.full_name}, [descriptor]
    while left:
        one = left.pop()
        if one.full_name == AnyMessage.DESCRIPTOR.full_name or _checks(one):
            return True
        held = (field.message_type for field in one.fields)
        for type_ in held:
            if type_ is not None and type_.full_name not in seen | _WRAPPED:
                seen.add(type_.full_name)
                left.append(type_)
    return False


def _values(map_: Value) -> Iterator[tuple[str, Message]]:
    return ((f"[{key}]", item) for key, item in map_.items())


def _each(repeated: Value) -> Iterator[tuple[str, Message]]:
    return ((f"[{i}]", item) for i, item in enumerate(repeated))


def _only(message: Value) -> tuple[tuple[str, Message], ...]:
    return (("", message),)


def _unpacked(packed: AnyMessage) -> Message | None:
    name = packed.type_url.rpartition("/")[2]
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(name)
    except KeyError:
        return None
    message = message_factory.GetMessageClass(descriptor)()
    message.ParseFromString(packed.value)
    return message


@cache
def _checks(descriptor: Descriptor) -> tuple[tuple[str, FieldCheck], ...]:
    """The checks of one message type: a path to report, and what to run on a message."""
    found: list[tuple[str, FieldCheck]] = []
    for oneof in descriptor.oneofs:
        if oneof.GetOptions().Extensions[_REQUIRED]:
            found.append((oneof.name, _oneof_check(oneof.name)))
    for field in descriptor.fields:
        options = field.GetOptions()
        if options.HasExtension(_RULES):
            check = _field_check(field, options.Extensions[_RULES])
            if check is not None:
                found.append((field.name, check))
    return tuple(found)


def _oneof_check(name: str) -> FieldCheck:
    return lambda message: None if message.WhichOneof(name) else "one of its fields must be set"


def _field_check(field: FieldDescriptor, rules: validate_pb2.FieldRules) -> FieldCheck | None:
    kind = rules.WhichOneof("type")
    required = rules.message.required or (
        kind in ("duration", "timestamp", "any") and getattr(rules, kind).required
    )
    check = _value_check(kind, rules) if kind is not None else None
    if field.containing_oneof is not None:
        required = False  # whether one of them must be set is the oneof's own rule
    if not required and check is None:
        return None
    name, has_presence = field.name, field.has_presence
    is_wrapped = field.message_type is not None and field.message_type.full_name in _WRAPPED

    def of_field(message: Message) -> str | None:
        if has_presence and not message.HasField(name):
            return "must be set" if required else None
        if check is None:
            return None
        value = getattr(message, name)
        return check(value.value if is_wrapped else value)

    return of_field


def _value_check(kind: str, rules: validate_pb2.FieldRules) -> Check | None:
    rule = getattr(rules, kind)
    if kind == "repeated":
        return _all_of(
            [*_sizes(rule, "min_items", "max_items", "items"), *_unique(rule), *_items(rule)]
        )
    if kind == "map":
        return _all_of(_sizes(rule, "min_pairs", "max_pairs", "pairs"))
    if kind in ("string", "bytes"):
        return _all_of(_text_checks(rule))
    if kind == "enum":
        return _all_of(_membership(rule))
    if kind == "duration":
        return _all_of(_duration_checks(rule))
    if kind in ("message", "any", "timestamp"):
        return None
    if kind == "bool":
        return _when(lambda value: value is rule.const, f"must be {rule.const}")
    return _all_of([*_comparisons(rule), *_membership(rule)])


def _all_of(checks: list[Check]) -> Check | None:
    if len(checks) < 2:
        return checks[0] if checks else None
    return lambda value: next((p for check in checks if (p := check(value)) is not None), None)


def _when(holds: Callable[[Value], bool], demand: str) -> Check:
    return lambda value: None if holds(value) else demand


def _comparisons(rule: Value) -> list[Check]:
    def bounded(name: str) -> Check:
        compare, bound = _COMPARISONS[name], getattr(rule, name)
        return _when(lambda value: compare(value, bound), f"must be {name} {bound}")

    optional = "ignore_empty" in rule.DESCRIPTOR.fields_by_name and getattr(
        rule, "ignore_empty", False
    )
    checks = [bounded(name) for name in _COMPARISONS if rule.HasField(name)]
    if optional:
        return [_unless_empty(check) for check in checks]
    return checks


def _unless_empty(check: Check) -> Check:
    return lambda value: check(value) if value else None


def _membership(rule: Value) -> list[Check]:
    checks: list[Check] = []
    among, outside = list(getattr(rule, "in")), list(rule.not_in)
    if among:
        checks.append(_when(lambda value: value in among, f"must be one of {among}"))
    if outside:
        checks.append(_when(lambda value: value not in outside, f"must be none of {outside}"))
    return checks


def _sizes(rule: Value, least: str, most: str, what: str) -> list[Check]:
    checks: list[Check] = []
    low, high = getattr(rule, least), getattr(rule, most)
    if rule.HasField(least):
        checks.append(_when(lambda v: len(v) >= low, f"must have at least {low} {what}"))
    if rule.HasField(most):
        checks.append(_when(lambda v: len(v) <= high, f"must have at most {high} {what}"))
    if rule.DESCRIPTOR.fields_by_name.get("ignore_empty") and rule.ignore_empty:
        return [_unless_empty(check) for check in checks]
    return checks


def _unique(rule: validate_pb2.RepeatedRules) -> list[Check]:
    if not rule.unique:
        return []
    return [_when(lambda v: len(set(map(str, v))) == len(v), "its items must differ")]


def _items(rule: validate_pb2.RepeatedRules) -> list[Check]:
    kind = rule.items.WhichOneof("type")
    check = _value_check(kind, rule.items) if kind is not None else None
    if check is None:
        return []
    return [lambda v: next((p for item in v if (p := check(item)) is not None), None)]


def _text_checks(rule: Value) -> list[Check]:
    checks: list[Check] = []
    for name, size in (
        ("min_len", len),
        ("max_len", len),
        ("min_bytes", _bytes),
        ("max_bytes", _bytes),
    ):
        if name in rule.DESCRIPTOR.fields_by_name and rule.HasField(name):
            bound, compare = (
                getattr(rule, name),
                _COMPARISONS["gte" if name.startswith("min") else "lte"],
            )
            checks.append(_sized_text(size, compare, bound, name))
    if rule.HasField("prefix"):
        prefix = rule.prefix
        checks.append(_when(lambda v: v.startswith(prefix), f"must begin with {prefix}"))
    if "well_known_regex" in rule.DESCRIPTOR.fields_by_name and rule.well_known_regex:
        checks.append(_header_check(rule))
    checks.extend(_membership(rule))
    if rule.DESCRIPTOR.fields_by_name.get("ignore_empty") and rule.ignore_empty:
        return [_unless_empty(check) for check in checks]
    return checks


def _sized_text(
    size: Callable[[Value], int], compare: Callable[[float, float], bool], bound: int, name: str
) -> Check:
    return _when(lambda value: compare(size(value), bound), f"must keep {name} {bound}")


def _bytes(value: Value) -> int:
    return len(value.encode()) if isinstance(value, str) else len(value)


def _header_check(rule: Value) -> Check:
    strict = not rule.HasField("strict") or rule.strict
    if rule.well_known_regex == validate_pb2.HTTP_HEADER_NAME and strict:
        return _when(
            lambda v: not v or _HEADER_NAME.fullmatch(v) is not None, "must be a header name"
        )
    bad = _STRICT_BAD if strict else _LOOSE_BAD
    return _when(lambda v: bad.search(v) is None, "must have no control characters")


def _duration_checks(rule: validate_pb2.DurationRules) -> list[Check]:
    def bounded(name: str) -> Check:
        compare, bound = _COMPARISONS[name], _length(getattr(rule, name))
        demand = f"must be {name} {bound / 1e9:g}s"
        return _when(lambda value: compare(_length(value), bound), demand)

    return [bounded(name) for name in _COMPARISONS if rule.HasField(name)]


def _length(value: Value) -> int:
    assert isinstance(value, Duration), "a duration rule stands at a Duration"
    return value.seconds * 1_000_000_000 + value.nanos
