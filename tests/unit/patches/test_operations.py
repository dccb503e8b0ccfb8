"""Each operation on each part of the configuration does what it does in Istio.

Source: Istio ``pilot/pkg/networking/core/envoyfilter``
"""

from typing import Any

import pytest

from tests.unit.patches.given import GATEWAY, HCM, LUA, SIDECAR, TYPES, Patched, envoy_filter, patch

GRPC_STATS, FAULT, CORS, ROUTER = (
    f"envoy.filters.http.{name}" for name in ("grpc_stats", "fault", "cors", "router")
)
BEFORE = [GRPC_STATS, FAULT, CORS, ROUTER]
FILTER = {"name": "lua", "typed_config": LUA}


def within(*, sub_filter: str | None = None, name: str = HCM, **chain: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name}
    if sub_filter is not None:
        found["subFilter"] = {"name": sub_filter}
    return {"listener": {"filterChain": {"filter": found, **chain}}}


@pytest.mark.parametrize(
    ("operation", "sub_filter", "expected"),
    [
        ("INSERT_BEFORE", CORS, [GRPC_STATS, FAULT, "lua", CORS, ROUTER]),
        ("INSERT_AFTER", GRPC_STATS, [GRPC_STATS, "lua", FAULT, CORS, ROUTER]),
        ("INSERT_FIRST", ROUTER, ["lua", *BEFORE]),
        ("INSERT_FIRST", None, ["lua", *BEFORE]),
        ("INSERT_BEFORE", None, ["lua", *BEFORE]),
        ("INSERT_BEFORE", "absent", BEFORE),
        ("INSERT_AFTER", "absent", BEFORE),
        ("REPLACE", FAULT, [GRPC_STATS, "lua", CORS, ROUTER]),
        ("REPLACE", "absent", BEFORE),
        ("REPLACE", None, BEFORE),
        ("REMOVE", FAULT, [GRPC_STATS, CORS, ROUTER]),
        ("REMOVE", "absent", BEFORE),
        ("REMOVE", None, BEFORE),
        ("MERGE", "absent", BEFORE),
        ("MERGE_AND_REPLACE_LIST", ROUTER, BEFORE),
    ],
)
def test_http_filters(operation: str, sub_filter: str | None, expected: list[str]) -> None:
    value = None if operation == "REMOVE" else FILTER

    patched = Patched(
        envoy_filter(patch("HTTP_FILTER", operation, value, within(sub_filter=sub_filter)))
    )

    assert patched.http_filters() == expected


def test_a_filter_is_merged_by_type_and_may_be_renamed() -> None:
    value = {
        "name": "mine",
        "typed_config": {"@type": f"{TYPES}http.router.v3.Router", "suppress_envoy_headers": True},
    }

    patched = Patched(envoy_filter(patch("HTTP_FILTER", "MERGE", value, within(sub_filter=ROUTER))))

    *_, router = patched.manager()["http_filters"]
    assert (router["name"], router["typed_config"]["suppress_envoy_headers"]) == ("mine", True)


@pytest.mark.parametrize("names", [{}, {"name": "mine"}], ids=["as it is", "under a name"])
def test_a_configuration_of_another_type_is_not_merged(names: dict[str, str]) -> None:
    before = Patched().manager()
    value = names | {"typed_config": LUA}

    patched = Patched(envoy_filter(patch("HTTP_FILTER", "MERGE", value, within(sub_filter=ROUTER))))

    assert patched.manager() == before


def test_a_merge_for_every_filter_changes_only_those_of_its_type() -> None:
    before = [each["name"] for each in Patched().manager()["http_filters"]]
    router = {"@type": f"{TYPES}http.router.v3.Router", "start_child_span": True}

    patched = Patched(
        envoy_filter(patch("HTTP_FILTER", "MERGE", {"name": "mine", "typed_config": router}))
    )

    names = [each["name"] for each in patched.manager()["http_filters"]]
    assert names == [*before[:-1], "mine"]


def test_filters_of_other_chains_stay() -> None:
    patched = Patched(
        envoy_filter(patch("HTTP_FILTER", "INSERT_FIRST", FILTER, within(name="other")))
    )

    assert patched.http_filters() == BEFORE


