"""A rule that delegates becomes the delegate's rules, each narrowed by the rule's own conditions.

One level deep. Rules whose conditions cannot both hold are left out.
Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#Delegate,
Istio ``pilot/pkg/model/virtualservice.go``.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from controlplane.kinds.istio.selection import StringMatch
from controlplane.kinds.istio.virtual_service import Delegate
from controlplane.kinds.istio.virtual_service import HttpMatch
from controlplane.kinds.istio.virtual_service import HttpRoute
from controlplane.translate.istio.located_rules import LocatedRule
from controlplane.translate.istio.located_rules import Origins

V = TypeVar("V")
Delegated = Callable[[Delegate], tuple[LocatedRule, ...]]
"""The rules of a delegate; none where it does not exist or must not be seen."""


def expanded(rules: Iterable[LocatedRule], delegated: Delegated) -> Iterator[LocatedRule]:
    """The rules with every delegation replaced, in order."""
    for root in rules:
        if root.rule.delegate is None:
            yield root
            continue
        for leaf in delegated(root.rule.delegate):
            if not contradict(root.rule, leaf.rule):
                yield _merged(root, leaf)


def _merged(root: LocatedRule, leaf: LocatedRule) -> LocatedRule:
    matches = tuple(_merged_matches(root, leaf))
    return LocatedRule(
        merged_rule(root.rule, leaf.rule, tuple(block for block, _ in matches)),
        leaf.origins + root.origins,
        tuple(origins for _, origins in matches),
    )


def merged_rule(root: HttpRoute, leaf: HttpRoute, match: tuple[HttpMatch, ...]) -> HttpRoute:
    """``leaf`` under ``root``, with what ``match`` of both asks for.

    What the leaf leaves out, the root gives: whole fields, not parts of them.
    """
    return msgspec.structs.replace(
        leaf,
        name=_joined(root.name, leaf.name),
        match=match,
        rewrite=_first(leaf.rewrite, root.rewrite),
        direct_response=_first(leaf.direct_response, root.direct_response),
        timeout=_first(leaf.timeout, root.timeout),
        retries=_first(leaf.retries, root.retries),
        fault=_first(leaf.fault, root.fault),
        mirror=_first(leaf.mirror, root.mirror),
        mirror_percent=_first(leaf.mirror_percent, root.mirror_percent),
        mirror_percentage=_first(leaf.mirror_percentage, root.mirror_percentage),
        mirrors=leaf.mirrors or root.mirrors,
        cors_policy=_first(leaf.cors_policy, root.cors_policy),
        headers=_first(leaf.headers, root.headers),
    )


def contradict(root: HttpRoute, leaf: HttpRoute) -> bool:
    """Whether a block of the leaf can hold with none of the root's, which costs the whole rule."""
    return bool(root.match) and any(
        all(conflict(outer, block) for outer in root.match) for block in leaf.match
    )


def _merged_matches(root: LocatedRule, leaf: LocatedRule) -> Iterator[tuple[HttpMatch, Origins]]:
    """Every pair of blocks that can hold together, in the order of the leaf's, with its origins."""
    if not leaf.rule.match:
        yield from ((block, leaf.origins + at) for block, at in root.matches)
    elif not root.rule.match:
        yield from ((block, at + root.origins) for block, at in leaf.matches)
    for block, inner in leaf.matches:
        for outer_block, outer in root.matches:
            if not conflict(outer_block, block):
                yield merged_match(outer_block, block), inner + outer


def merged_match(root: HttpMatch, leaf: HttpMatch) -> HttpMatch:
    return msgspec.structs.replace(
        leaf,
        name=_joined(root.name, leaf.name),
        uri=_first(leaf.uri, root.uri),
        scheme=_first(leaf.scheme, root.scheme),
        method=_first(leaf.method, root.method),
        authority=_first(leaf.authority, root.authority),
        headers={**root.headers, **leaf.headers},
        without_headers={**root.without_headers, **leaf.without_headers},
        query_params={**root.query_params, **leaf.query_params},
        port=leaf.port or root.port,
        source_labels={**root.source_labels, **leaf.source_labels},
        source_namespace=leaf.source_namespace or root.source_namespace,
        gateways=leaf.gateways or root.gateways,
        stat_prefix=leaf.stat_prefix or root.stat_prefix,
    )


def conflict(root: HttpMatch, leaf: HttpMatch) -> bool:
    """Whether the leaf's block asks for something that the root's does not contain."""
    return (
        any(_texts_conflict(root_text, leaf_text) for root_text, leaf_text in _texts(root, leaf))
        or root.ignore_uri_case != leaf.ignore_uri_case
        or bool(root.port and leaf.port and root.port != leaf.port)
        or (bool(root.source_namespace) and root.source_namespace != leaf.source_namespace)
        or any(
            root.source_labels.get(label, value) != value
            for label, value in leaf.source_labels.items()
        )
        or bool(root.gateways and not set(leaf.gateways) <= set(root.gateways))
        or bool(root.gateways and len(root.gateways) < len(leaf.gateways))
    )


def _texts(
    root: HttpMatch, leaf: HttpMatch
) -> Iterator[tuple[StringMatch | None, StringMatch | None]]:
    yield root.uri, leaf.uri
    yield root.scheme, leaf.scheme
    yield root.method, leaf.method
    yield root.authority, leaf.authority
    yield from _common(root.headers, leaf.headers)
    yield from _common(root.without_headers, leaf.without_headers)
    yield from _common(root.query_params, leaf.query_params)


def _common(root: Mapping[str, V], leaf: Mapping[str, V]) -> Iterator[tuple[V, V]]:
    return ((root[name], leaf[name]) for name in leaf if name in root)


def _texts_conflict(root: StringMatch | None, leaf: StringMatch | None) -> bool:
    """A regex stands alone; an exact root takes itself, a prefix what begins so; else nothing."""
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


def _joined(root: str, leaf: str) -> str:
    return f"{root}-{leaf}" if root and leaf else root or leaf


def _first(leaf: V | None, root: V | None) -> V | None:
    return root if leaf is None else leaf
