"""A CEL expression of a Telemetry becomes what Envoy's formatter of labels evaluates, where it can.

Istio's own filter knows more than stock Envoy: conversions to text, macros, and the peers that
proxies tell each other of. Measured with Envoy 1.40: an expression that it cannot compile makes it
refuse the whole listener, and one of unknown names is empty.
Source: Envoy ``source/extensions/filters/common/expr``; docs "Attributes".
"""

from collections.abc import Iterator
from functools import lru_cache
from re import compile as pattern
from typing import Final

from controlplane.base.cel import Node, NodeKind, expression
from controlplane.base.cel_tokens import CelFault, TokenKind, tokens
from controlplane.translate.istio.cel_filter import filter_fault

_ATTRIBUTES: Final = frozenset(
    {
        "connection",
        "destination",
        "filter_state",
        "metadata",
        "node",
        "re",
        "request",
        "response",
        "source",
        "upstream",
        "upstream_filter_state",
        "xds",
    }
)
NODE: Final = "node"
"""Istio's name of what Envoy calls ``xds.node``."""
_ENDS_EARLY: Final = pattern(r"\)(?::\d+)?%|[\r\n]")
"""What would end the operator ``%CEL(…)%`` before the expression does."""
_PLAIN: Final = pattern(r"""(?:'([^'\\]*)'|"([^"\\]*)")""")


@lru_cache(maxsize=1024)
def label_format(text: str) -> str:
    """The format of the label's value. Raises ``CelFault`` where Envoy has none for it."""
    found = expression(text)
    if found.kind is NodeKind.CALL and found.name == "string" and len(found.operands) == 1:
        inner = text.strip().removeprefix("string").strip()
        return label_format(inner[1:-1])  # a label is text anyway
    plain = _PLAIN.fullmatch(text.strip())
    if plain is not None:
        return (plain[1] or plain[2] or "").replace("%", "%%") or "unknown"
    fault = filter_fault(text) or next(_unknown(found), None)
    if fault is not None:
        raise CelFault(0, fault)
    written = _with_node(text)
    if _ENDS_EARLY.search(f"{written})"):
        raise CelFault(0, 'Envoy\'s formats have no line breaks and no ")%" in an expression')
    return f"%CEL({written})%"


def _unknown(found: Node) -> Iterator[str]:
    """The variables that Envoy does not have; those that a macro makes were refused before."""
    for node in found.parts():
        if node.kind is NodeKind.IDENTIFIER and node.name.removeprefix(".") not in _ATTRIBUTES:
            yield f'Envoy does not know "{node.name}"'


def _with_node(text: str) -> str:
    """``node``, which is Istio's name, as Envoy has it."""
    written, end, after_dot = "", 0, False
    for token in tokens(text):
        if token.kind is TokenKind.IDENTIFIER and token.text == NODE and not after_dot:
            written += f"{text[end : token.at]}xds.{NODE}"
            end = token.at + len(NODE)
        after_dot = token.kind is TokenKind.SYMBOL and token.text == "."
    return written + text[end:]
