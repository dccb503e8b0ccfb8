"""What an edit of a route of the Gateway API makes run, however many there are."""

from tests.support.declared import Declared
from tests.support.http_routes import HTTP, SERVICES, at_edge, names, request_route
from tests.support.kubernetes_gateways import gateway, listener_set

MADE = (
    "framed_routes",
    "framed_chunk",
    "encoded_set",
    "virtual_host ",
    "attachment",
    "http_routes_of",
)


def below(number: int, name: str = "rule") -> str:
    rule = f"{{name: {name}, matches: [{{path: {{value: /{number:03}}}}}]}}"
    return request_route(rule, name=f"r{number:03}")


def ran(declared: Declared) -> list[str]:
    assert declared.graph.trace is not None
    calls = [call.split(",")[0].rstrip(")").replace("(", " ", 1) for call in declared.graph.trace]
    return [call for call in calls if call.startswith(MADE)]


def test_where_a_hundred_share_a_host_an_edit_encodes_one_and_reads_a_few() -> None:
    declared = at_edge(*(below(number) for number in range(100)))
    assert names(declared) == ["rule"] * 100
    declared.graph.trace = []

    declared.edit(below(70, "edited"))

    assert names(declared) == ["rule"] * 70 + ["edited"] + ["rule"] * 29
    assert ran(declared) == [
        "attachment HTTPRoute/default/r070",
        "framed_routes HTTPRoute/default/r070",
        "framed_chunk Gateway/default/edge/http/shop.example.com",
        "encoded_set Gateway/default/edge/http/shop.example.com",
        "virtual_host shop.example.com",
    ]


def test_a_route_with_a_host_of_its_own_leaves_the_others_alone() -> None:
    declared = at_edge(*(below(number) for number in range(3)))
    names(declared)
    declared.graph.trace = []

    declared.edit(request_route("{name: new}", name="new", hosts="[new.example.com]"))

    assert names(declared, "new.example.com") == ["new"]
    assert {call for call in ran(declared) if "framed" in call or "virtual_host" in call} == {
        "framed_routes HTTPRoute/default/new",
        "virtual_host new.example.com",
    }


def test_a_route_that_goes_takes_only_itself() -> None:
    declared = at_edge(*(below(number) for number in range(3)))
    names(declared)
    declared.graph.trace = []

    declared.remove(below(1))

    assert names(declared) == ["rule", "rule"]
    assert not [call for call in ran(declared) if call.startswith("framed_routes")]


def set_at(number: int, host: str) -> str:
    listener = f"{{name: http, port: 8080, protocol: HTTP, hostname: {host}}}"
    return listener_set(listener, name=f"set-{number}")


def with_many_listener_sets() -> Declared:
    """40 ListenerSets, each with a hostname and a route of its own, have been read."""
    sets = (set_at(number, f"s{number}.example.net") for number in range(40))
    own = (
        request_route(
            "{name: rule}",
            name=f"r{number}",
            hosts="[]",
            parents=f"[{{kind: ListenerSet, name: set-{number}}}]",
        )
        for number in range(40)
    )
    more = "gatewayClassName: istio\n  allowedListeners: {namespaces: {from: Same}}"
    declared = Declared(gateway(HTTP, more=more) + SERVICES + "".join((*sets, *own)))
    assert names(declared, "s7.example.net") == ["rule"]
    declared.graph.trace = []
    return declared


def hosts_made(declared: Declared) -> list[str]:
    return [call for call in ran(declared) if call.startswith(("virtual_host ", "framed_routes"))]


def test_a_route_of_one_listener_set_among_many_encodes_itself() -> None:
    declared = with_many_listener_sets()

    declared.edit(
        request_route(
            "{name: new}", name="r7", hosts="[]", parents="[{kind: ListenerSet, name: set-7}]"
        )
    )

    assert names(declared, "s7.example.net") == ["new"]
    assert hosts_made(declared) == [
        "framed_routes HTTPRoute/default/r7",
        "virtual_host s7.example.net",
    ]


def test_a_listener_set_that_changes_among_many_makes_its_own_virtual_host() -> None:
    declared = with_many_listener_sets()

    declared.edit(set_at(7, "new.example.net"))

    assert names(declared, "new.example.net") == ["rule"]
    assert hosts_made(declared) == ["virtual_host new.example.net"]


def test_a_table_of_many_listeners_does_not_ask_each_of_them_in_each_shard() -> None:
    assert len(with_many_listener_sets().graph) < 6_000, "40 times 256 shards are more"


def test_where_a_hundred_share_a_host_an_edit_analyses_its_route_alone() -> None:
    declared = at_edge(*(below(number) for number in range(100)))
    assert declared.diagnostics() == ()
    declared.graph.trace = []

    edited = "{name: rule, matches: [{path: {value: /elsewhere}}]}"
    declared.edit(request_route(edited, name="r070"))

    assert declared.diagnostics() == ()
    analysed = [c for c in declared.graph.trace if c.startswith("kubernetes_route_diagnostics")]
    assert len(analysed) == 1
    assert "r070" in analysed[0]
