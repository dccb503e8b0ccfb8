"""Plain text in brackets that ends in a colon, ``[2001:db8::]``, which libyaml refuses.

go-yaml, and so Kubernetes, accepts it: a colon without a space after it is an ordinary character.
The text is read again with another character in its place, and the colon put back in what was
read; every place in the text stays where it is.
Source: https://github.com/kubernetes-sigs/yaml, goyaml.v2/scannerc.go (scan_plain_scalar)
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from yaml import MarkedYAMLError, YAMLError
from yaml.events import Event, ScalarEvent
from yaml.nodes import CollectionNode, Node, ScalarNode

PROBLEM: Final = "found unexpected ':'"
# After a quote the colon ends a key: {"a":, "b":}
_LAST_COLON: Final = re.compile(r"""(?<=[^\s"'\[\]{},]):(?=[,\]}])""")
_PRIVATE_USE: Final = range(0xE000, 0xF900)


@dataclass(frozen=True, slots=True)
class Respelled:
    """``text`` as libyaml accepts it, with ``mark`` for each colon that it would refuse."""

    text: str
    mark: str

    def events(self, next_event: Callable[[], Event]) -> Callable[[], Event]:
        """``next_event`` with the colons put back."""

        def restored() -> Event:
            event = next_event()
            if isinstance(event, ScalarEvent):
                event.value = event.value.replace(self.mark, ":")
            return event

        return restored

    def restore(self, node: Node, seen: set[int] | None = None) -> None:
        """Put the colons back into ``node`` and all below it; an alias leads to a node again."""
        seen = set() if seen is None else seen
        if isinstance(node, ScalarNode):
            node.value = node.value.replace(self.mark, ":")
        elif isinstance(node, CollectionNode) and id(node) not in seen:
            seen.add(id(node))
            for item in node.value:
                for each in item if isinstance(item, tuple) else (item,):
                    self.restore(each, seen)


def respelled(text: str, error: YAMLError) -> Respelled | None:
    """How to read ``text`` after all; ``None`` where ``error`` is about something else."""
    if not isinstance(error, MarkedYAMLError) or error.problem != PROBLEM:
        return None
    mark = next((chr(code) for code in _PRIVATE_USE if chr(code) not in text), None)
    if mark is None:
        return None
    marked = _LAST_COLON.sub(mark, text)
    return Respelled(marked, mark) if marked != text else None
