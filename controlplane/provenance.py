"""From which rule of a VirtualService each route of a table came: its file and line.

Routes carry the object that they came from. Within an object they stand in the order of its rules
and blocks, so each is found again by its name and match, from where the one before was found.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from envoy.config.route.v3.route_components_pb2 import Route
from envoy.config.route.v3.route_components_pb2 import RouteMatch
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from controlplane.admin.view import RuleOrigin
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace
from controlplane.base.names import ObjectKey
from controlplane.engine import Engine
from controlplane.envoy.object_path import object_path
from controlplane.envoy.routes.match import route_match as match_message
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE
from controlplane.translate.istio.http_match import route_match


@dataclass(frozen=True, slots=True)
class _Block:
    """What a rule's route is found by: a name, a match; ``rule`` counts within the object."""

    rule: int
    name: str
    match: RouteMatch


def rule_spots(engine: Engine, table: RouteConfiguration) -> Iterator[RuleOrigin]:
    """The locations of all routes whose rule is found; those of delegates are not."""
    known: dict[str, tuple[_Block, ...]] = {}
    for virtual_host in table.virtual_hosts:
        next_block: dict[str, int] = {}
        for number, route in enumerate(virtual_host.routes):
            said = route.metadata.filter_metadata["istio"]["config"]
            key = _key(said) if isinstance(said, str) else None
            if not isinstance(said, str) or key is None:
                continue
            if said not in known:
                known[said] = tuple(_blocks(engine, key))
            found = _found(known[said], next_block.get(said, 0), route)
            if found is None:
                continue
            next_block[said] = found + 1
            place = FieldRef(key) / "spec" / "http" / known[said][found].rule
            location = engine.location(place)
            if location is not None:
                yield RuleOrigin(
                    virtual_host=virtual_host.name,
                    route=number,
                    path=str(location.path),
                    line=location.line,
                )


def _key(said: str) -> ObjectKey | None:
    """The key of ``/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews``."""
    parts = said.split("/")
    key = ObjectKey(VIRTUAL_SERVICE, Namespace(parts[-3]), parts[-1]) if len(parts) > 3 else None
    return key if key is not None and object_path(key) == said else None


def _blocks(engine: Engine, key: ObjectKey) -> Iterator[_Block]:
    object_ = engine.object(key)
    for number, rule in enumerate(object_.spec.http if object_ is not None else ()):
        for block in rule.match or (None,):
            name = f"{rule.name}.{block.name}" if block and block.name else rule.name
            yield _Block(number, name, match_message(route_match(block)))


def _found(blocks: tuple[_Block, ...], start: int, route: Route) -> int | None:
    for number in range(start, len(blocks)):
        if blocks[number].name == route.name and blocks[number].match == route.match:
            return number
    return None
