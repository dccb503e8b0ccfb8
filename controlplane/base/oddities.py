"""Characters that are in a text by accident: placeholders that nobody filled in, typographic
quotes, spaces that are none.

Nothing is wrong with them as such (a body may hold ``{{``); they are looked for where something
is wrong, because they are why.
"""

import re
from dataclasses import dataclass
from typing import Final

_TEMPLATE: Final = re.compile(r"\{\{.*?(?:\}\}|$)")
_VARIABLE: Final = re.compile(r"\$\{[^}]*\}?|\$\([A-Za-z_][^)]*\)?")
_BARE: Final = re.compile(r"\$[A-Za-z_]\w*")
_BLANK: Final = re.compile(r"(?<!\?)(?<!\?P)<[A-Za-z][\w .-]*>")
_QUOTES: Final = re.compile("[\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb]")
_SPACES: Final = {
    "\u00a0": "a non-breaking space",
    "\u202f": "a narrow non-breaking space",
    "\u2007": "a figure space",
    "\u3000": "an ideographic space",
    "\u200b": "a zero-width space",
    "\ufeff": "a byte order mark",
}
_SPACE: Final = re.compile(f"[{''.join(_SPACES)}]")
_LONGEST: Final = 40  # characters of a placeholder that are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """What is odd in a text, from ``start`` to ``end``, and one step to mend it."""

    start: int
    end: int
    message: str
    hint: str


def oddity(text: str) -> Oddity | None:
    """The first thing in ``text`` that is there by accident; ``None`` where there is none."""
    template = _TEMPLATE.search(text)
    if template is not None:
        message = f'"{_shown(template[0])}" is a placeholder of a template that is not filled in'
        hint = 'serve the output of "helm template", or write the value'
        return _oddity(template, message, hint)
    variable = _VARIABLE.search(text)
    if variable is not None:
        return _of_variable(variable)
    quote = _QUOTES.search(text)
    if quote is not None:
        message = f"the quote {quote[0]} is typographic, so to YAML it is a letter like any other"
        return _oddity(quote, message, "remove the typographic quotes")
    space = _SPACE.search(text)
    if space is None:
        return None
    message = f"{_SPACES[space[0]]} (U+{ord(space[0]):04X}) is here, which to YAML is a letter"
    hint = "remove it" if space[0] in "\ufeff\u200b" else "write an ordinary space"
    return _oddity(space, message, hint)


def oddity_of_value(text: str) -> Oddity | None:
    """As ``oddity``, of the text of one value: also ``$NAME`` and ``<name>``, which scripts and
    prose are full of.
    """
    found = oddity(text)
    if found is not None:
        return found
    variable, blank = _BARE.search(text), _BLANK.search(text)
    if variable is not None:
        return _of_variable(variable)
    if blank is None:
        return None
    message = f'"{_shown(blank[0])}" is a placeholder that is not filled in'
    return _oddity(blank, message, "write the value")


def without_spaces(text: str) -> str:
    """``text`` without the spaces that are none, and without ordinary ones around it."""
    return _SPACE.sub("", text).strip()


def _of_variable(found: re.Match[str]) -> Oddity:
    message = f'"{_shown(found[0])}" is a variable that is not filled in'
    return _oddity(found, message, 'serve the output of "envsubst", or write the value')


def _oddity(found: re.Match[str], message: str, hint: str) -> Oddity:
    return Oddity(start=found.start(), end=found.end(), message=message, hint=hint)


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
