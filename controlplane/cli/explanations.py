"""What each code of a diagnostic means, an example of it, and how to mend it.

``diagnostic_pages/CODE.md`` has a paragraph or two of meaning, an example as YAML where ``check``
alone can find the fault in one, and the mend. An example marked ``mesh-config`` is a MeshConfig.
"""

import re
import textwrap
from collections.abc import Iterator
from importlib.resources import files
from typing import Final

from controlplane.base.codes import BY_ID
from controlplane.base.diagnostics import Code, Effect
from controlplane.cli.output import Segment, Style

WIDTH: Final = 88
_EXAMPLE: Final = re.compile(r"```yaml(?P<of> mesh-config)?\n(?P<text>.*?)```\n", re.DOTALL)
_EFFECTS: Final = {
    Effect.REFUSED: "an error; the object is not accepted, the version before it stays in force",
    Effect.DANGLING: "an error; the object is in force, but part of it leads nowhere",
    Effect.NONE: "the object is in force",
}


def explanation(code: Code) -> str:
    """The page of a code in Markdown, below its heading."""
    page = files("controlplane.cli") / "diagnostic_pages" / f"{code.id}.md"
    return page.read_text(encoding="utf-8")


def example(code: Code) -> tuple[str, bool] | None:
    """The example of a code and whether it is a MeshConfig; ``None`` where it has none."""
    found = _EXAMPLE.search(explanation(code))
    return (found["text"], found["of"] is not None) if found is not None else None


def page(code: Code) -> Iterator[list[Segment]]:
    """The page of a code for a terminal."""
    yield [(f"{code}: {code.meaning}", Style.NAME)]
    yield [(_effect(code), Style.QUIET)]
    text = explanation(code)
    position = 0
    for found in _EXAMPLE.finditer(text):
        yield from _prose(text[position : found.start()])
        yield []
        for line in found["text"].splitlines():
            yield [(f"    {line}".rstrip(), Style.INFO)]
        position = found.end()
    yield from _prose(text[position:])


def overview() -> Iterator[list[Segment]]:
    """All codes, one a line."""
    for code in BY_ID.values():
        yield [
            (code.id, Style.NAME),
            (f"  {code.severity.value:<7}  ", Style.QUIET),
            (code.meaning, Style.PLAIN),
        ]


def _effect(code: Code) -> str:
    if code.effect is Effect.NONE:
        article = "an" if code.severity.value[0] in "aeiou" else "a"
        return f"{article} {code.severity.value}; {_EFFECTS[code.effect]}"
    return _EFFECTS[code.effect]


def _prose(text: str) -> Iterator[list[Segment]]:
    for paragraph in filter(None, text.strip().split("\n\n")):
        yield []
        for line in textwrap.wrap(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False):
            yield [(line, Style.PLAIN)]
