"""TCPRoutes and TLSRoutes whose parent is a Service: where its callers' connections go."""

import pytest

from tests.support.declared import Declared
from tests.unit.listening.calls import client, entry, found, out, port, rules, service, sidecar

TCP = service("a", "{name: tcp, port: 5000}, {name: tcp-more, port: 5001}")
TLS = service("a", "{name: tls, port: 443}, {name: tcp, port: 5000}")
OLD = "2020-01-01T00:00:00Z"
A = '{group: "", kind: Service, name: a, namespace: default}'
B = "{name: b, namespace: default, port: 5000}"
C = "{name: c, namespace: default, port: 5000}"


def route(
    *backends: str,
    kind: str = "TCPRoute",
    name: str = "r",
    namespace: str = "default",
    parent: str = A,
    hostnames: str = "",
    created: str = "",
) -> str:
    dated = f', creationTimestamp: "{created}"' if created else ""
    names = f"hostnames: [{hostnames}], " if hostnames else ""
    return (
        f"apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\n"
        f"metadata: {{name: {name}, namespace: {namespace}{dated}}}\n"
        f"spec: {{parentRefs: [{parent}], {names}"
        f"rules: [{{backendRefs: [{', '.join(backends)}]}}]}}\n---\n"
    )


def at(text: str, number: int = 5000, namespace: str = "default") -> list[str]:
    return found(text, client(namespace))[f"10.96.0.1_{number}"]


def said(text: str) -> list[str]:
    found = [each for each in Declared(text).diagnostics() if each.code.id in ("CP0770", "CP0771")]
    return [f"{each.code.id} {each.place}: {each.message}" for each in found]


def test_a_route_takes_the_connections_of_every_port() -> None:
    text = TCP + route(B)

    assert at(text) == [f"-> {out(5000, 'b')}"]
    assert at(text, 5001) == [f"-> {out(5000, 'b')}"]


def test_with_a_port_it_takes_those_of_that_port() -> None:
    text = TCP + route(B, parent=A[:-1] + ", port: 5001}")

    assert at(text) == [f"-> {out(5000, 'a')}"]
    assert at(text, 5001) == [f"-> {out(5000, 'b')}"]


def test_backends_share_connections_by_weight() -> None:
    text = TCP + route(B[:-1] + ", weight: 3}", C, A[:-1] + ", port: 5000, weight: 0}")

    assert at(text) == [f"-> 3*{out(5000, 'b')}+1*{out(5000, 'c')}"]


def test_without_a_backend_connections_lead_to_no_cluster() -> None:
    text = TCP + route(B[:-1] + ", weight: 0}")

    assert at(text) == ["-> outbound|65535||internal.cluster.local"]


def test_a_route_of_another_namespace_is_for_its_own_callers_alone_and_comes_first() -> None:
    text = TCP + route(B) + route(C, namespace="shop")

    assert at(text, namespace="shop") == [f"-> {out(5000, 'c')}"]
    assert at(text, namespace="other") == [f"-> {out(5000, 'b')}"]
    assert at(text) == [f"-> {out(5000, 'b')}"]


def test_of_several_the_oldest_decides_and_the_other_is_reported() -> None:
    text = TCP + route(B, name="a-new") + route(C, name="old", created=OLD)

    assert at(text) == [f"-> {out(5000, 'c')}"]
    assert said(text) == [
        "CP0771 TCPRoute/default/a-new.spec.parentRefs[0].name: sidecars use TCPRoute default/old "
        "for a.default, which comes first and takes every connection"
    ]


def test_beside_a_virtual_service_the_older_decides() -> None:
    rule = rules("z", "a", "tcp: [{route: [{destination: {host: c}}]}]")

    assert at(TCP + rule + route(B, created=OLD), namespace="other") == [f"-> {out(5000, 'b')}"]
    assert at(TCP + rule + route(B, name="zz"), namespace="other") == [f"-> {out(5000, 'c')}"]
    assert at(TCP + rule + route(B, name="zz")) == [f"-> {out(5000, 'b')}"]


def test_a_tls_route_takes_its_names_and_nothing_of_tcp() -> None:
    text = TLS + route(B, kind="TLSRoute", hostnames="x.example.com")

    assert at(text, 443) == [f"x.example.com -> {out(5000, 'b')}", "else -> PassthroughCluster"]
    assert at(text) == [f"-> {out(5000, 'a')}"]


def test_of_several_names_a_tls_route_has_those_of_the_service() -> None:
    named = '"*.svc.cluster.local", x.example.com'
    text = TLS + route(B, kind="TLSRoute", hostnames=named)

    assert at(text, 443)[0] == f"*.svc.cluster.local -> {out(5000, 'b')}"


def test_of_two_tls_routes_with_a_name_the_older_has_it() -> None:
    text = (
        TLS
        + route(B, kind="TLSRoute", hostnames="x.example.com", name="old", created=OLD)
        + route(C, kind="TLSRoute", hostnames="x.example.com", name="a")
    )

    assert at(text, 443)[0] == f"x.example.com -> {out(5000, 'b')}"
    assert len([chain for chain in at(text, 443) if chain.startswith("x.")]) == 1


def test_a_service_entry_may_be_the_parent() -> None:
    parent = "{group: networking.istio.io, kind: ServiceEntry, name: far}"
    text = entry("far", port(5000, "TCP")) + route(B, parent=parent)

    assert found(text)["0.0.0.0_5000"] == [f"-> {out(5000, 'b')}"]


def test_a_sidecar_that_imports_the_service_has_clusters_for_where_the_route_leads() -> None:
    b = service("b", "{name: tcp, port: 5000}", address="10.96.0.2")
    scope = sidecar('{egress: [{hosts: ["*/a.default.svc.cluster.local"]}]}')
    declared = Declared(TCP + b + scope + route(B))

    assert out(5000, "b") in declared.resources(client()).clusters


def test_an_edit_changes_where_connections_go() -> None:
    declared = Declared(TCP)
    before = declared.listeners(client())["10.96.0.1_5000"]
    declared.edit(route(B))

    assert declared.listeners(client())["10.96.0.1_5000"] != before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            service("a", "{name: http, port: 80}") + route(B),
            "parentRefs[0].name: the route is not used: a.default has no port of TCP",
        ),
        (
            TCP + route(B, parent=A[:-1] + ", port: 80}"),
            "parentRefs[0].port: the route is not used: a.default has no port 80 of TCP",
        ),
        (
            TCP + route(B, kind="TLSRoute", hostnames="x.example.com"),
            "parentRefs[0].name: the route is not used: a.default has no port of TLS",
        ),
    ],
)
def test_a_route_that_no_connection_takes_is_reported(text: str, message: str) -> None:
    (found,) = said(text)

    assert found.startswith("CP0770 ")
    assert found.endswith(message)