RBAC = {
    "name": "rbac",
    "typed_config": {"@type": f"{TYPES}network.rbac.v3.RBAC", "stat_prefix": "a"},
}
TCP = "envoy.filters.network.tcp_proxy"


@pytest.mark.parametrize(
    ("operation", "name", "expected"),
    [
        ("INSERT_BEFORE", TCP, ["rbac", TCP]),
        ("INSERT_BEFORE", "absent", [TCP]),
        ("INSERT_FIRST", TCP, ["rbac", TCP]),
        ("REPLACE", "absent", [TCP]),
        ("REMOVE", "absent", [TCP]),
        ("MERGE", "absent", [TCP]),
    ],
)
def test_network_filters(operation: str, name: str, expected: list[str]) -> None:
    value = None if operation == "REMOVE" else RBAC
    match = {"listener": {"filterChain": {"filter": {"name": name}}, "portNumber": 9000}}

    patched = Patched(envoy_filter(patch("NETWORK_FILTER", operation, value, match)))

    chains = patched.listener("0.0.0.0_9000")["filter_chains"]
    assert [[f["name"] for f in chain["filters"]] for chain in chains] == [expected]


def test_the_connection_manager_is_merged() -> None:
    value = {
        "typed_config": {
            "@type": f"{TYPES}network.http_connection_manager.v3.HttpConnectionManager",
            "merge_slashes": True,
            "normalize_path": False,
            "stream_idle_timeout": "5s",
        }
    }

    patched = Patched(envoy_filter(patch("NETWORK_FILTER", "MERGE", value, within())))
    manager = patched.manager()

    assert manager["merge_slashes"] is True
    assert manager["stream_idle_timeout"] == "5s"
    assert patched.http_filters() == BEFORE


INSPECTOR = {
    "name": "proxy",
    "typed_config": {"@type": f"{TYPES}listener.proxy_protocol.v3.ProxyProtocol"},
}


@pytest.mark.parametrize("operation", ["ADD", "INSERT_FIRST", "INSERT_BEFORE", "INSERT_AFTER"])
def test_listener_filters_are_put_in(operation: str) -> None:
    patched = Patched(envoy_filter(patch("LISTENER_FILTER", operation, INSPECTOR)))

    assert [f["name"] for f in patched.listener()["listener_filters"]] == ["proxy"]


def test_listener_filters_are_replaced_merged_and_removed_by_name() -> None:
    match = {"listener": {"listenerFilter": "envoy.filters.listener.tls_inspector"}}
    merged = {
        "typed_config": {
            "@type": f"{TYPES}listener.tls_inspector.v3.TlsInspector",
            "enable_ja3_fingerprinting": True,
        }
    }

    def inbound(*patches: dict[str, Any]) -> list[dict[str, Any]]:
        found = Patched(envoy_filter(*patches)).listener("virtualInbound", SIDECAR)
        filters: list[dict[str, Any]] = found["listener_filters"]
        return filters

    by_name = {f["name"]: f for f in inbound(patch("LISTENER_FILTER", "MERGE", merged, match))}
    tls = by_name["envoy.filters.listener.tls_inspector"]
    assert tls["typed_config"]["enable_ja3_fingerprinting"] is True
    replaced = inbound(patch("LISTENER_FILTER", "REPLACE", INSPECTOR, match))
    assert "proxy" in [f["name"] for f in replaced]
    removed = inbound(patch("LISTENER_FILTER", "REMOVE", None, match))
    assert "envoy.filters.listener.tls_inspector" not in [f["name"] for f in removed]
    nothing = inbound(patch("LISTENER_FILTER", "REMOVE"))
    assert "envoy.filters.listener.tls_inspector" in [f["name"] for f in nothing]


def test_listeners_are_merged_added_and_removed() -> None:
    added = {
        "name": "health",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 8090}},
        "filter_chains": [{"filters": [{"name": TCP, "typed_config": {
            "@type": f"{TYPES}network.tcp_proxy.v3.TcpProxy", "stat_prefix": "a", "cluster": "a"
        }}]}],
    }  # fmt: skip
    patched = Patched(
        envoy_filter(
            patch("LISTENER", "MERGE", {"stat_prefix": "mine"}, {"listener": {"portNumber": 8080}}),
            patch("LISTENER", "REMOVE", None, {"listener": {"portNumber": 9000}}),
            patch("LISTENER", "INSERT_FIRST", added),
        )
    )

    assert patched.listener()["stat_prefix"] == "mine"
    assert "0.0.0.0_9000" not in patched.resources().listeners
    assert patched.listener("health")["address"] == added["address"]


