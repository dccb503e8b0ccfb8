"""Who may see an object: ``exportTo``, resolved against the object's own namespace.

Source: https://istio.io/latest/docs/reference/config/networking/service-entry/ (``exportTo``)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from controlplane.base.names import Namespace

PUBLIC: Final = Namespace("*")
"""A namespace that sees only what is visible to all; no object can be in it."""


@dataclass(frozen=True, slots=True)
class Visibility:
    """``namespaces`` see it, or all do. None does when they are empty."""

    namespaces: frozenset[Namespace] = frozenset()
    is_public: bool = False

    def admits(self, client: Namespace) -> bool:
        return self.is_public or client in self.namespaces


EVERYONE: Final = Visibility(is_public=True)


def visibility(export_to: Iterable[str], namespace: Namespace) -> Visibility:
    """``.`` is ``namespace``, ``*`` is all, ``~`` is none; an empty list is all."""
    words = tuple(export_to)
    if not words or "*" in words:
        return EVERYONE
    return Visibility(frozenset(namespace if w == "." else Namespace(w) for w in words if w != "~"))
