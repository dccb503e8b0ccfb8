"""A field of a document becomes its location in the file: line, column and width.

The nodes of a chunk are composed only when a diagnostic is shown (0.1 ms for a usual object), and
only chunks whose events were counted before (depth 64, aliases) come here. Lines and columns count
from 1; a column counts characters, not cells of the screen.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from controlplane.base.locations import SourceLocation, Step
from controlplane.documents.flow_colons import respelled
from controlplane.documents.scalars import key_text, plain

_LINE_END: Final = re.compile("\n")

Span = tuple[int, int]
"""First and last character of a chunk's text, the last one not included.

Never over a line's end.
"""


@dataclass(frozen=True, slots=True)
class DuplicateKey:
    """``path`` leads to the mapping; ``places`` are the key's spans in the order of the text."""

    path: tuple[Step, ...]
    key: str
    places: tuple[Span, ...]


def locate(
    path: Path, text: str, first_line: int, field: tuple[Step, ...], *, on_key: bool = False
) -> SourceLocation:
    """Where ``field`` of a chunk's document is in the file; see ``span_of``."""
    return location(path, text, first_line, span_of(text, field, on_key=on_key))


def location(path: Path, text: str, first_line: int, span: Span) -> SourceLocation:
    """Where ``span`` of a chunk's ``text`` is in the file."""
    start, end = span
    starts = _line_starts(text)
    line = bisect_right(starts, start) - 1
    return SourceLocation(
        path=path,
        line=first_line + line,
        column=start - starts[line] + 1,
        width=max(end - start, 1),
    )


def line_of(text: str, number: int) -> str | None:
    """The line ``number`` of a chunk's ``text``, from 0, without its end; ``None``: beyond it."""
    starts = _line_starts(text)
    if not 0 <= number < len(starts):
        return None
    end = starts[number + 1] - 1 if number + 1 < len(starts) else len(text)
    return text[starts[number] : end].removesuffix("\r")


def span_of(text: str, path: tuple[Step, ...], *, on_key: bool) -> Span:
    """The value at ``path``, or its key: with ``on_key``, and where the value is no scalar.

    A step that does not exist ends the way at the nearest parent. Of a key that is written twice
    the last one is used, as in the data. Explicit keys win over merged ones. What follows on a text
    leads into the YAML that the text is, where a number is a line of it, from 0.
    """
    node = _composed(text)
    if node is None:
        return _first_word(text)
    key: Node | None = None
    complete = True
    for i, step in enumerate(path):
        inner = _within(text, node, path[i:], on_key=on_key)
        if inner is not None:
            return inner
        found = _child(node, step)
        if found is None:
            complete = False
            break
        key, node = found
    if key is not None and (on_key or not complete or not isinstance(node, ScalarNode)):
        return _span(text, key)
    return _span(text, node)


def _within(text: str, node: Node, path: tuple[Step, ...], *, on_key: bool) -> Span | None:
    """A place within a scalar whose value is YAML; ``None`` where it is spelled otherwise than it
    reads (folded, or with escapes).
    """
    if not isinstance(node, ScalarNode) or not node.value:
        return None
    first, value = path[0], str(node.value)
    if isinstance(first, str) and not isinstance(_composed(value), MappingNode):
        return None
    if isinstance(first, int):
        starts = _line_starts(value)
        start = starts[min(first, len(starts) - 1)]
        line = line_of(value, min(first, len(starts) - 1)) or ""
        start += len(line) - len(line.lstrip())
        end = start + max(len(line.strip()), 1)
    else:
        start, end = span_of(value, path, on_key=on_key)
    begin = _outside(text, node, value, start)
    return None if begin is None else (begin, begin + end - start)


def _outside(text: str, node: ScalarNode, value: str, offset: int) -> int | None:
    """Where the character ``offset`` of a scalar's value is in the text around it."""
    start = node.start_mark.index
    if node.style == "|":
        line = value.count("\n", 0, offset)
        at = value.rfind("\n", 0, offset) + 1
        row = node.start_mark.line + 1 + line
        whole = line_of(text, row)
        written = (line_of(value, line) or "").rstrip()
        if whole is None or not whole.rstrip().endswith(written):
            return None
        return _line_starts(text)[row] + len(whole.rstrip()) - len(written) + offset - at
    begin = start if node.style is None else start + 1
    return begin + offset if text.startswith(value, begin) else None


