"""The short form of ``config``."""

from datetime import UTC, datetime

import msgspec

from controlplane.admin.view import ProxyConfig
from controlplane.cli.summary import summary

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLUSTER = "outbound|9080||reviews.default.svc.cluster.local"
ROUTE = {"name": "all", "match": {"prefix": "/"}, "route": {"cluster": CLUSTER}}
TABLE = {
    "name": "http.8080",
    "virtual_hosts": [{"name": "v", "domains": ["a.example"], "routes": [ROUTE]}],
}


PROXY = {
    "proxy": "edge.shop",
    "role": "gateway",
    "service_account": "edge",
    "labels": {},
    "addresses": [],
    "revision": 7,
}
TYPE = "type.googleapis.com/envoy.extensions."
FILTERS = f"{TYPE}filters.network."


def origin(object_: str, path: str, line: int) -> dict[str, object]:
    return {"object": object_, "field": "spec", "path": path, "line": line}


def part(
    name: str, *origins: dict[str, object], parts: tuple[dict[str, object], ...] = ()
) -> dict[str, object]:
    return {"name": name, "origins": origins, "parts": parts}


FRONT = origin("Gateway/shop/front", "gateway.yaml", 2)


def text(**parts: list[dict[str, object]]) -> str:
    versioned = {part: [{"version": "1", **r} for r in found] for part, found in parts.items()}
    shown = summary(msgspec.convert({**PROXY, **versioned}, ProxyConfig), NOW)
    return "\n".join("".join(part for part, _ in line) for line in shown)


def test_a_listener_shows_who_takes_which_chain() -> None:
    context = {
        "@type": f"{TYPE}transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {"tls_certificate_sds_secret_configs": [{"name": "cert"}]},
    }
    http = {
        "@type": f"{FILTERS}http_connection_manager.v3.HttpConnectionManager",
        "rds": {"route_config_name": "https.8443"},
    }
    tcp = {"@type": f"{FILTERS}tcp_proxy.v3.TcpProxy", "cluster": CLUSTER}
    listener = {
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": 8443}},
        "filter_chains": [
            {
                "filter_chain_match": {"server_names": ["a.example"]},
                "transport_socket": {"name": "tls", "typed_config": context},
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": http,
                    }
                ],
            },
            {
                "filter_chain_match": {"server_names": ["db.example"]},
                "filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": tcp}],
            },
        ],
    }

    chains = (part("", FRONT), part("", origin("VirtualService/shop/db", "db.yaml", 9), FRONT))
    shown = text(
        listeners=[{"name": "l", "resource": listener, "origins": [FRONT], "parts": chains}]
    )

    assert shown == (
        "listeners\n"
        "  0.0.0.0:8443  gateway.yaml:2\n"
        "    TLS for a.example (presents cert) → routes https.8443  gateway.yaml:2\n"
        "    TLS for db.example, passed through → reviews.default:9080  db.yaml:9, gateway.yaml:2"
    )


def test_a_route_shows_a_line_of_each_object_that_it_came_from() -> None:
    leaf, root = "VirtualService/shop/leaf", "VirtualService/shop/root"
    route = part(
        "all",
        origin(leaf, "leaf.yaml", 14),
        origin(leaf, "leaf.yaml", 13),
        origin(root, "root.yaml", 8),
        {"object": "MeshConfig", "field": "defaultHttpRetryPolicy"},
    )
    host = part("v", origin(root, "root.yaml", 5), FRONT, parts=(route,))

    table = {"name": "http.8080", "resource": TABLE, "origins": [FRONT], "parts": [host]}
    shown = text(routes=[table])

    assert shown == (
        "routes\n"
        "  http.8080  gateway.yaml:2\n"
        "    a.example  root.yaml:5, gateway.yaml:2\n"
        "      /* → reviews.default:9080  leaf.yaml:14, root.yaml:8, MeshConfig (in no file) all"
    )


def test_a_route_whose_rule_is_not_known_shows_none() -> None:
    shown = text(routes=[{"name": "http.8080", "resource": TABLE, "parts": [part("v", FRONT)]}])

    assert shown.endswith("    a.example  gateway.yaml:2\n      /* → reviews.default:9080 all")


def test_what_is_not_configured_is_built_in() -> None:
    cluster = {"name": "BlackHoleCluster", "resource": {}, "origins": [{"built_in": "why"}]}

    assert text(clusters=[cluster]).endswith("  STATIC ROUND_ROBIN  built in")


