"""The origin of a route is the rule and the match that give it, whatever is written."""

from collections.abc import Iterator
from typing import Final

from envoy.config.route.v3.route_components_pb2 import Route
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from hypothesis import given, settings, strategies as st

from controlplane.base.locations import FieldRef
from controlplane.envoy.resource import TypeUrl, packed
from controlplane.envoy.routes.match import route_match as match_message
from controlplane.kinds.istio.virtual_service import HttpMatch
from controlplane.queries.inputs.objects import OBJECT
from controlplane.queries.listeners.plans import proxy_plan
from controlplane.queries.routes.routes import route_tables
from controlplane.queries.snapshot.origins import origins_by_name
from controlplane.translate.istio.delegate_match import merged_match
from controlplane.translate.istio.http_match import route_match
from tests.support.declared import Declared
from tests.support.properties import examples
from tests.support.simulator import Block, Rule, VirtualService, World
from tests.support.worlds import DELEGATING, GATEWAYS, HOME, blocks, documents, worlds

RULE: Final = len(("spec", "http", 0))
few = settings(max_examples=examples(25))
Matches = list[Block]


def delegation(roots: list[Matches], leaves: list[Matches]) -> World:
    """One VirtualService whose rules all delegate to another."""
    leaf = VirtualService(
        name="leaf", namespace="default", rules=tuple(Rule(blocks=tuple(m)) for m in leaves)
    )
    root = VirtualService(
        name="root",
        namespace="default",
        hosts=("a.example.com",),
        gateways=(f"{HOME}/gw",),
        rules=tuple(Rule(blocks=tuple(m), delegate=("default", "leaf")) for m in roots),
    )
    return World(
        gateways=GATEWAYS,
        virtual_services=(leaf, root),
        namespace=HOME,
        labels=(("istio", "ingressgateway"),),
    )


several = st.lists(st.lists(blocks, min_size=1, max_size=3), min_size=1, max_size=2)
delegations = st.builds(delegation, several, several)


def routes(declared: Declared) -> Iterator[tuple[Route, list[FieldRef]]]:
    """Each route that the gateway is sent, with its origins."""
    graph, view = declared.graph, declared.view()
    found = origins_by_name(graph, view, TypeUrl.ROUTE)
    plan = proxy_plan(graph, view.gateway, view.outbound.for_listeners)
    for sent in route_tables(graph, plan.route_tables, view.outbound.for_routes).values():
        hosts = {host.name: host for host in found[sent.name].parts}
        for host in RouteConfiguration.FromString(packed(sent).value).virtual_hosts:
            for route, part in zip(host.routes, hosts[host.name].parts, strict=True):
                yield route, [origin for origin in part.origins if isinstance(origin, FieldRef)]


def named_rules(route: Route) -> list[str]:
    """The rule that answers, and the one that delegated to it: both say so in the answer."""
    added = (change.header for change in route.response_headers_to_add)
    roots = [header.value for header in added if header.key == DELEGATING]
    return [route.direct_response.body.inline_bytes.decode(), *roots]


def block_at(declared: Declared, at: FieldRef) -> HttpMatch:
    found = OBJECT(declared.graph, at.object)
    assert found is not None, "an origin is in force"
    *_, rule, _, number = at.path
    block: HttpMatch = found.spec.http[rule].match[number]
    return block


@given(st.one_of(worlds, delegations))
@few
def test_the_rules_among_a_routes_origins_are_those_that_answer(world: World) -> None:
    for route, origins_of_route in routes(Declared(documents(world))):
        rules = [at for at in origins_of_route if len(at.path) == RULE]

        assert named_rules(route) == [
            f"{at.object.namespace}/{at.object.name}/{at.path[-1]}" for at in rules
        ]


@given(st.one_of(worlds, delegations))
@few
def test_the_matches_among_a_routes_origins_give_its_match(world: World) -> None:
    declared = Declared(documents(world))

    for route, origins_of_route in routes(declared):
        asked = [block_at(declared, at) for at in origins_of_route if "match" in at.path]
        block = merged_match(asked[1], asked[0]) if len(asked) > 1 else (*asked, None)[0]
        assert route.match == match_message(route_match(block))
