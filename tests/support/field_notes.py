"""What the documentation says of a field of the Gateway API: limits, default, channel.

All of it is read from the types of the structs and from the tables that validation uses.
"""

from collections.abc import Iterator
from enum import Enum

from msgspec import NODEFAULT, inspect

from controlplane.base.wording import counted
from controlplane.kinds.gateway_api.text import PATTERNS
from controlplane.kinds.spec import Duration, Spec
from controlplane.kinds.validation.gateway_api.requirements import (
    EXPERIMENTAL,
    REQUIRED,
    UNIQUE,
)


def notes(struct: type[Spec], field: inspect.Field) -> str:
    """``required; 1 to 65535``: what is to be known of a field, without what its name says."""
    bases = [base for base in struct.__mro__ if issubclass(base, Spec)]
    is_required = any(field.name in REQUIRED.get(base, ()) for base in bases)
    found = [
        *(["required"] if is_required else ()),
        *_limits(field.type),
        *(
            _distinct(keys)
            for b in bases
            if (keys := UNIQUE.get(b, {}).get(field.name)) is not None
        ),
        *(() if is_required else _default(field.default)),
    ]
    if any(field.name in EXPERIMENTAL.get(base, ()) for base in bases):
        found.append("experimental channel")
    return "; ".join(found)


def _limits(of: inspect.Type) -> Iterator[str]:
    match of:
        case inspect.UnionType(types=types):
            for each in types:
                yield from _limits(each)
        case inspect.EnumType(cls=cls):
            yield f"one of {', '.join(str(member.value) for member in cls)}"
        case inspect.IntType(ge=int(least)) if least < 0:
            return
        case inspect.IntType(ge=int(least), le=int(most)):
            yield f"{least} or more" if most >= 2**31 - 1 else f"{least} to {most}"
        case inspect.IntType(ge=int(least)):
            yield f"{least} or more"
        case inspect.StrType():
            if of.pattern is not None:
                yield PATTERNS[of.pattern].noun
            if of.max_length is not None:
                yield f"at most {of.max_length} characters"
        case inspect.VarTupleType(item_type=item):
            yield from _size(of.min_length, of.max_length, "item")
            yield from (f"each {each}" for each in _limits(item))
        case inspect.DictType():
            yield from _size(of.min_length, of.max_length, "entry")


def _size(least: int | None, most: int | None, noun: str) -> Iterator[str]:
    if most is not None:
        yield f"{least} to {counted(most, noun)}" if least else f"at most {counted(most, noun)}"


def _distinct(keys: tuple[str, ...]) -> str:
    return f"each {' and '.join(keys)} once" if keys else "each once"


def _default(value: object) -> Iterator[str]:
    if isinstance(value, Enum):
        yield f"default {value.value}"
    elif isinstance(value, Duration):
        yield f"default {value.length.total_seconds():g}s"
    elif value is not NODEFAULT and value is not False and isinstance(value, str | int) and value:
        yield f"default {value}"