def test_endpoints_show_health_and_weight() -> None:
    address = {"socket_address": {"address": "10.0.0.1", "port_value": 80}}
    endpoint = {
        "endpoint": {"address": address},
        "health_status": "HEALTHY",
        "load_balancing_weight": 3,
    }
    group = {"locality": {"region": "eu", "zone": "a"}, "lb_endpoints": [endpoint], "priority": 1}

    found = part("10.0.0.1:80", origin("Pod/default/reviews", "pods.yaml", 7))
    assignment = {"name": CLUSTER, "resource": {"endpoints": [group]}, "parts": [found]}
    shown = text(endpoints=[assignment])

    assert shown == (
        "endpoints\n"
        "  reviews.default:9080\n"
        "    10.0.0.1:80  healthy  weight 3 in eu/a priority 1  pods.yaml:7"
    )


def test_a_part_without_resources_says_so() -> None:
    assert text(clusters=[]) == "clusters\n  nothing"


def test_a_listener_of_a_sidecar_shows_its_traffic_and_what_is_anything_else() -> None:
    inline = {
        "@type": f"{FILTERS}http_connection_manager.v3.HttpConnectionManager",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "inbound|http|9080",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "inbound|9080||"}}],
                }
            ]
        },
    }
    tcp = {"@type": f"{FILTERS}tcp_proxy.v3.TcpProxy", "cluster": "PassthroughCluster"}
    forward = [{"name": "tcp", "typed_config": tcp}]
    listeners = [
        {
            "name": "virtualInbound",
            "resource": {
                "address": {"socket_address": {"address": "0.0.0.0", "port_value": 15006}},
                "traffic_direction": "INBOUND",
                "filter_chains": [
                    {
                        "filter_chain_match": {
                            "destination_port": 9080,
                            "transport_protocol": "raw_buffer",
                        },
                        "filters": [{"name": "http", "typed_config": inline}],
                    }
                ],
            },
            "origins": (FRONT,),
            "parts": (part("", FRONT),),
        },
        {
            "name": "0.0.0.0_80",
            "resource": {
                "address": {"socket_address": {"address": "0.0.0.0", "port_value": 80}},
                "traffic_direction": "OUTBOUND",
                "bind_to_port": False,
                "filter_chains": [
                    {
                        "filter_chain_match": {"application_protocols": ["http/1.1"]},
                        "filters": forward,
                    }
                ],
                "default_filter_chain": {"filters": forward, "name": "default"},
            },
            "origins": (FRONT,),
            "parts": (part("", FRONT),),
        },
    ]

    assert text(listeners=listeners) == (
        "listeners\n"
        "  0.0.0.0:15006  inbound  gateway.yaml:2\n"
        "    port 9080: plaintext → HTTP to own port 9080  gateway.yaml:2\n"
        "  0.0.0.0:80  outbound, intercepted  gateway.yaml:2\n"
        "    plaintext → PassthroughCluster  gateway.yaml:2\n"
        "    anything else → PassthroughCluster"
    )


def test_an_extension_shows_its_type_and_its_patch() -> None:
    patch = origin("EnvoyFilter/istio-system/lua", "filters.yaml", 9)
    lua = {"@type": f"{TYPE}filters.http.lua.v3.Lua"}

    found = text(extensions=[{**part("lua", patch), "resource": {"typed_config": lua}}])

    assert found == ("extensions\n  lua envoy.extensions.filters.http.lua.v3.Lua  filters.yaml:9")


def test_that_there_are_no_extensions_is_said_to_who_asks_for_them_alone() -> None:
    assert text(extensions=[]) == "extensions\n  nothing"
    assert text(extensions=[], listeners=[]) == "listeners\n  nothing"


def test_patches_that_find_nothing_are_listed_with_their_lines() -> None:
    idle = origin("EnvoyFilter/istio-system/lua", "filters.yaml", 9)
    why = {**idle, "reason": 'no cluster has the name "a"', "hint": "there is b"}
    shown = summary(msgspec.convert({**PROXY, "idle_patches": [idle, why]}, ProxyConfig), NOW)

    assert ["".join(part for part, _ in line) for line in shown] == [
        "patches that find nothing here",
        "  EnvoyFilter/istio-system/lua spec  filters.yaml:9",
        "  EnvoyFilter/istio-system/lua spec  filters.yaml:9",
        '    no cluster has the name "a"; there is b',
    ]
