"""Internal errors in words: how an error in the control plane's own code is reported, and where.

What it costs is decided where it happens: one object, one resource, one step of a task.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from controlplane.base.codes import INTERNAL_ERROR
from controlplane.base.diagnostics import Diagnostic, UsersFault
from controlplane.base.locations import FieldRef, SourceLocation
from controlplane.base.names import ObjectKey
from controlplane.base.wording import counted
from controlplane.graph import Fault
from controlplane.kinds.core.configuration import CONFIG_MAP, SECRET
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY
from controlplane.queries.inputs.mesh import MESH_CONFIG
from controlplane.queries.inputs.objects import OBJECT

_HOLD_KEYS: Final = (SECRET, CONFIG_MAP)
_DEPTH: Final = 3
"""How deep arguments are looked into for an object's key."""


T = TypeVar("T")


class NotComputed(Exception):
    """An internal error, reported elsewhere, keeps the proxy's resources from being computed at
    all.
    """


class Hidden(Exception):
    """Stands for an error whose text may hold a part of a Secret; its text is the type's name."""


def computed(found: T | None) -> T:
    """What a guarded function gave; raises ``NotComputed`` where it never had a value."""
    if found is None:
        raise NotComputed
    return found


def objects_of(fault: Fault) -> Iterator[ObjectKey]:
    """The objects that a fault may be about, the likeliest first: those that the function was
    called with, then those that it read.
    """
    for argument in fault.args:
        yield from _keys(argument, _DEPTH)
    for input_, key in fault.sources:
        if input_ is OBJECT:
            yield key
    if any(input_ is MESH_CONFIG for input_, _ in fault.sources):
        yield MESH_CONFIG_KEY


def reported(
    faults: Iterable[Fault], in_force: Callable[[ObjectKey], object]
) -> Iterator[Diagnostic]:
    """What is said of faults in functions, each at the object that it is likeliest about, of those
    that are ``in_force``.
    """
    of_users: dict[FieldRef | SourceLocation, list[Diagnostic]] = {}
    for fault in faults:
        if isinstance(fault.error, UsersFault):
            found = fault.error.diagnostic
            of_users.setdefault(found.place, []).append(found)
            continue
        keys = (k for k in objects_of(fault) if k == MESH_CONFIG_KEY or in_force(k) is not None)
        yield _reported(fault, next(keys, None))
    yield from map(_once, of_users.values())


def _once(found: list[Diagnostic]) -> Diagnostic:
    """The first of what is said of one field, and of how many other things it is said."""
    first, *others = sorted(dict.fromkeys(found), key=lambda one: one.message)
    more = f" (the same of {counted(len(others), 'other resource')})" if others else ""
    return replace(first, message=f"{first.message}{more}")


def _reported(fault: Fault, key: ObjectKey | None) -> Diagnostic:
    doing = "using this object" if key is not None else "computing configuration"
    place = FieldRef(key) if key is not None else SourceLocation(Path())
    return Diagnostic(
        code=INTERNAL_ERROR,
        place=place,
        message=f"{message(doing)}: {_text(key, fault.error)} in {fault.function}",
    )


def message(doing: str) -> str:
    """``internal error while reading this object (please report it)``."""
    return f"internal error while {doing} (please report it)"


def refused(key: ObjectKey, doing: str, error: Exception) -> Diagnostic:
    """What is said of an object that could not be taken."""
    text = f"{message(doing)}: {_text(key, error)}"
    return Diagnostic(code=INTERNAL_ERROR, place=FieldRef(key), message=text)


def loggable(fault: Fault) -> Exception:
    """The error as it may be logged, with its traceback."""
    if not any(key.kind in _HOLD_KEYS for key in objects_of(fault)):
        return fault.error
    return Hidden(type(fault.error).__name__).with_traceback(fault.error.__traceback__)


def _text(key: ObjectKey | None, error: Exception) -> str:
    name = type(error).__name__
    if key is None or key.kind in _HOLD_KEYS:
        return name
    return f"{name}: {error}".removesuffix(": ")


def _keys(value: Hashable, depth: int) -> Iterator[ObjectKey]:
    if isinstance(value, ObjectKey):
        yield value
    elif depth and isinstance(value, tuple):
        for part in value:
            yield from _keys(part, depth - 1)
    elif depth and is_dataclass(value):
        for field in fields(value):
            yield from _keys(getattr(value, field.name), depth - 1)
