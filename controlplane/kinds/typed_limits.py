"""The limits that a struct's types state: lengths and patterns of texts, sizes of lists and
mappings.

msgspec checks them too, but names only the first fault. Lengths count characters, not bytes.
"""

import re
from collections.abc import Sized
from functools import cache

from msgspec import inspect

from controlplane.base.codes import VALUE_MALFORMED, WRONG_SIZE
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.wording import counted
from controlplane.kinds.gateway_api.text import PATTERNS
from controlplane.kinds.short_forms import flow


def is_text_within(report: Report, at: FieldRef, wanted: inspect.StrType, text: str) -> bool:
    """Report what is wrong with ``text``; whether nothing is."""
    least, most = wanted.min_length, wanted.max_length
    if least is not None and len(text) < least:
        report.add(WRONG_SIZE, at, "the text is empty", hint="give it a value, or remove the field")
        return False
    if most is not None and len(text) > most:
        message = f"the text is {len(text)} characters long (at most {most})"
        report.add(WRONG_SIZE, at, message)
        return False
    if wanted.pattern is None or _pattern(wanted.pattern).search(text) is not None:
        return True
    wording = PATTERNS[wanted.pattern]
    meant = wording.repaired(text)
    is_meant = bool(meant) and _pattern(wanted.pattern).search(meant) is not None
    hint = f"write {flow(meant)}" if is_meant else wording.hint
    report.add(VALUE_MALFORMED, at, f'"{text}" is not {wording.noun}', hint=hint)
    return False


def is_size_within(
    report: Report, at: FieldRef, wanted: inspect.VarTupleType | inspect.DictType, found: Sized
) -> bool:
    """Report a list or mapping of too many or too few items; whether it has the right number."""
    least, most, size = wanted.min_length, wanted.max_length, len(found)
    noun = "entry" if isinstance(wanted, inspect.DictType) else "item"
    if least is not None and size < least:
        report.add(WRONG_SIZE, at, f"the list is empty (at least {counted(least, noun)})")
        return False
    if most is not None and size > most:
        verb = "is" if size == 1 else "are"
        report.add(WRONG_SIZE, at, f"there {verb} {counted(size, noun)} (at most {most})")
        return False
    return True


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
