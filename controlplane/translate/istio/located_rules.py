"""HTTP rules that know where in the user's text they and their match blocks are."""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.kinds.istio.virtual_service import HttpMatch, HttpRoute
from controlplane.translate.route_target import Origins


@dataclass(frozen=True, slots=True)
class LocatedRule:
    """A rule. ``origins`` are what made it, ``blocks`` what made each of its match blocks, with
    what made the rule.
    """

    rule: HttpRoute
    origins: Origins
    blocks: tuple[Origins, ...]

    @property
    def matches(self) -> Iterator[tuple[HttpMatch, Origins]]:
        """Each match block with what made it."""
        return zip(self.rule.match, self.blocks, strict=True)


def located_rules(key: ObjectKey, rules: tuple[HttpRoute, ...]) -> tuple[LocatedRule, ...]:
    """``rules``, which are all those of the VirtualService ``key``, in its order."""
    return tuple(_located(key, number, rule) for number, rule in enumerate(rules))


def _located(key: ObjectKey, number: int, rule: HttpRoute) -> LocatedRule:
    at = FieldRef(key, ("spec", "http", number))
    blocks = (FieldRef(key, (*at.path, "match", i)) for i in range(len(rule.match)))
    return LocatedRule(rule, (at,), tuple((block, at) for block in blocks))
