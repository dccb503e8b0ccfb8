"""A hash that is computed once, for values that are looked up far more often than they are made."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T", bound=type)


def hashed_once(class_: T) -> T:
    """Let instances of a frozen dataclass keep their hash.

    The class has a field for it: ``_hash: int = field(default=0, init=False, repr=False,
    compare=False)``.
    """
    computed: Callable[[object], int] = class_.__hash__  # type: ignore[assignment]  # unbound

    def kept(self: object) -> int:
        known: int = self._hash  # type: ignore[attr-defined]  # the field that the class must have
        if not known:
            known = computed(self)
            object.__setattr__(self, "_hash", known)
        return known

    class_.__hash__ = kept  # type: ignore[assignment,method-assign]  # what this is for
    return class_
