"""A rule that delegates becomes the delegate's rules, each narrowed by the rule's own conditions.

Delegation is one level deep. Rules whose conditions cannot both hold are left out.
Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#Delegate,
Istio ``pilot/pkg/model/virtualservice.go``.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from controlplane.kinds.istio.virtual_service import Delegate, HttpMatch, HttpRoute
from controlplane.translate.istio.delegate_match import conflict, joined, merged_match
from controlplane.translate.istio.located_rules import LocatedRule
from controlplane.translate.route_target import Origins

_EMPTY: Final = HttpRoute()
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
    exceptions = {"name": joined(root.name, leaf.name), "match": match, "delegate": None}
    given = {
        name: getattr(root, name)
        for name in HttpRoute.__struct_fields__
        if name not in exceptions and getattr(leaf, name) == getattr(_EMPTY, name)
    }
    return msgspec.structs.replace(leaf, **given, **exceptions)


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
