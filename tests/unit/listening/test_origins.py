"""Listeners and chains know every field that made them; their bytes do not depend on it."""

import pytest

from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.plan.listener import ListenerPlan
from controlplane.queries.listeners.plans import listener_plan, proxy_plan
from tests.support.declared import INGRESS, Declared


def gateway(name: str, *servers: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: apps}}
spec: {{selector: {{istio: ingressgateway}}, servers: [{", ".join(servers)}]}}
---
"""


def server(protocol: str, host: str = "a.com", *, port: int = 80, tls: str = "") -> str:
    return (
        f"{{port: {{number: {port}, name: p{port}-{host}, protocol: {protocol}}}, hosts: ['{host}']"
        f"{f', tls: {tls}' if tls else ''}}}"
    )


def virtual_service(name: str, rules: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: apps}}
spec: {{hosts: [a.com, b.com], gateways: [gw], {rules}}}
---
"""


def plans(declared: Declared) -> dict[str, ListenerPlan]:
    view = declared.view(INGRESS)
    keys = proxy_plan(declared.graph, view.gateway, view.outbound).listeners
    found = (listener_plan(declared.graph, key) for key in keys)
    return {plan.name: plan for plan in found if plan is not None}


def chains(declared: Declared, listener: str) -> list[list[str]]:
    return [
        [str(origin) for origin in planned.origins] for planned in plans(declared)[listener].chains
    ]


def test_the_chain_of_plain_http_comes_from_every_server_that_shares_it() -> None:
    declared = Declared(
        gateway("gw", server("HTTP")) + gateway("other", server("HTTP", "b.com", port=80))
    )

    assert chains(declared, "0.0.0.0_80") == [
        ["Gateway/apps/gw.spec.servers[0]", "Gateway/apps/other.spec.servers[0]"]
    ]


def test_the_chain_of_an_https_server_comes_from_that_server() -> None:
    tls = "{mode: SIMPLE, credentialName: c}"
    declared = Declared(
        gateway(
            "gw", server("HTTPS", port=443, tls=tls), server("HTTPS", "b.com", port=443, tls=tls)
        )
    )

    assert chains(declared, "0.0.0.0_443") == [
        ["Gateway/apps/gw.spec.servers[0]"],
        ["Gateway/apps/gw.spec.servers[1]"],
    ]


@pytest.mark.parametrize(
    ("made_by", "rules", "expected"),
    [
        (
            server("TCP", port=90),
            "tcp: [{route: [{destination: {host: x}}]}]",
            ["Gateway/apps/gw.spec.servers[0]", "VirtualService/apps/vs.spec.tcp[0]"],
        ),
        (
            server("TLS", port=90, tls="{mode: PASSTHROUGH}"),
            "tls: [{match: [{sniHosts: [a.com]}], route: [{destination: {host: x}}]}]",
            [
                "VirtualService/apps/vs.spec.tls[0].match[0].sniHosts",
                "Gateway/apps/gw.spec.servers[0]",
            ],
        ),
    ],
    ids=["tcp", "tls"],
)
def test_the_chain_of_a_stream_comes_from_its_server_and_the_rule_that_routes_it(
    made_by: str, rules: str, expected: list[str]
) -> None:
    declared = Declared(gateway("gw", made_by) + virtual_service("vs", rules))

    assert chains(declared, "0.0.0.0_90") == [expected]


def test_a_listener_comes_from_its_chains_and_from_what_the_mesh_says_of_listeners() -> None:
    mesh = MeshConfig(access_log_file="/dev/stdout", enable_tracing=False)
    declared = Declared(gateway("gw", server("HTTP")), mesh=mesh)

    assert [str(origin) for origin in plans(declared)["0.0.0.0_80"].origins] == [
        "Gateway/apps/gw.spec.servers[0]",
        "MeshConfig//mesh.accessLogFile",
        "MeshConfig//mesh.enableTracing",
    ]


def test_a_chain_whose_origins_alone_change_is_not_encoded_again() -> None:
    declared = Declared(gateway("gw", server("HTTP", port=81), server("HTTP", port=80)))
    before = declared.resources().listeners["0.0.0.0_80"]
    ran: list[str] = []
    declared.graph.trace = ran

    declared.edit(gateway("gw", server("HTTP", port=80)))
    after = declared.resources().listeners["0.0.0.0_80"]

    assert chains(declared, "0.0.0.0_80") == [["Gateway/apps/gw.spec.servers[0]"]]
    assert after == before
    assert [name for name in ran if name.startswith("framed(")] == []
