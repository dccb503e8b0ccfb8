"""Whether Envoy accepts a CEL expression: for one that it does not, it rejects the listener.

Istio's admission only parses; Envoy also looks functions and messages up. What it has was asked of
Envoy 1.40, which has no macros over lists and maps, and none of the extensions of CEL.
"""

from collections.abc import Iterator
from math import ceil, log2
from typing import Final

import re2  # type: ignore[import-untyped]  # google-re2 comes without types

from controlplane.base.cel import Node, NodeKind, expression, nesting
from controlplane.base.cel_tokens import CelFault, text_of

_TEXT: Final = frozenset({"contains", "startsWith", "endsWith", "matches"})
_TIME: Final = frozenset(
    {
        "getDate",
        "getDayOfMonth",
        "getDayOfWeek",
        "getDayOfYear",
        "getFullYear",
        "getHours",
        "getMilliseconds",
        "getMinutes",
        "getMonth",
        "getSeconds",
    }
)
_CONVERSIONS: Final = frozenset(
    {"bool", "bytes", "double", "duration", "dyn", "int", "timestamp", "type", "uint", "size"}
)
_REGULAR: Final = {"extract": 3, "capture": 2, "captureN": 2}
"""Functions of the namespace ``re``, with the number of their arguments."""
_MACROS: Final = {
    ("all", 2),
    ("exists", 2),
    ("exists_one", 2),
    ("filter", 2),
    ("map", 2),
    ("map", 3),
}
_LEVELS: Final = 32  # of operations, fields and calls in each other; measured with Envoy 1.40
_NESTING: Final = 33  # of expressions in each other, by parentheses too
_QUIET: Final = re2.Options()
_QUIET.log_errors = False


def filter_fault(text: str) -> str | None:
    """What Envoy would refuse in an expression; ``None`` for one that it accepts."""
    try:
        found = expression(text)
    except CelFault as fault:
        return f"{fault} (at character {fault.at + 1})"
    if nesting(text) > _NESTING or _levels(found) > _LEVELS:
        return f"it has more than {_LEVELS} levels"
    return next(_faults(found), None)


def _levels(found: Node) -> int:
    """How many levels Envoy sees: it balances what is joined by ``&&`` or ``||``."""
    terms: dict[int, tuple[int, int]] = {}  # of a node: how many are joined, and their levels
    for node in reversed(list(found.parts())):
        joins = node.kind is NodeKind.OPERATOR and node.name in ("&&", "||")
        of = [
            terms[id(each)]
            if joins and each.kind is NodeKind.OPERATOR and each.name == node.name
            else (1, _height(terms[id(each)]))
            for each in node.operands
        ]
        if joins:
            terms[id(node)] = (sum(n for n, _ in of), max(height for _, height in of))
        else:
            terms[id(node)] = (1, 1 + max((height for _, height in of), default=0))
    return _height(terms[id(found)])


def _height(joined: tuple[int, int]) -> int:
    count, height = joined
    return height + ceil(log2(count))


def _faults(found: Node) -> Iterator[str]:
    for node in found.parts():
        match node.kind:
            case NodeKind.CALL | NodeKind.METHOD:
                fault = _call_fault(node)
                if fault is not None:
                    yield fault
            case NodeKind.MESSAGE:
                yield f"messages such as {node.name} are not checked here, so they are not accepted"


def _call_fault(node: Node) -> str | None:
    name, count = node.name, len(node.operands)
    if node.kind is NodeKind.METHOD and (name, count - 1) in _MACROS:
        return f"Envoy does not go through lists and maps, as {name}() does"
    if not _is_known(node, name, count):
        return f"Envoy has no function {name}() of {count} arguments"
    if name == "matches" and node.operands[1].kind is NodeKind.LITERAL:
        return _pattern_fault(node.operands[1].name)
    return None


def _is_known(node: Node, name: str, count: int) -> bool:
    if name in _TEXT:
        return count == 2
    if node.kind is NodeKind.METHOD:
        if name in _REGULAR and node.operands[0] == Node(NodeKind.IDENTIFIER, "re"):
            return count - 1 == _REGULAR[name]
        return (name in _TIME and count in (1, 2)) or (name == "size" and count == 1)
    return (name in _CONVERSIONS or name == "has") and count == 1


def _pattern_fault(literal: str) -> str | None:
    """What RE2 has against a pattern, which Envoy compiles where it is a literal of text."""
    pattern = text_of(literal)
    if pattern is None:
        return None
    try:
        re2.compile(pattern, options=_QUIET)
    except re2.error:
        return f"{literal} is not a regular expression"
    return None
