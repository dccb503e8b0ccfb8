"""A fault in a chunk, at an offset of its text.

Not yet a diagnostic, because a chunk knows no file.
"""

from dataclasses import dataclass

from controlplane.base.diagnostics import Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """``start`` counts characters of the chunk from 0.

    ``earlier`` are other offsets to look at and why.
    """

    code: Code
    start: int
    width: int = 1
    message: str
    hint: str | None = None
    earlier: tuple[tuple[int, str], ...] = ()


class Faulty(Exception):  # never leaves the package: it only unwinds the builder
    """Ends the parsing of one chunk."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault
