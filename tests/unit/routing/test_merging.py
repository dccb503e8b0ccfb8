"""Where the hosts of servers and VirtualServices meet, and what comes of several at one host."""

from dataclasses import replace

import pytest

from controlplane.base.names import Namespace
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Target
from tests.support.declared import INGRESS, Declared
from tests.support.routes import (
    GATEWAY,
    SERVICES,
    clusters,
    domains,
    routes,
    table,
    virtual_service,
)

TO_SHOP = "[{route: [{destination: {host: shop}}]}]"


def gateway(hosts: str, *, name: str = "gw", tls: str = "") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: istio-system}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: 8080, name: http, protocol: HTTP}}
    hosts: {hosts}
    {tls}
---
"""


def bound(name: str, rules: str, *, hosts: str, namespace: str = "default", more: str = "") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  hosts: {hosts}
  gateways: [istio-system/gw]
  http: {rules}
  {more}
---
"""


def to(*ports: int) -> str:
    """Rules that tell where they come from by the port they lead to; the last takes everything."""
    *first, last = ports
    rules = [f"{{match: [{{uri: {{exact: /{p}}}}}], {_route(p)}}}" for p in first]
    return f"[{', '.join([*rules, f'{{{_route(last)}}}'])}]"


def _route(port: int) -> str:
    return f"route: [{{destination: {{host: shop, port: {{number: {port}}}}}}}]"


def ports(declared: Declared, domain: str) -> list[int]:
    return [int(cluster.split("|")[1]) for cluster in clusters(declared, domain)]


@pytest.mark.parametrize(
    ("served", "wanted", "domain"),
    [
        pytest.param('["*"]', '["a.example.com"]', ["a.example.com"], id="server wider"),
        pytest.param('["a.example.com"]', '["*"]', ["a.example.com"], id="service wider"),
        pytest.param('["*.example.com"]', '["*.example.com"]', ["*.example.com"], id="equal"),
        pytest.param('["*.a.com"]', '["*.b.a.com"]', ["*.b.a.com"], id="two wildcards"),
        pytest.param('["*.a.com"]', '["a.com"]', ["*"], id="a wildcard has not its own suffix"),
        pytest.param('["y-x.a.com"]', '["*-x.a.com"]', ["y-x.a.com"], id="within a label"),
        pytest.param('["a.com"]', '["*a.com"]', ["a.com"], id="the rest of a label may be none"),
        pytest.param('["b.com", "*.a.com"]', '["c.com"]', ["*"], id="nothing in common"),
        pytest.param('["A.com"]', '["a.com"]', ["*"], id="the case counts where hosts meet"),
        pytest.param('["A.com"]', '["A.com"]', ["a.com"], id="domains are in lower case"),
        pytest.param('["other/a.com"]', '["a.com"]', ["*"], id="another namespace's server"),
        pytest.param('["default/a.com"]', '["a.com"]', ["a.com"], id="the namespace's server"),
        pytest.param('["*/a.com"]', '["a.com"]', ["a.com"], id="every namespace's server"),
    ],
)
def test_hosts_meet_at_the_narrower(served: str, wanted: str, domain: list[str]) -> None:
    declared = Declared(gateway(served) + SERVICES + bound("shop", TO_SHOP, hosts=wanted))

    assert domains(declared) == domain


def test_a_table_that_serves_nothing_answers_404() -> None:
    (host,) = table(Declared(gateway('["*"]'))).virtual_hosts

    assert (host.name, list(host.domains), list(host.routes)) == ("blackhole:8080", ["*"], [])


def test_spellings_of_one_host_share_a_virtual_host() -> None:
    declared = Declared(
        gateway('["A.com", "a.com"]')
        + SERVICES
        + bound("one", to(1), hosts='["A.com"]')
        + bound("two", to(2, 3), hosts='["a.com"]')
    )

    assert domains(declared) == ["a.com"]
    assert ports(declared, "a.com") == [2, 1, 3]


def test_spellings_of_one_host_merge_by_name_too() -> None:
    declared = Declared(
        gateway('["*.example.com"]')
        + SERVICES
        + bound("b", to(1, 2), hosts='["A.example.com"]')
        + bound("a", to(3, 4), hosts='["a.example.com"]')
    )

    assert ports(declared, "a.example.com") == [3, 1, 4, 2]


