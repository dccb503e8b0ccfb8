"""Where TLSRoutes and TCPRoutes send connections."""

from collections.abc import Iterable
from typing import Any

import pytest

from controlplane.envoy.resource import TypeUrl
from controlplane.model.proxy import ResolvedProxy
from controlplane.queries.snapshot.origins import origins_by_name
from tests.support.backend_policies import service
from tests.support.declared import Declared
from tests.support.kubernetes_gateways import EDGE, gateway, listening
from tests.support.pki import Authority

PORTS = "[{name: tcp, port: 80, appProtocol: tcp}]"
SHOP, PAY = service("shop", PORTS), service("pay", PORTS)
TCP = "{name: tcp, port: 9000, protocol: TCP}"
PASS = "{name: tls, port: 9443, protocol: TLS, tls: {mode: Passthrough}}"
WILD = "{name: wild, port: 9443, protocol: TLS, hostname: '*.a.com', tls: {mode: Passthrough}}"
EXACT = "{name: exact, port: 9443, protocol: TLS, hostname: x.a.com, tls: {mode: Passthrough}}"
ENDS = (
    "{name: tls, port: 9443, protocol: TLS, hostname: '*.a.com', "
    "tls: {mode: Terminate, certificateRefs: [{name: cert}]}}"
)
OURS = "gatewayClassName: controlplane"
OLD, YOUNG = "2023-01-01T00:00:00Z", "2024-01-01T00:00:00Z"
UNKNOWN = "UnknownService"


def route(
    kind: str,
    backends: str = "{name: shop, port: 80}",
    *,
    name: str = "route",
    namespace: str = "default",
    hosts: Iterable[str] = (),
    parent: str = "name: edge",
    created: str = "",
    version: str = "v1",
) -> str:
    hostnames = f"  hostnames: [{', '.join(f'{host!r}' for host in hosts)}]\n" if hosts else ""
    age = f", creationTimestamp: '{created}'" if created else ""
    return (
        f"apiVersion: gateway.networking.k8s.io/{version}\nkind: {kind}\n"
        f"metadata: {{name: {name}, namespace: {namespace}{age}}}\nspec:\n"
        f"  parentRefs: [{{{parent}}}]\n{hostnames}  rules: [{{backendRefs: [{backends}]}}]\n---\n"
    )


def cluster(name: str) -> str:
    return f"outbound|80||{name}.default.svc.cluster.local"


def targets(chain: dict[str, Any]) -> object:
    """The one cluster of a chain, or its clusters with weights."""
    proxy = chain["filters"][-1]["typed_config"]
    if "cluster" in proxy:
        return proxy["cluster"]
    return {each["name"]: each["weight"] for each in proxy["weighted_clusters"]["clusters"]}


def chains(
    declared: Declared, listener: str = "0.0.0.0_9443", proxy: ResolvedProxy = EDGE
) -> list[tuple[tuple[str, ...], object]]:
    """The server names of each chain, and where it leads."""
    found = declared.listeners(proxy).get(listener, {}).get("filter_chains", ())
    return [
        (tuple(chain.get("filter_chain_match", {}).get("server_names", ())), targets(chain))
        for chain in found
    ]


def certificate() -> str:
    return Authority().leaf("*.a.com").secret("cert", namespace="default")


@pytest.mark.parametrize(
    ("backends", "expected"),
    [
        ("{name: shop, port: 80}", cluster("shop")),
        (
            "{name: shop, port: 80, weight: 3}, {name: pay, port: 80}, "
            "{name: x, port: 1, weight: 0}",
            {cluster("shop"): 3, cluster("pay"): 1},
        ),
        ("{name: shop, port: 80, weight: 0}", UNKNOWN),
        ("{name: none, port: 80}", UNKNOWN),
        ("{name: shop, port: 81}", UNKNOWN),
        ("{name: shop, port: 80}, {name: none, port: 80}", {cluster("shop"): 1, UNKNOWN: 1}),
        ("{name: shop, namespace: other, port: 80}", UNKNOWN),
        ("{group: x.io, kind: Bucket, name: shop}", UNKNOWN),
    ],
    ids=[
        "all of them",
        "shares by weight",
        "no weight",
        "no Service",
        "no port",
        "a share without Service",
        "not granted",
        "another kind",
    ],
)
def test_connections_go_to_backends_by_weight(backends: str, expected: object) -> None:
    declared = Declared(gateway(TCP) + SHOP + PAY + route("TCPRoute", backends))

    assert chains(declared, "0.0.0.0_9000") == [((), expected)]


def test_a_listener_without_a_route_opens_no_port() -> None:
    assert listening(Declared(gateway(TCP, PASS) + SHOP)) == []


@pytest.mark.parametrize(
    ("created", "expected"), [((OLD, YOUNG), "shop"), ((YOUNG, OLD), "pay"), (("", ""), "shop")]
)
def test_of_two_tcp_routes_the_older_gets_all_connections(
    created: tuple[str, str], expected: str
) -> None:
    a = route("TCPRoute", name="a", created=created[0])
    b = route("TCPRoute", "{name: pay, port: 80}", name="b", created=created[1])

    declared = Declared(gateway(TCP) + SHOP + PAY + a + b)

    assert chains(declared, "0.0.0.0_9000") == [((), cluster(expected))]


def test_a_route_serves_every_listener_of_its_parent_that_takes_its_kind() -> None:
    other = "{name: other, port: 9001, protocol: TCP}"
    declared = Declared(gateway(TCP, other, PASS) + SHOP + route("TCPRoute"))

    assert listening(declared) == ["0.0.0.0_9000", "0.0.0.0_9001"]


