"""Makes functions tracked, and lists them."""

from collections.abc import Callable
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar, overload

from controlplane.graph.graph import Derived, Graph

P = ParamSpec("P")
T = TypeVar("T")

_TRACKED: Final[list[Derived[..., Any]]] = []


def tracked_functions() -> tuple[Derived[..., Any], ...]:
    """Every tracked function of the modules that are loaded, in the order declared."""
    return tuple(_TRACKED)


def derived(function: Callable[Concatenate[Graph, P], T]) -> Derived[P, T]:
    """Make a function tracked: ``f(graph, *args)`` is remembered by its arguments."""
    made = Derived(function, is_guarded=False)
    _TRACKED.append(made)
    return made


class Guard(Protocol):
    def __call__(self, function: Callable[Concatenate[Graph, P], T], /) -> Derived[P, T]: ...


@overload
def guarded(function: Callable[Concatenate[Graph, P], T]) -> Derived[P, T]: ...
@overload
def guarded(*, first: object) -> Guard: ...
def guarded(
    function: Callable[Concatenate[Graph, P], Any] | None = None, *, first: Any = None
) -> Any:
    """As ``derived``, but when the function or what it reads raises, the value stays what it was:
    ``first`` where it never had one.
    """

    def declare(function: Callable[Concatenate[Graph, P], Any]) -> Derived[P, Any]:
        made = Derived(function, is_guarded=True, first=first)
        _TRACKED.append(made)
        return made

    return declare if function is None else declare(function)


def guarded_by(
    otherwise: Callable[..., T],
) -> Callable[[Callable[Concatenate[Graph, P], T]], Derived[P, T]]:
    """As ``derived``, but when the function or what it reads raises, the value is what
    ``otherwise`` makes of the arguments, whatever it was before: for what must not be as it was,
    such as who is admitted.
    """

    def declare(function: Callable[Concatenate[Graph, P], T]) -> Derived[P, T]:
        made = Derived(function, is_guarded=True, otherwise=otherwise)
        _TRACKED.append(made)
        return made

    return declare