def test_an_exact_host_hides_the_wildcard() -> None:
    declared = Declared(
        gateway('["*.example.com"]')
        + SERVICES
        + bound("exact", to(1), hosts='["a.example.com"]')
        + bound("wild", to(2, 3), hosts='["*.example.com"]')
    )

    assert ports(declared, "a.example.com") == [1]
    assert ports(declared, "*.example.com") == [2, 3]


def test_at_a_host_that_the_server_lists_wider_services_come_in_too() -> None:
    declared = Declared(
        gateway('["a.example.com", "*.example.com"]')
        + SERVICES
        + bound("exact", to(1, 2), hosts='["a.example.com"]')
        + bound("wild", to(3, 4), hosts='["*.example.com"]')
    )

    assert ports(declared, "a.example.com") == [1, 3, 2, 4]
    assert ports(declared, "*.example.com") == [3, 4]


def test_services_merge_by_name_and_what_catches_all_goes_last() -> None:
    declared = Declared(
        GATEWAY
        + SERVICES
        + virtual_service(to(2, 3), name="b", host="shop.example.com")
        + virtual_service(to(1, 4), name="a", host="shop.example.com")
    )

    assert ports(declared, "shop.example.com") == [1, 2, 4, 3]


def test_private_services_come_before_those_exported_by_name_and_public_ones() -> None:
    hosts = '["a.com"]'
    declared = Declared(
        gateway('["*"]')
        + SERVICES
        + bound("a-public", to(1, 9), hosts=hosts)
        + bound("b-named", to(2, 9), hosts=hosts, more='exportTo: ["istio-system"]')
        + bound("c-own", to(3, 9), hosts=hosts, namespace="istio-system", more='exportTo: ["."]')
        + bound("d-hidden", to(4, 9), hosts=hosts, more='exportTo: ["."]')
    )

    assert ports(declared, "a.com")[:3] == [3, 2, 1]


def test_the_mesh_may_make_services_private() -> None:
    mesh = MeshConfig(default_virtual_service_export_to=(".",))
    declared = Declared(GATEWAY + SERVICES + virtual_service(TO_SHOP), mesh=mesh)

    assert domains(declared) == ["*"]


def test_rules_after_one_that_catches_all_are_left_out() -> None:
    rules = (
        "[{match: [{uri: {prefix: /}}], route: [{destination: {host: shop}}]},"
        " {match: [{uri: {prefix: /a}}], route: [{destination: {host: reviews}}]}]"
    )

    assert len(routes(Declared(GATEWAY + SERVICES + virtual_service(rules)))) == 1


@pytest.mark.parametrize(
    ("block", "applies"),
    [
        ("{port: 8080}", True),
        ("{port: 80}", False),
        ("{gateways: [istio-system/gw]}", True),
        ("{gateways: [mesh]}", False),
        ("{sourceLabels: {istio: ingressgateway}}", True),
        ("{sourceLabels: {istio: other}}", False),
        ("{sourceLabels: {istio: other}, gateways: [istio-system/gw]}", True),
        ("{sourceNamespace: istio-system}", True),
        ("{sourceNamespace: default}", False),
    ],
)
def test_blocks_that_are_for_another_place_make_no_route(block: str, applies: bool) -> None:
    rules = f"[{{match: [{block}], route: [{{destination: {{host: shop}}}}]}}]"
    declared = Declared(GATEWAY + SERVICES + virtual_service(rules))

    assert (domains(declared) == ["shop.example.com"]) is applies


def test_source_labels_are_the_labels_of_the_gateway() -> None:
    rules = "[{match: [{sourceLabels: {zone: a}}], route: [{destination: {host: shop}}]}]"
    declared = Declared(GATEWAY + SERVICES + virtual_service(rules))
    labelled = replace(INGRESS, labels=(("istio", "ingressgateway"), ("zone", "a")))

    assert domains(declared) == ["*"]
    assert domains(declared, proxy=labelled) == ["shop.example.com"]