def test_of_several_rules_of_an_old_version_the_first_gets_all_connections() -> None:
    text = route("TCPRoute", version="v1alpha2").replace(
        "rules: [", "rules: [{backendRefs: [{name: pay, port: 80}]}, "
    )

    declared = Declared(gateway(TCP) + SHOP + PAY + text)

    assert chains(declared, "0.0.0.0_9000") == [((), cluster("pay"))]


@pytest.mark.parametrize(
    ("listener", "hosts", "expected"),
    [
        (PASS, ["x.a.com", "y.a.com"], [("x.a.com", "y.a.com")]),
        (PASS, [], [()]),
        (WILD, ["*.com"], [("*.a.com",)]),
        (WILD, ["x.a.com", "x.b.com"], [("x.a.com",)]),
        (WILD, ["a.com"], []),
        (EXACT, ["*.a.com"], [("x.a.com",)]),
    ],
)
def test_hostnames_are_narrowed_to_those_of_the_listener(
    listener: str, hosts: list[str], expected: list[tuple[str, ...]]
) -> None:
    text = route("TLSRoute", hosts=hosts, version="v1" if hosts else "v1alpha2")

    declared = Declared(gateway(listener) + SHOP + text)

    assert chains(declared) == [(names, cluster("shop")) for names in expected]


@pytest.mark.parametrize(
    ("more", "expected"),
    [("gatewayClassName: istio", ("x.a.com", "y.a.com")), (OURS, ("y.a.com",))],
)
def test_by_the_specification_a_hostname_belongs_to_the_most_specific_listener(
    more: str, expected: tuple[str, ...]
) -> None:
    wide = route("TLSRoute", hosts=["x.a.com", "y.a.com"], parent="name: edge, sectionName: wild")
    declared = Declared(gateway(WILD, EXACT, more=more) + SHOP + wide)

    assert chains(declared) == [(expected, cluster("shop"))]


def test_of_two_tcp_routes_that_of_the_gateways_namespace_comes_first() -> None:
    everybody = TCP.replace("TCP}", "TCP, allowedRoutes: {namespaces: {from: All}}}")
    parent = "name: edge, namespace: default"
    other = route("TCPRoute", namespace="other", created=OLD, parent=parent)
    own = route("TCPRoute", "{name: pay, port: 80}", created=YOUNG)

    for more, expected in (("gatewayClassName: istio", cluster("pay")), (OURS, UNKNOWN)):
        declared = Declared(gateway(everybody, more=more) + SHOP + PAY + other + own)

        assert chains(declared, "0.0.0.0_9000") == [((), expected)]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("gatewayClassName: istio", [(("w.a.com", "x.a.com"), "shop")]),
        (OURS, [(("w.a.com",), "shop"), (("x.a.com",), "shop"), (("y.a.com",), "pay")]),
    ],
    ids=["Istio drops the younger route", "the younger route keeps its other names"],
)
def test_of_two_routes_for_a_hostname_the_older_has_it(
    more: str, expected: list[tuple[tuple[str, ...], str]]
) -> None:
    old = route("TLSRoute", name="b", hosts=["w.a.com", "x.a.com"], created=OLD)
    young = route("TLSRoute", "{name: pay, port: 80}", name="a", hosts=["x.a.com", "y.a.com"])

    declared = Declared(gateway(PASS, more=more) + SHOP + PAY + old + young)

    assert chains(declared) == [(names, cluster(name)) for names, name in expected]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("gatewayClassName: istio", [(("*.a.com",), "shop")]),
        (OURS, [(("x.a.com",), "shop"), (("y.a.com",), "pay")]),
    ],
    ids=["Istio gives all to the first", "by the specification, by hostname"],
)
def test_where_tls_ends_connections_go_to_tls_routes(
    more: str, expected: list[tuple[tuple[str, ...], str]]
) -> None:
    a = route("TLSRoute", name="a", hosts=["x.a.com"])
    b = route("TLSRoute", "{name: pay, port: 80}", name="b", hosts=["y.a.com"])

    declared = Declared(gateway(ENDS, more=more) + certificate() + SHOP + PAY + a + b)

    assert chains(declared) == [(names, cluster(name)) for names, name in expected]
    (chain, *_) = declared.listeners(EDGE)["0.0.0.0_9443"]["filter_chains"]
    assert "transport_socket" in chain


def test_where_tls_ends_a_tcp_route_takes_every_name_of_the_listener() -> None:
    declared = Declared(gateway(ENDS, more=OURS) + certificate() + SHOP + route("TCPRoute"))

    assert chains(declared) == [(("*.a.com",), cluster("shop"))]


def test_one_port_passes_tls_through_for_one_name_and_ends_it_for_others() -> None:
    a = route("TLSRoute", name="a", hosts=["*.a.com"], parent="name: edge, sectionName: tls")
    b = route("TLSRoute", "{name: pay, port: 80}", name="b", hosts=["x.a.com"],
              parent="name: edge, sectionName: exact")  # fmt: skip

    declared = Declared(gateway(ENDS, EXACT, more=OURS) + certificate() + SHOP + PAY + a + b)

    assert sorted(chains(declared)) == [
        (("*.a.com",), cluster("shop")),
        (("x.a.com",), cluster("pay")),
    ]


def test_the_rule_of_a_route_and_its_listener_are_where_a_chain_comes_from() -> None:
    declared = Declared(gateway(TCP) + SHOP + route("TCPRoute"))
    origins = origins_by_name(declared.graph, declared.view(EDGE), TypeUrl.LISTENER)
    (chain,) = origins["0.0.0.0_9000"].parts

    assert [str(origin) for origin in chain.origins] == [
        "Gateway/default/edge.spec.listeners[0]",
        "TCPRoute/default/route.spec.rules[0]",
    ]
