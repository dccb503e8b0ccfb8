"""No rule and no host is dead in silence: whenever no request gets to one, a diagnostic names it;
and where every rule is reached, nothing is an error.

The requests are all that this small vocabulary tells apart, so that a rule which none of them
reaches is reached by none at all.
"""

from dataclasses import replace
from itertools import product
from typing import Any, Final

from hypothesis import HealthCheck, given, settings, strategies as st

from controlplane.base.diagnostics import Diagnostic, Severity
from controlplane.base.locations import FieldRef
from tests.support.checked import found_in
from tests.support.properties import examples
from tests.support.simulator import (
    Block,
    Gateway,
    Request,
    Rule,
    Server,
    Text,
    VirtualService,
    World,
)
from tests.support.worlds import HOME, documents

given_worlds: Final = settings(
    max_examples=examples(300, in_gate=60),
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
GW, SIDE, LOST = f"{HOME}/gw", f"{HOME}/side", f"{HOME}/lost"
REQUESTS: Final = [
    Request(port=port, host=host, method=method, path=path, headers=headers)
    for port, host, method, path, headers in product(
        (8080, 8081),
        ("a.example.com", "b.example.com", "other.org", "z.org"),
        ("GET", "POST", "PUT"),
        ("/", "/a", "/ab", "/a/b", "/b", "/c"),
        ((), (("x-a", "1"),), (("x-a", "2"),)),
    )
]
GATEWAYS: Final = st.sampled_from(
    [
        (
            Gateway(name=GW, servers=(Server(port=8080, hosts=("*.example.com",)),)),
            Gateway(name=SIDE, servers=(Server(port=8081, hosts=("default/a.example.com",)),)),
        ),
        (
            Gateway(
                name=GW,
                servers=(Server(port=8080, hosts=("*",)), Server(port=8081, hosts=("other.org",))),
            ),
        ),
    ]
)


def _seldom(values: st.SearchStrategy[Any], otherwise: object) -> st.SearchStrategy[Any]:
    """One in five."""
    return st.integers(0, 4).flatmap(lambda n: values if n == 4 else st.just(otherwise))


blocks: Final = st.builds(
    Block,
    uri=st.sampled_from(
        [None, Text(exact="/a"), Text(prefix="/a"), Text(prefix="/"), Text(exact="/b")]
    ),
    method=_seldom(st.sampled_from([Text(exact="GET"), Text(exact="POST")]), None),
    headers=_seldom(st.just((("x-a", Text(exact="1")),)), ()),
    port=_seldom(st.sampled_from([8080, 8081, 9999]), 0),
)
virtual_services: Final = st.builds(
    VirtualService,
    name=st.sampled_from("abc"),
    namespace=st.sampled_from((HOME, "default")),
    hosts=st.sampled_from(
        [
            ("a.example.com",),
            ("*.example.com",),
            ("other.org",),
            ("a.example.com", "other.org"),
            ("b.example.com",),
        ]
    ),
    gateways=st.sampled_from([(GW,), (GW,), (GW, SIDE), (SIDE,), (), ("mesh",), (LOST,)]),
    rules=st.lists(
        st.builds(Rule, blocks=st.lists(blocks, max_size=2).map(tuple)), min_size=1, max_size=3
    ).map(tuple),
    export_to=_seldom(st.sampled_from([(".",), ("team",), (HOME,), ("*",)]), ()),
)
several: Final = st.builds(
    replace,
    virtual_services,
    export_to=st.just(()),
    rules=st.lists(
        st.builds(
            Rule,
            blocks=st.lists(st.builds(replace, blocks, port=st.just(0)), max_size=2).map(tuple),
        ),
        min_size=1,
        max_size=2,
    ).map(tuple),
)
"""What one VirtualService hides of another is reported where it holds for proxies of any namespace
and on any port, so neither is told apart here.
"""
worlds: Final = st.builds(
    World,
    gateways=GATEWAYS,
    virtual_services=st.one_of(
        st.tuples(virtual_services),
        st.lists(several, min_size=2, max_size=3, unique_by=lambda v: (v.name, v.namespace)).map(
            tuple
        ),
    ),
    namespace=st.just(HOME),
    labels=st.just((("istio", "ingressgateway"),)),
)


def reached(world: World) -> set[str]:
    return {answer.rule for r in REQUESTS if (answer := world.answer(r)) is not None}


def all_rules(world: World) -> set[str]:
    return {
        f"{v.namespace}/{v.name}/{i}" for v in world.virtual_services for i in range(len(v.rules))
    }


def names(found: Diagnostic, rule: str) -> bool:
    """Whether a diagnostic is about a rule, or about the VirtualService as a whole."""
    namespace, name, index = rule.split("/")
    place = found.place
    if not isinstance(place, FieldRef):
        return False
    own = place.object.kind.name == "VirtualService" and place.object.name == name
    within = place.path[:2] != ("spec", "http") or place.path[2:3] in ((), (int(index),))
    return own and place.object.namespace == namespace and within


@given(worlds)
@given_worlds
def test_a_rule_that_no_request_reaches_is_named(world: World) -> None:
    found = found_in(documents(world))

    dead = all_rules(world) - reached(world)
    assert {rule for rule in dead if not any(names(d, rule) for d in found)} == set()


@given(worlds)
@given_worlds
def test_a_mesh_whose_rules_are_all_reached_has_no_error(world: World) -> None:
    named = {g for v in world.virtual_services for g in v.gateways}
    if named <= {g.name for g in world.gateways} and all_rules(world) == reached(world):
        found = found_in(documents(world))
        assert [d for d in found if d.severity is Severity.ERROR] == []


@given(worlds)
@given_worlds
def test_a_host_that_no_request_is_answered_for_is_named(world: World) -> None:
    bound = {g for v in world.virtual_services for g in v.gateways} - {"mesh"}
    answered = {(r.port, r.host) for r in REQUESTS if world.answer(r) is not None}
    hosts = {
        (server.port, host.rpartition("/")[2], gateway.name)
        for gateway in world.gateways
        for server in gateway.servers
        for host in server.hosts
        if "*" not in host
    }
    places = {
        f"{d.place.object.namespace}/{d.place.object.name}"
        for d in found_in(documents(world))
        if isinstance(d.place, FieldRef)
    }
    for port, host, gateway in hosts if bound else ():
        routing = {f"{v.namespace}/{v.name}" for v in world.virtual_services if host in v.hosts}
        assert (port, host) in answered or places & {gateway, *routing}
