"""Two match blocks become one: what the rule that delegates asks for, and what its delegate does.

The table says it for each field of a match; a field that it does not know is a ``KeyError`` for
every delegation, which every test of one finds.
Source: Istio ``pilot/pkg/model/virtualservice.go`` (``mergeHTTPMatchRequest``, ``hasConflict``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from controlplane.kinds.istio.selection import StringMatch
from controlplane.kinds.istio.virtual_service import HttpMatch

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class FieldMerge:
    """Of a field, by the blocks of the root and of its delegate, in this order: its value in both
    together, and whether the two contradict each other.
    """

    merged: Callable[[HttpMatch, HttpMatch], object]
    conflicts: Callable[[HttpMatch, HttpMatch], bool] = lambda _root, _leaf: False


def merged_match(root: HttpMatch, leaf: HttpMatch) -> HttpMatch:
    fields = {name: FIELDS[name].merged(root, leaf) for name in HttpMatch.__struct_fields__}
    return msgspec.structs.replace(leaf, **fields)


def conflict(root: HttpMatch, leaf: HttpMatch) -> bool:
    """Whether the leaf's block asks for something that the root's does not contain."""
    return any(FIELDS[name].conflicts(root, leaf) for name in HttpMatch.__struct_fields__)


def joined(root: str, leaf: str) -> str:
    return f"{root}-{leaf}" if root and leaf else root or leaf


def _text(field: Callable[[HttpMatch], StringMatch | None]) -> FieldMerge:
    def merged(root: HttpMatch, leaf: HttpMatch) -> StringMatch | None:
        return field(root) if field(leaf) is None else field(leaf)

    return FieldMerge(merged, lambda root, leaf: _texts_conflict(field(root), field(leaf)))


def _texts(field: Callable[[HttpMatch], Mapping[str, StringMatch]]) -> FieldMerge:
    """Conditions by name: of each name the leaf's, if it has one."""

    def conflicts(root: HttpMatch, leaf: HttpMatch) -> bool:
        common = field(root).keys() & field(leaf).keys()
        return any(_texts_conflict(field(root)[name], field(leaf)[name]) for name in common)

    return FieldMerge(lambda root, leaf: {**field(root), **field(leaf)}, conflicts)


def _texts_conflict(root: StringMatch | None, leaf: StringMatch | None) -> bool:
    """A regex conflicts with everything else; an exact root contains itself, a prefix what begins
    with it.
    """
    if root is None or leaf is None:
        return False
    if root.regex and (leaf.regex or leaf.prefix or leaf.exact):
        return True
    if leaf.regex and (root.prefix or root.exact):
        return True
    if root.exact:
        return bool(leaf.prefix) or leaf.exact != root.exact
    narrow = leaf.exact or leaf.prefix
    return not (root.prefix and narrow and narrow.startswith(root.prefix))


def _labels_conflict(root: HttpMatch, leaf: HttpMatch) -> bool:
    return any(
        root.source_labels.get(label, value) != value for label, value in leaf.source_labels.items()
    )


def _gateways_conflict(root: HttpMatch, leaf: HttpMatch) -> bool:
    if not root.gateways:
        return False
    return not set(leaf.gateways) <= set(root.gateways) or len(root.gateways) < len(leaf.gateways)


FIELDS: Final[Mapping[str, FieldMerge]] = {
    "name": FieldMerge(lambda root, leaf: joined(root.name, leaf.name)),
    "uri": _text(lambda match: match.uri),
    "scheme": _text(lambda match: match.scheme),
    "method": _text(lambda match: match.method),
    "authority": _text(lambda match: match.authority),
    "headers": _texts(lambda match: match.headers),
    "without_headers": _texts(lambda match: match.without_headers),
    "query_params": _texts(lambda match: match.query_params),
    "ignore_uri_case": FieldMerge(
        lambda _root, leaf: leaf.ignore_uri_case,
        lambda root, leaf: root.ignore_uri_case != leaf.ignore_uri_case,
    ),
    "port": FieldMerge(
        lambda root, leaf: leaf.port or root.port,
        lambda root, leaf: bool(root.port and leaf.port and root.port != leaf.port),
    ),
    "source_labels": FieldMerge(
        lambda root, leaf: {**root.source_labels, **leaf.source_labels}, _labels_conflict
    ),
    "source_namespace": FieldMerge(
        lambda root, leaf: leaf.source_namespace or root.source_namespace,
        lambda root, leaf: root.source_namespace not in ("", leaf.source_namespace),
    ),
    "gateways": FieldMerge(lambda root, leaf: leaf.gateways or root.gateways, _gateways_conflict),
    "stat_prefix": FieldMerge(lambda root, leaf: leaf.stat_prefix or root.stat_prefix),
}
