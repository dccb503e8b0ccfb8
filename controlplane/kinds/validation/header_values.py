"""What the value of a header that a proxy sets may look like: text with ``%VARIABLE(arguments)%``
in it.

Istio accepts what its copy of an old parser of Envoy's accepts, and this one accepts the same,
state by state.
Source: Istio ``pkg/config/validation/header_value_validator.go``
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from typing import Final

_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class State(Enum):
    """What the next character belongs to."""

    TEXT = auto()
    NAME = auto()
    ARGUMENTS = auto()
    ITEM = auto()
    STRING = auto()
    ESCAPED = auto()
    AFTER_ITEM = auto()
    AFTER_LIST = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Where a character leads: ``to`` the state under it, ``otherwise``, or to a fault that
    expected ``wanted``.
    """

    to: Mapping[str, State] = field(default_factory=dict)
    otherwise: State | None = None
    wanted: str = "a % that ends the variable (a percent sign itself is %%)"


_STEPS: Final[Mapping[State, Step]] = {
    State.TEXT: Step(to={"%": State.NAME}, otherwise=State.TEXT),
    # "%%" is an empty variable, which stands for a percent sign.
    State.NAME: Step(to={"%": State.TEXT, "(": State.ARGUMENTS}, otherwise=State.NAME),
    State.ARGUMENTS: Step(to={"[": State.ITEM, " ": State.ARGUMENTS}, otherwise=State.STRING),
    State.ITEM: Step(to={'"': State.STRING, " ": State.ITEM}, wanted='a text in "'),
    State.STRING: Step(
        to={"\\": State.ESCAPED, ")": State.CLOSED, '"': State.AFTER_ITEM},
        otherwise=State.STRING,
        wanted="a ) that ends the arguments",
    ),
    State.ESCAPED: Step(otherwise=State.STRING, wanted="a character after the backslash"),
    State.AFTER_ITEM: Step(
        to={",": State.ITEM, "]": State.AFTER_LIST, " ": State.AFTER_ITEM}, wanted="a , or a ]"
    ),
    State.AFTER_LIST: Step(to={")": State.CLOSED, " ": State.AFTER_LIST}, wanted="a )"),
    State.CLOSED: Step(to={"%": State.TEXT, " ": State.CLOSED}, wanted="a % after the arguments"),
}


@lru_cache(maxsize=4096)
def header_value_fault(value: str) -> str | None:
    """The fault, in words that follow the quoted value; ``None`` when there is none."""
    control = _CONTROL.search(value)
    if control is not None:
        return f"has the control character {control[0]!r}"
    state = State.TEXT
    for at, character in enumerate(value):
        step = _STEPS[state]
        following = step.to.get(character, step.otherwise)
        if following is None:
            return f"has {character!r} at character {at + 1}, where {step.wanted} was expected"
        state = following
    return None if state is State.TEXT else f"ends where {_STEPS[state].wanted} was expected"
