"""What has come to be wrong, and what is fixed, since it was last asked."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controlplane.base.diagnostics import Diagnostic


@dataclass(frozen=True, slots=True)
class News:
    """What is wrong now and was not, and what was wrong and is no longer."""

    found: tuple[Diagnostic, ...]
    fixed: tuple[Diagnostic, ...]

    def __bool__(self) -> bool:
        return bool(self.found or self.fixed)


class KnownDiagnostics:
    """Remembers what is wrong from one call to the next."""

    def __init__(self) -> None:
        self._known: set[Diagnostic] = set()

    def news(self, diagnostics: Iterable[Diagnostic]) -> News:
        """Compare ``diagnostics``, all that is wrong now, with those of the last call."""
        listed = dict.fromkeys(diagnostics)
        now, before = set(listed), self._known
        new = now - before  # sets remember hashes, so this is quick where nothing is new
        self._known = now
        return News(
            found=tuple(d for d in listed if d in new) if new else (),
            fixed=tuple(fixed(before - now, now)),
        )


def fixed(before: Iterable[Diagnostic], now: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """What of ``before`` is no longer wrong. A fault that only moved to another line is the same.

    In the order of ``before`` where that has one, else by code and message.
    """
    candidates = list(dict.fromkeys(before))
    if not candidates:
        return
    still = {(d.code.id, d.message) for d in now}
    gone = (d for d in candidates if (d.code.id, d.message) not in still)
    yield from sorted(gone, key=lambda d: (d.code.id, d.message, str(d.place)))