def test_chains_are_merged_added_and_removed() -> None:
    chain = {"name": "mine", "filter_chain_match": {"destination_port": 1}, "filters": [{
        "name": TCP, "typed_config": {
            "@type": f"{TYPES}network.tcp_proxy.v3.TcpProxy", "stat_prefix": "a", "cluster": "a"
        }
    }]}  # fmt: skip
    patched = Patched(
        envoy_filter(
            patch("FILTER_CHAIN", "MERGE", {"transport_socket_connect_timeout": "9s"}),
            patch("FILTER_CHAIN", "ADD", chain),
        )
    )

    first, second = patched.listener()["filter_chains"]
    assert first["transport_socket_connect_timeout"] == "9s"
    assert second["name"] == "mine"
    assert "transport_socket_connect_timeout" not in second

    patched.edit(
        envoy_filter(
            patch("FILTER_CHAIN", "ADD", chain),
            patch("FILTER_CHAIN", "REMOVE", None, {"listener": {"filterChain": {"name": "other"}}}),
        )
    )

    assert len(patched.listener()["filter_chains"]) == 2


def host_names(patched: Patched) -> list[str]:
    return [host["name"] for host in patched.table()["virtual_hosts"]]


SHOP = "shop.example.com:8080"
NEW = {"name": "new", "domains": ["new.example.com"]}


@pytest.mark.parametrize(
    ("operation", "name", "expected"),
    [
        ("ADD", None, [SHOP, "new"]),
        ("INSERT_FIRST", None, [SHOP, "new"]),
        ("REPLACE", SHOP, ["new"]),
        ("REPLACE", "absent", [SHOP]),
        ("REMOVE", "absent", [SHOP]),
        ("REMOVE", SHOP, None),
        ("MERGE", SHOP, ["new"]),
    ],
)
def test_virtual_hosts(operation: str, name: str | None, expected: list[str] | None) -> None:
    match = {"routeConfiguration": {"vhost": {"name": name}}} if name is not None else {}
    value = None if operation == "REMOVE" else NEW

    patched = Patched(envoy_filter(patch("VIRTUAL_HOST", operation, value, match)))

    if expected is None:
        assert "virtual_hosts" not in patched.table()
    else:
        assert host_names(patched) == expected


def test_lists_of_a_virtual_host_are_appended_to_or_replaced() -> None:
    merged = Patched(envoy_filter(patch("VIRTUAL_HOST", "MERGE", NEW)))
    replaced = Patched(envoy_filter(patch("VIRTUAL_HOST", "MERGE_AND_REPLACE_LIST", NEW)))

    assert merged.table()["virtual_hosts"][0]["domains"] == ["shop.example.com", "new.example.com"]
    assert replaced.table()["virtual_hosts"][0]["domains"] == ["new.example.com"]


ROUTE = {
    "name": "new",
    "match": {"prefix": "/new"},
    "direct_response": {"status": 200},
}