def test_a_server_that_redirects_sends_its_hosts_to_https_with_or_without_services() -> None:
    tls = "tls: {httpsRedirect: true}"
    declared = Declared(
        gateway('["a.com", "b.com"]', tls=tls)
        + gateway('["c.com", "b.com"]', name="plain")
        + SERVICES
        + bound("shop", TO_SHOP, hosts='["a.com"]')
    )

    redirecting = {d: h.require_tls for h in table(declared).virtual_hosts for d in h.domains}
    assert redirecting == {"a.com": 2, "b.com": 2}


def test_a_port_left_out_is_the_only_one_of_the_service_that_the_object_sees_first() -> None:
    other = SERVICES.replace("port: 80,", "port: 81,").replace("namespace: default", "namespace: b")
    rules = "[{route: [{destination: {host: shop.b.svc.cluster.local}}]}]"
    declared = Declared(GATEWAY + SERVICES + other + virtual_service(rules))

    assert clusters(declared) == ["outbound|81||shop.b.svc.cluster.local"]


def test_proxies_that_differ_in_place_alone_share_every_byte() -> None:
    declared = Declared(GATEWAY + SERVICES + virtual_service(TO_SHOP))
    domains(declared)
    declared.graph.trace = []

    elsewhere = replace(INGRESS, metadata=(("IDLE_TIMEOUT", "1h"),))
    domains(declared, proxy=elsewhere)

    assert not [ran for ran in declared.graph.trace if ran.startswith(("table", "virtual_host"))]
    assert Namespace("istio-system") == elsewhere.namespace


def test_where_two_ports_of_a_gateway_become_one_the_first_servers_port_is_used() -> None:
    servers = gateway('["a.com"]').replace(
        "  - port: {number: 8080, name: http, protocol: HTTP}",
        '  - port: {number: 80, name: web, protocol: HTTP}\n    hosts: ["a.com"]\n'
        "  - port: {number: 8080, name: http, protocol: HTTP}",
    )
    rules = (
        "[{match: [{port: 80}, {port: 8080, uri: {exact: /late}}],"
        " route: [{destination: {host: nobody}}]}]"
    )
    declared = Declared(servers + SERVICES + bound("shop", rules, hosts='["a.com"]'))
    mapped = replace(INGRESS, targets=(Target("gw.istio-system.svc.cluster.local", 80, 8080),))

    (host,) = table(declared, proxy=mapped).virtual_hosts
    assert host.name == "a.com:80"
    assert [route.match.prefix for route in host.routes] == ["/"]
    assert host.routes[0].route.cluster == "outbound|80||nobody.default.svc.cluster.local"


def test_a_service_without_rules_for_the_first_servers_port_is_served_by_the_seconds() -> None:
    servers = gateway('["a.com"]').replace(
        "  - port: {number: 8080, name: http, protocol: HTTP}",
        "  - port: {number: 80, name: http-80, protocol: HTTP}\n"
        '    hosts: ["a.com"]\n'
        "  - port: {number: 8080, name: http, protocol: HTTP}",
    )
    rules = "[{match: [{port: 8080}], route: [{destination: {host: nobody}}]}]"
    declared = Declared(servers + SERVICES + bound("shop", rules, hosts='["a.com"]'))
    mapped = replace(INGRESS, targets=(Target("gw.istio-system.svc.cluster.local", 80, 8080),))

    (host,) = table(declared, proxy=mapped).virtual_hosts

    assert host.name == "a.com:8080"
    assert [r.route.cluster for r in host.routes] == [
        "outbound|8080||nobody.default.svc.cluster.local"
    ]


def test_routes_are_those_of_the_first_server_even_where_the_last_has_its_port_too() -> None:
    listed = [(80, "*.b.com"), (8080, "*.com"), (80, "*")]
    servers = "".join(
        f"  - port: {{number: {port}, name: p{i}, protocol: HTTP}}\n    hosts: ['{host}']\n"
        for i, (port, host) in enumerate(listed)
    )
    declared = Declared(
        gateway('["unused"]').split("  - port")[0]
        + f"{servers}---"
        + SERVICES
        + bound(
            "shop",
            "[{match: [{uri: {prefix: /a}}], route: [{destination: {host: shop}}]},"
            " {match: [{port: 80}], route: [{destination: {host: shop}}]}]",
            hosts='["*.com"]',
        )
    )
    mapped = replace(INGRESS, targets=(Target("gw.istio-system.svc.cluster.local", 80, 8080),))

    found = {host.domains[0]: host for host in table(declared, proxy=mapped).virtual_hosts}

    assert [route.match.prefix for route in found["*.com"].routes] == ["/a", "/"]


