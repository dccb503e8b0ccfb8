"""How the arguments of a tracked function become the tuple that its value is remembered by."""

from collections.abc import Callable, Hashable, Mapping
from inspect import Parameter, signature
from typing import Any


def parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names after ``graph``. Raises ``TypeError`` for parameters by which a call could have
    two cells or none: keyword-only ones, ``*args``, ``**kwargs``, and those with defaults.
    """
    _, *parameters = signature(function).parameters.values()
    for parameter in parameters:
        if parameter.kind is not Parameter.POSITIONAL_OR_KEYWORD:
            raise TypeError(f"{function.__name__}: {parameter} is not an ordinary parameter")
        if parameter.default is not Parameter.empty:
            raise TypeError(f"{function.__name__}: {parameter} has a default")
    return tuple(parameter.name for parameter in parameters)


def bound(
    name: str, names: tuple[str, ...], args: tuple[Any, ...], keywords: Mapping[str, Any]
) -> tuple[Hashable, ...]:
    """The arguments in the order of the parameters, however they were passed: one call has one
    cell. Raises ``TypeError`` where they do not fit the parameters.
    """
    rest = names[len(args) :]
    if set(rest) != set(keywords):
        wanted, given = ", ".join(rest) or "nothing", ", ".join(keywords) or "nothing"
        raise TypeError(f"{name}(): expected {wanted} by keyword, found {given}")
    return (*args, *(keywords[name] for name in rest))