def duplicate_keys(text: str) -> tuple[DuplicateKey, ...]:
    """Every key that is written more than once in its mapping, in the order of the text."""
    node = _composed(text)
    return tuple(_duplicates(text, node, (), set())) if node is not None else ()


@lru_cache(maxsize=16)
def _line_starts(text: str) -> Sequence[int]:
    """Where each line begins, so that the places of many diagnostics cost one look at the text."""
    return (0, *(found.end() for found in _LINE_END.finditer(text)))


@lru_cache(maxsize=16)
def _composed(text: str) -> Node | None:
    """Diagnostics come one document after the other, so the last few are kept."""
    try:
        return yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        again = respelled(text, error)
    if again is None:
        return None
    try:
        node = yaml.compose(again.text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return None
    if node is not None:
        again.restore(node)
    return node


def _child(node: Node, step: Step) -> tuple[Node | None, Node] | None:
    """The key (``None`` in lists) and value at ``step``."""
    if isinstance(node, SequenceNode):
        if isinstance(step, int) and 0 <= step < len(node.value):
            return None, node.value[step]
        return None
    if not isinstance(node, MappingNode):
        return None
    for key, value in reversed(node.value):
        if _key_of(key) == str(step) and not _is_merge(key):
            return key, value
    for merged in _merged(node):
        if found := _child(merged, step):
            return found
    return None


def _merged(node: MappingNode) -> Iterator[Node]:
    """The mappings that ``<<`` brings in; the first one wins."""
    for key, value in node.value:
        if _is_merge(key):
            yield from value.value if isinstance(value, SequenceNode) else (value,)


def _is_merge(key: Node) -> bool:
    return isinstance(key, ScalarNode) and key.tag == "tag:yaml.org,2002:merge"


def _key_of(key: Node) -> str | None:
    if not isinstance(key, ScalarNode):
        return None
    return str(key.value) if key.style else key_text(plain(key.value))


def _duplicates(
    text: str, node: Node, path: tuple[Step, ...], seen: set[int]
) -> Iterator[DuplicateKey]:
    """An anchored node is looked at once, where it is."""
    if id(node) in seen or isinstance(node, ScalarNode):
        return
    seen.add(id(node))
    if isinstance(node, SequenceNode):
        for i, item in enumerate(node.value):
            yield from _duplicates(text, item, (*path, i), seen)
    elif isinstance(node, MappingNode):
        places: dict[str, list[Span]] = {}
        for key, value in node.value:
            name = _key_of(key)
            if name is not None and not _is_merge(key):
                places.setdefault(name, []).append(_span(text, key))
                yield from _duplicates(text, value, (*path, name), seen)
        for name, spans in places.items():
            if len(spans) > 1:
                yield DuplicateKey(path, name, tuple(spans))


def _span(text: str, node: Node) -> Span:
    """Of a collection without a key of its own, its first scalar, or its bracket."""
    while isinstance(node, MappingNode | SequenceNode) and not node.flow_style and node.value:
        first = node.value[0]
        node = first[0] if isinstance(node, MappingNode) else first
    start, end = node.start_mark.index, node.end_mark.index
    if not isinstance(node, ScalarNode):
        return start, start + 1
    line_end = text.find("\n", start)
    end = min(end, line_end if line_end >= 0 else len(text))
    return start, max(end, start + 1)


def _first_word(text: str) -> Span:
    """The first line with a content; the text as a whole has no better place."""
    start = 0
    for line in text.splitlines(keepends=True):
        if line.strip() and not line.startswith(("---", "#", "%")):
            indented = start + len(line) - len(line.lstrip())
            return indented, start + len(line.rstrip())
        start += len(line)
    return 0, 1