@pytest.mark.parametrize(
    ("namespace", "reference", "is_bound"),
    [
        ("istio-system", "gw", True),
        ("default", "gw", False),
        ("default", "istio-system/gw", True),
        ("default", "gw.istio-system", True),
        ("default", "gw.istio-system.svc.cluster.local", True),
        ("default", "mesh", False),
    ],
)
def test_how_a_gateway_is_named(namespace: str, reference: str, is_bound: bool) -> None:
    service = bound("shop", TO_SHOP, hosts='["a.com"]', namespace=namespace)
    named = service.replace("gateways: [istio-system/gw]", f"gateways: [{reference}]")
    block = f"[{{match: [{{gateways: [{reference}]}}], route: [{{destination: {{host: shop}}}}]}}]"
    within = bound("shop", block, hosts='["a.com"]', namespace=namespace)

    expected = ["a.com"] if is_bound else ["*"]
    assert domains(Declared(gateway('["*"]') + SERVICES + named)) == expected
    assert domains(Declared(gateway('["*"]') + SERVICES + within)) == expected


def test_a_short_host_is_one_of_the_virtual_services_namespace() -> None:
    services = bound("a", TO_SHOP, hosts="[shop]") + bound("b", TO_SHOP, hosts="[shop.other]")

    assert domains(Declared(gateway('["*"]') + SERVICES + services)) == [
        "shop.default.svc.cluster.local",
        "shop.other",
    ]


def test_the_oldest_service_goes_first_whatever_its_name() -> None:
    def created(text: str, year: int) -> str:
        return text.replace(
            "namespace: default}",
            f"namespace: default, creationTimestamp: '{year}-01-01T00:00:00Z'}}",
        )

    declared = Declared(
        gateway('["*"]')
        + SERVICES
        + created(bound("a", to(1, 2), hosts='["a.com"]'), 2025)
        + created(bound("b", to(3, 4), hosts='["a.com"]'), 2024)
    )

    assert ports(declared, "a.com") == [3, 1, 4, 2]


@pytest.mark.parametrize(
    ("block", "is_last"),
    [
        ("{uri: {prefix: /}}", True),
        ("{uri: {regex: '.*'}}", True),
        ("{}", True),
        ("{uri: {prefix: /}, queryParams: {q: {}}}", False),
        ("{uri: {prefix: /}, headers: {x: {}}}", False),
        ("{uri: {prefix: /}, method: {exact: GET}}", False),
        ("{uri: {prefix: /a}}", False),
    ],
)
def test_what_catches_all(block: str, is_last: bool) -> None:
    declared = Declared(
        gateway('["*"]')
        + SERVICES
        + bound("a", f"[{{match: [{block}], {_route(1)}}}]", hosts='["a.com"]')
        + bound("b", f"[{{match: [{{uri: {{exact: /b}}}}], {_route(2)}}}]", hosts='["a.com"]')
    )

    assert ports(declared, "a.com") == ([2, 1] if is_last else [1, 2])


def test_servers_of_other_addresses_have_other_tables() -> None:
    here, there = (
        gateway('["*"]', name=name).replace("hosts:", f"bind: {bind}\n    hosts:")
        for name, bind in (("gw", "127.0.0.8"), ("other", "127.0.0.9"))
    )
    declared = Declared(here + there + SERVICES + bound("shop", TO_SHOP, hosts='["a.com"]'))

    assert domains(declared, "http.8080.127.0.0.8") == ["a.com"]
    assert domains(declared, "http.8080.127.0.0.9") == ["*"]


def test_a_destination_that_stands_for_another_name_is_that_one() -> None:
    alias = """
apiVersion: v1
kind: Service
metadata: {name: alias, namespace: default}
spec:
  type: ExternalName
  externalName: shop.default.svc.cluster.local
  ports: [{name: http, port: 80}]
---
"""
    rules = "[{route: [{destination: {host: alias, port: {number: 80}}}]}]"
    declared = Declared(GATEWAY + SERVICES + alias + virtual_service(rules))

    assert clusters(declared) == ["outbound|80||shop.default.svc.cluster.local"]
