"""What an edit makes run: what it affects, however many VirtualServices there are."""

from tests.support.declared import Declared
from tests.support.routes import GATEWAY, SERVICES, clusters, domains, routes, virtual_service

TO_SHOP = "[{route: [{destination: {host: shop}}]}]"
TO_REVIEWS = "[{route: [{destination: {host: reviews}}]}]"


OF_ROUTES = ("merge_order", "encoded_routes", "virtual_host", "table")


def many() -> Declared:
    """Twenty hosts, each with a VirtualService of its own, in a table that was asked for."""
    declared = Declared(
        GATEWAY
        + SERVICES
        + "".join(
            virtual_service(TO_SHOP, name=f"s{i}", host=f"h{i}.example.com") for i in range(20)
        )
    )
    assert len(domains(declared)) == 20
    declared.graph.trace = []
    return declared


def ran(declared: Declared) -> list[str]:
    """The functions that ran, each with its first argument."""
    assert declared.graph.trace is not None
    return [call.split(",")[0].rstrip(")").replace("(", " ", 1) for call in declared.graph.trace]


def test_an_edit_of_one_virtual_service_encodes_its_routes_and_joins_the_rest() -> None:
    declared = many()

    declared.edit(virtual_service(TO_REVIEWS, name="s7", host="h7.example.com"))

    assert clusters(declared, "h7.example.com") == [
        "outbound|9080||reviews.default.svc.cluster.local"
    ]
    assert [call for call in ran(declared) if call.startswith(OF_ROUTES)] == [
        "merge_order VirtualService/default/s7",
        "encoded_routes VirtualService/default/s7",
        "virtual_host h7.example.com",
        "virtual_hosts http.8080",
        "virtual_host_group http.8080",
        "table http.8080",
    ]


def test_a_new_host_leaves_the_others_alone() -> None:
    declared = many()

    declared.edit(virtual_service(TO_SHOP, name="new", host="new.example.com"))

    assert len(domains(declared)) == 21
    hosts = [call for call in ran(declared) if call.startswith("virtual_host ")]
    assert hosts == ["virtual_host new.example.com"]


def test_a_host_that_goes_takes_only_itself() -> None:
    declared = many()

    declared.remove(virtual_service(TO_SHOP, name="s7", host="h7.example.com"))

    assert "h7.example.com" not in domains(declared)
    assert not [call for call in ran(declared) if call.startswith("encoded_routes")]


def test_a_service_that_changes_its_only_port_changes_the_routes_to_it() -> None:
    declared = many()

    declared.edit(SERVICES.replace("port: 80,", "port: 81,"))

    assert clusters(declared, "h3.example.com") == ["outbound|81||shop.default.svc.cluster.local"]


def test_a_service_that_changes_in_something_else_encodes_no_route() -> None:
    declared = many()

    declared.edit(SERVICES.replace("10.96.1.1", "10.96.1.9"))

    assert len(domains(declared)) == 20
    assert not [call for call in ran(declared) if call.startswith("encoded_routes")]


def test_a_server_that_comes_beside_others_encodes_no_route() -> None:
    declared = many()

    declared.edit(GATEWAY.replace('["*.example.com"]', '["*.example.com", "a.example.org"]'))

    assert len(domains(declared)) == 20
    made = [call for call in ran(declared) if call.startswith(("encoded_routes", "virtual_host "))]
    assert made == ["virtual_host a.example.org"]


def test_where_a_hundred_share_a_host_an_edit_looks_at_a_few_of_them() -> None:
    def below(i: int, status: int) -> str:
        rule = f"[{{match: [{{uri: {{prefix: /{i}/}}}}], directResponse: {{status: {status}}}}}]"
        return virtual_service(rule, name=f"s{i:03}", host="one.example.com")

    declared = Declared(GATEWAY + SERVICES + "".join(below(i, 200) for i in range(100)))
    before = routes(declared, "one.example.com")
    declared.graph.trace = []

    declared.edit(below(70, 201))

    after = routes(declared, "one.example.com")
    statuses = [route["direct_response"]["status"] for route in after]
    assert statuses == [200] * 70 + [201] + [200] * 29
    assert [route["match"] for route in after] == [route["match"] for route in before]
    made = ("encoded_routes", "bound_in_order", "bound_routes_chunk", "virtual_host ")
    assert [call for call in ran(declared) if call.startswith(made)] == [
        "encoded_routes VirtualService/default/s070",
        "bound_routes_chunk (('one.example.com'",
        "virtual_host one.example.com",
    ]
