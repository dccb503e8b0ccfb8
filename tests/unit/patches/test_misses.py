"""Why a patch finds nothing: the first field that nothing has, and what there is to choose from."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from controlplane.model.proxy import Proxy
from controlplane.queries.patches.effects import first_miss_at, idle_patches
from controlplane.serve.origins import shown_idle
from tests.unit.patches.given import GATEWAY, HCM, LUA, SIDECAR, Patched, envoy_filter, patch

FILTER = {"name": "lua", "typed_config": LUA}
ROUTE = {"match": {"prefix": "/"}, "direct_response": {"status": 204}}
SHOP = "outbound|80||shop.default.svc.cluster.local"
WITHIN = "EnvoyFilter/istio-system/patch.spec.configPatches[0].match."
DOES_NOTHING = "the patch does nothing at any connected proxy: "


def reported(patched: Patched, *proxies: Proxy) -> list[str]:
    for proxy in proxies:
        patched.resources(proxy)
    patched.engine.note_connected()
    while patched.engine.analyse():
        pass
    found = (d for d in patched.engine.diagnostics() if d.code.id == "CP0545")
    return [f"{d.place}: {d.message.removeprefix(DOES_NOTHING)}; {d.hint}" for d in found]


def listener(**match: Any) -> dict[str, Any]:
    return {"listener": match}


def chain(**match: Any) -> dict[str, Any]:
    return listener(filterChain=match)


def table(**match: Any) -> dict[str, Any]:
    return {"routeConfiguration": match}


@pytest.mark.parametrize(
    ("apply_to", "match", "said"),
    [
        (
            "LISTENER",
            listener(name="0.0.0.0_80"),
            'listener.name: no listener has the name "0.0.0.0_80"; '
            "there is 0.0.0.0_8080, 0.0.0.0_9000",
        ),
        (
            "HTTP_FILTER",
            listener(portNumber=80),
            'listener.portNumber: no listener has the port "80"; there is 8080',
        ),
        (
            "NETWORK_FILTER",
            {"listener": {"portNumber": 8080, "filterChain": {"sni": "a.com"}}},
            "listener.filterChain.sni: no filter chain that the rest of the match fits has the "
            'SNI "a.com"; None',
        ),
        (
            "NETWORK_FILTER",
            chain(filter={"name": "envoy.filters.network.tcp_prox"}),
            "listener.filterChain.filter.name: no filter chain has the filter "
            '"envoy.filters.network.tcp_prox"; rename it to "envoy.filters.network.tcp_proxy"',
        ),
        (
            "HTTP_FILTER",
            chain(filter={"name": HCM, "subFilter": {"name": "envoy.filters.http.ruter"}}),
            "listener.filterChain.filter.subFilter.name: no HTTP connection manager that the rest "
            'of the match fits has the filter "envoy.filters.http.ruter"; rename it to '
            '"envoy.filters.http.router"',
        ),
        (
            "ROUTE_CONFIGURATION",
            table(name="http.80"),
            'routeConfiguration.name: no route table has the name "http.80"; there is http.8080',
        ),
        (
            "VIRTUAL_HOST",
            table(portNumber=8080, vhost={"name": "shop.example.com:80"}),
            "routeConfiguration.vhost.name: no virtual host that the rest of the match fits has "
            'the name "shop.example.com:80"; there is shop.example.com:8080',
        ),
        (
            "HTTP_ROUTE",
            table(vhost={"route": {"name": "apo"}}),
            'routeConfiguration.vhost.route.name: no route has the name "apo"; rename it to "api"',
        ),
        (
            "HTTP_ROUTE",
            table(vhost={"route": {"name": "api", "action": "REDIRECT"}}),
            "routeConfiguration.vhost.route.action: no route that the rest of the match fits has "
            'the action "REDIRECT"; there is ROUTE',
        ),
        (
            "CLUSTER",
            {"cluster": {"service": "shop"}},
            'cluster.service: no cluster has the service "shop"; '
            "there is shop.default.svc.cluster.local",
        ),
        (
            "CLUSTER",
            {"cluster": {"service": "shop.default.svc.cluster.local", "portNumber": 8080}},
            "cluster.portNumber: no cluster that the rest of the match fits has the port "
            '"8080"; there is 80',
        ),
    ],
)
def test_the_first_field_that_nothing_has_is_named(
    apply_to: str, match: dict[str, Any], said: str
) -> None:
    one = patch(apply_to, "MERGE", {}, {"context": "GATEWAY", **match})

    assert reported(Patched(envoy_filter(one)), GATEWAY) == [WITHIN + said]


def test_nothing_is_said_while_no_proxy_is_connected_or_one_has_what_is_patched() -> None:
    one = patch("CLUSTER", "MERGE", {"connect_timeout": "9s"}, {"cluster": {"portNumber": 8080}})
    patched = Patched(envoy_filter(one))

    assert reported(patched) == []
    assert len(reported(patched, GATEWAY)) == 1
    assert reported(patched, SIDECAR) == []  # its inbound cluster is for port 8080


def test_it_is_no_longer_said_when_the_proxy_is_gone() -> None:
    patched = Patched(envoy_filter(patch("CLUSTER", "MERGE", {}, {"cluster": {"name": "absent"}})))
    assert len(reported(patched, GATEWAY)) == 1

    patched.engine.connected.release(patched.engine.view(GATEWAY))

    assert reported(patched) == []


def test_where_patches_of_a_proxy_are_shown_the_reason_is() -> None:
    patched = Patched(envoy_filter(patch("CLUSTER", "MERGE", {}, {"cluster": {"name": "absent"}})))
    patched.resources(SIDECAR)
    view = patched.engine.view(SIDECAR)

    shown = shown_idle(patched.engine, view, view.patches[0])

    assert (shown.path, shown.field) == ("filters.yaml", "spec.configPatches[0].patch")
    assert shown.reason == 'no cluster has the name "absent"'
    assert shown.hint.startswith("there is ")


LISTENERS = [
    listener(**{k: v for k, v in (("name", name), ("portNumber", port)) if v}, filterChain=within)
    for name, port, within in product(
        ("", "0.0.0.0_8080", "virtualInbound", "absent"),
        (0, 8080, 9000, 1),
        (
            {},
            {"destinationPort": 8080},
            {"transportProtocol": "tls"},
            {"sni": "absent"},
            {"filter": {"name": HCM}},
        ),
    )
]
IN_MANAGERS = [
    chain(filter={"name": HCM, "subFilter": {"name": name}})
    for name in ("envoy.filters.http.router", "absent")
]
TABLES = [
    table(**{k: v for k, v in (("name", name), ("portNumber", port)) if v}, vhost=host)
    for name, port, host in product(
        ("", "http.8080", "80", "absent"),
        (0, 80, 8080, 1),
        (
            {},
            {"name": "shop.example.com:8080"},
            {"domainName": "shop.example.com"},
            {"route": {"name": "moved", "action": "REDIRECT"}},
            {"route": {"name": "moved", "action": "ROUTE"}},
        ),
    )
]
CLUSTERS = [
    {"cluster": {k: v for k, v in (("name", n), ("service", s), ("portNumber", p)) if v}}
    for n, s, p in product(
        ("", SHOP, "absent"), ("", "shop.default.svc.cluster.local", "absent"), (0, 80, 8080, 1)
    )
]


@pytest.mark.parametrize(
    ("apply_to", "operation", "value", "matches"),
    [
        ("LISTENER", "MERGE", {"per_connection_buffer_limit_bytes": 9}, LISTENERS),
        ("FILTER_CHAIN", "MERGE", {"name": "renamed"}, LISTENERS),
        ("NETWORK_FILTER", "INSERT_BEFORE", FILTER, LISTENERS),
        ("HTTP_FILTER", "INSERT_BEFORE", FILTER, [*LISTENERS, *IN_MANAGERS]),
        ("ROUTE_CONFIGURATION", "MERGE", {"max_direct_response_body_size_bytes": 9}, TABLES),
        ("VIRTUAL_HOST", "MERGE", {"include_request_attempt_count": True}, TABLES),
        (
            "HTTP_ROUTE",
            "INSERT_BEFORE",
            ROUTE,
            TABLES,
        ),
        ("CLUSTER", "MERGE", {"connect_timeout": "9s"}, CLUSTERS),
    ],
)
@pytest.mark.parametrize("proxy", [GATEWAY, SIDECAR], ids=["gateway", "sidecar"])
def test_a_field_is_named_of_those_patches_that_find_nothing(
    proxy: Proxy,
    apply_to: str,
    operation: str,
    value: dict[str, Any],
    matches: Sequence[dict[str, Any]],
) -> None:
    """Each alone, so that no patch finds what another one made."""
    patched = Patched(envoy_filter(*(patch(apply_to, operation, value, m) for m in matches)))
    patched.resources(proxy)
    graph, view = patched.engine.graph, patched.engine.view(proxy)
    assert len(view.patches) == len(matches)
    for reference in view.patches:
        alone = replace(view, patches=(reference,))
        missed = first_miss_at(graph, alone, reference)
        assert (missed is not None) == bool(idle_patches(graph, alone)), matches[reference.number]
