"""What a rule is: a check of one struct, its faults by their place in it.

A rule is the CRDs' validation in CEL, or a part of it, as a function. Some hold in one of the two
release channels only, or in some versions of a kind.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeVar

from controlplane.base.codes import MISSING_FIELD, NOT_ALLOWED_HERE
from controlplane.base.diagnostics import Code
from controlplane.base.locations import Step
from controlplane.kinds.spec import Spec

S = TypeVar("S", bound=Spec)


class Channel(Enum):
    """The release channel of the Gateway API that a rule is in."""

    BOTH = auto()
    STANDARD = auto()
    EXPERIMENTAL = auto()


@dataclass(frozen=True, slots=True)
class Fault:
    """``path`` leads from the struct to the field, in JSON names."""

    path: tuple[Step, ...]
    message: str
    hint: str | None = None
    code: Code = NOT_ALLOWED_HERE


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """``faults``: of a value of ``struct``. ``versions``: without an entry all.

    Any: each takes the struct that the rule is for.
    """

    struct: type[Spec]
    faults: Callable[[Any], Iterator[Fault]]
    channel: Channel = Channel.BOTH
    versions: tuple[str, ...] = ()


def rule(
    struct: type[S],
    faults: Callable[[S], Iterator[Fault]],
    channel: Channel = Channel.BOTH,
    versions: tuple[str, ...] = (),
) -> Rule:
    return Rule(struct, faults, channel, versions)


def of_one_type(key: str, chosen: str, bodies: Mapping[str, tuple[str, bool]]) -> Iterator[Fault]:
    """Of the fields of ``bodies``, by type, exactly the one of the ``chosen`` type is set.

    ``key``: the field that chooses. A field of another type in its place is one fault, not two.
    """
    meant, is_set = bodies[chosen]
    others = [(of, name) for of, (name, is_there) in bodies.items() if is_there and of != chosen]
    for of, name in others:
        message = f"{name} is for {key}: {of}, not {chosen}"
        yield Fault((name,), message, f"write {key}: {of}")
    if not is_set and not others:
        yield Fault((), f"{key}: {chosen} needs {meant}", f"add {meant}", MISSING_FIELD)
