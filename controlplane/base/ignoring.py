"""The annotation by which an object's author says that a diagnostic is known and meant.

``controlplane/ignore: CP0301, CP0306`` on an object leaves out those diagnostics about it, in every
command. What refuses an object cannot be left out: the object is not in force, and only that is
worse than not knowing why.
"""

from collections.abc import Iterator
from typing import Final

from controlplane.base.codes import BY_ID
from controlplane.base.diagnostics import Code, Effect

IGNORE: Final = "controlplane/ignore"


def ignored(annotation: str) -> frozenset[Code]:
    """The codes that ``annotation`` names and that may be ignored."""
    codes = (BY_ID.get(word) for word in words(annotation))
    return frozenset(c for c in codes if c is not None and c.effect is not Effect.REFUSED)


def faults(annotation: str) -> Iterator[str]:
    """Why a word of ``annotation`` has no effect."""
    for word in words(annotation):
        code = BY_ID.get(word)
        if code is None:
            yield f'"{word}" is no code of a diagnostic'
        elif code.effect is Effect.REFUSED:
            yield f"{word} refuses the object, so it cannot be ignored"


def words(annotation: str) -> list[str]:
    return [word.strip().upper() for word in annotation.split(",") if word.strip()]
