"""A user's mistake as a value: code, place, message, hint. Never raised, always collected."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from controlplane.base.hashing import hashed_once
from controlplane.base.locations import FieldRef, SourceLocation

T = TypeVar("T")


class Severity(Enum):
    """``ERROR`` sets the exit code of ``check``; ``WARNING`` and ``INFO`` do not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Effect(Enum):
    """What a fault does to its object.

    ``REFUSED``: Istio's admission refuses the object, so it is not accepted; its last accepted
    version stays. ``DANGLING``: the object is in force, but part of it leads nowhere. ``NONE``:
    advice.
    """

    REFUSED = "refused"
    DANGLING = "dangling"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Code:
    """A permanent code of the catalogue, ``CP0302``, with what it means in one sentence."""

    id: str
    severity: Severity
    effect: Effect
    meaning: str

    def __str__(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Another place that a diagnostic refers to, such as the object that came first."""

    place: FieldRef | SourceLocation
    message: str


@hashed_once  # all of a mesh are compared with those before it after each edit
@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One fault. ``place`` is a field of an object, or a location in a file without any."""

    code: Code
    place: FieldRef | SourceLocation
    message: str
    hint: str | None = None
    note: str | None = None
    """Shown under the excerpt's caret: what is declared elsewhere, and where."""
    related: tuple[Related, ...] = ()
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    @property
    def severity(self) -> Severity:
        return self.code.severity


Diagnostics = tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Reported(Generic[T]):
    """A value, and what there is to report of how it was made."""

    value: T
    diagnostics: Diagnostics = ()


class UsersFault(Exception):
    """Raised within a tracked function whose last good value is to stay in force, because what the
    user wrote makes no usable one. It is reported as ``diagnostic``, not as an internal error.
    """

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


@dataclass(slots=True)
class Report:
    """Collects diagnostics; goes as the first argument through everything that may find a fault."""

    diagnostics: list[Diagnostic] = field(default_factory=list)

    def add(
        self,
        code: Code,
        place: FieldRef | SourceLocation,
        message: str,
        *,
        hint: str | None = None,
        note: str | None = None,
        related: tuple[Related, ...] = (),
    ) -> None:
        self.diagnostics.append(
            Diagnostic(
                code=code, place=place, message=message, hint=hint, note=note, related=related
            )
        )

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.diagnostics)

    def __len__(self) -> int:
        return len(self.diagnostics)

    @property
    def refused(self) -> bool:
        return any(d.code.effect is Effect.REFUSED for d in self.diagnostics)