@pytest.mark.parametrize(
    ("operation", "route", "expected"),
    [
        ("ADD", None, ["api", "moved", "new"]),
        ("INSERT_FIRST", None, ["new", "api", "moved"]),
        ("INSERT_FIRST", {"name": "moved"}, ["new", "api", "moved"]),
        ("INSERT_FIRST", {"name": "absent"}, ["api", "moved"]),
        ("INSERT_BEFORE", None, ["new", "api", "moved"]),
        ("INSERT_BEFORE", {"name": "moved"}, ["api", "new", "moved"]),
        ("INSERT_BEFORE", {"name": "absent"}, ["api", "moved"]),
        ("INSERT_AFTER", None, ["api", "moved", "new"]),
        ("INSERT_AFTER", {"name": "api"}, ["api", "new", "moved"]),
        ("INSERT_AFTER", {"action": "REDIRECT"}, ["api", "moved", "new"]),
        ("REMOVE", {"action": "ROUTE"}, ["moved"]),
        ("REMOVE", {"name": "moved", "action": "ROUTE"}, ["api", "moved"]),
        ("REMOVE", {"name": "moved", "action": "ANY"}, ["api"]),
        ("REPLACE", {"name": "api"}, ["api", "moved"]),
    ],
)
def test_routes(operation: str, route: dict[str, Any] | None, expected: list[str]) -> None:
    host: dict[str, Any] = {"name": SHOP, **({"route": route} if route is not None else {})}
    value = None if operation == "REMOVE" else ROUTE

    patched = Patched(
        envoy_filter(patch("HTTP_ROUTE", operation, value, {"routeConfiguration": {"vhost": host}}))
    )

    (found,) = patched.table()["virtual_hosts"]
    assert [each["name"] for each in found["routes"]] == expected


def test_routes_are_merged() -> None:
    value = {"response_headers_to_add": [{"header": {"key": "x", "value": "1"}}]}
    match = {"routeConfiguration": {"vhost": {"route": {"action": "REDIRECT"}}}}

    patched = Patched(envoy_filter(patch("HTTP_ROUTE", "MERGE", value, match)))

    api, moved = patched.table()["virtual_hosts"][0]["routes"]
    assert "response_headers_to_add" not in api
    assert moved["response_headers_to_add"][0]["header"]["key"] == "x"


@pytest.mark.parametrize("operation", ["ADD", "REMOVE", "REPLACE", "INSERT_FIRST"])
def test_a_route_table_is_only_merged(operation: str) -> None:
    value = {"name": "http.8080", "internal_only_headers": ["x-a"]}
    before = Patched().table()

    patched = Patched(
        envoy_filter(
            patch("ROUTE_CONFIGURATION", operation, None if operation == "REMOVE" else value)
        )
    )

    assert patched.table() == before


def test_a_route_table_is_merged() -> None:
    patched = Patched(
        envoy_filter(patch("ROUTE_CONFIGURATION", "MERGE", {"internal_only_headers": ["x-a"]}))
    )

    assert patched.table()["internal_only_headers"] == ["x-a"]


@pytest.mark.parametrize(
    ("operation", "expected"), [("ADD", True), ("INSERT_FIRST", True), ("REPLACE", False)]
)
def test_clusters_are_added(operation: str, expected: bool) -> None:
    value = {"name": "added", "connect_timeout": "1s"}

    patched = Patched(envoy_filter(patch("CLUSTER", operation, value)))

    assert ("added" in patched.resources().clusters) is expected


def test_clusters_are_removed() -> None:
    match = {"cluster": {"service": "shop.default.svc.cluster.local"}}

    patched = Patched(envoy_filter(patch("CLUSTER", "REMOVE", None, match)))

    assert "outbound|80||shop.default.svc.cluster.local" not in patched.resources().clusters
    assert "BlackHoleCluster" in patched.resources().clusters


def test_a_patch_of_a_transport_socket_merges_nothing_else() -> None:
    value = {
        "connect_timeout": "9s",
        "transport_socket": {
            "name": "mine",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",  # noqa: E501
                "sni": "a",
            },
        },
    }

    found = Patched(envoy_filter(patch("CLUSTER", "MERGE", value))).cluster("BlackHoleCluster")

    assert found["transport_socket"]["name"] == "mine"
    assert found["connect_timeout"] == "10s"


def test_extension_configurations_are_sent_by_name() -> None:
    value = {"name": "mine", "typed_config": LUA}

    patched = Patched(
        envoy_filter(
            patch("EXTENSION_CONFIG", "ADD", value),
            patch("EXTENSION_CONFIG", "ADD", value),
            patch("EXTENSION_CONFIG", "MERGE", {"name": "other", "typed_config": LUA}),
        )
    )

    assert list(patched.resources(GATEWAY).extensions) == ["mine"]


def test_a_bootstrap_is_not_patched() -> None:
    patched = Patched(envoy_filter(patch("BOOTSTRAP", "MERGE", {"flags_path": "/a"})))

    assert patched.engine.view(GATEWAY).patches == ()
