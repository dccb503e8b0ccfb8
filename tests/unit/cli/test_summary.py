"""The short form of ``config``."""

from datetime import UTC
from datetime import datetime

import msgspec

from controlplane.admin.view import ProxyConfig
from controlplane.cli.summary import summary

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLUSTER = "outbound|9080||reviews.default.svc.cluster.local"
ORIGIN = "/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews"
SOURCES = [{"object": "Gateway/shop/front", "path": "gateway.yaml", "line": 2}]
ROUTE = {
    "name": "all",
    "match": {"prefix": "/"},
    "route": {"cluster": CLUSTER},
    "metadata": {"filter_metadata": {"istio": {"config": ORIGIN}}},
}
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

    shown = text(listeners=[{"name": "l", "resource": listener, "sources": SOURCES}])

    assert shown == (
        "listeners\n"
        "  0.0.0.0:8443  gateway.yaml:2\n"
        "    TLS for a.example (shows cert) → routes https.8443\n"
        "    TLS for db.example, passed through → reviews.default:9080"
    )


def test_a_route_shows_the_line_of_its_rule() -> None:
    rules = [{"virtual_host": "v", "route": 0, "path": "routes.yaml", "line": 14}]

    shown = text(routes=[{"name": "http.8080", "resource": TABLE, "rules": rules}])

    assert shown == (
        "routes\n  http.8080\n    a.example\n      /* → reviews.default:9080  routes.yaml:14 all"
    )


def test_a_route_whose_rule_is_not_found_shows_its_object() -> None:
    shown = text(routes=[{"name": "http.8080", "resource": TABLE}])

    assert shown.endswith("/* → reviews.default:9080  VirtualService default/reviews all")


def test_endpoints_show_health_and_weight() -> None:
    address = {"socket_address": {"address": "10.0.0.1", "port_value": 80}}
    endpoint = {
        "endpoint": {"address": address},
        "health_status": "HEALTHY",
        "load_balancing_weight": 3,
    }
    group = {"locality": {"region": "eu", "zone": "a"}, "lb_endpoints": [endpoint], "priority": 1}

    shown = text(endpoints=[{"name": CLUSTER, "resource": {"endpoints": [group]}}])

    assert shown == (
        "endpoints\n  reviews.default:9080\n    10.0.0.1:80  healthy  weight 3 in eu/a priority 1"
    )


def test_a_part_without_resources_says_so() -> None:
    assert text(clusters=[]) == "clusters\n  nothing"
