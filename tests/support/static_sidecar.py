"""A sidecar's bootstrap without a control plane: it answers everything itself, to be recognised."""

from collections.abc import Mapping

Json = Mapping[str, object]
_TYPE = "type.googleapis.com/envoy.extensions.filters"


def static_sidecar() -> Json:
    return {
        "node": {
            "id": "sidecar~127.0.0.1~web.shop~shop.svc.cluster.local",
            "cluster": "web.shop",
            "metadata": {"NAME": "web", "NAMESPACE": "shop", "INSTANCE_IPS": "127.0.0.1"},
        },
        "admin": {"address": _address("127.0.0.1", 15000)},
        "static_resources": {
            "listeners": [_listener("OUTBOUND", 15001), _listener("INBOUND", 15006)]
        },
    }


def _address(host: str, port: int) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}


def _listener(direction: str, port: int) -> Json:
    answer = {"status": 200, "body": {"inline_string": "by the sidecar"}}
    manager = {
        "@type": f"{_TYPE}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": direction,
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": answer}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPE}.http.router.v3.Router"},
            }
        ],
    }
    name = "envoy.filters.network.http_connection_manager"
    return {
        "name": direction,
        "traffic_direction": direction,
        "address": _address("0.0.0.0", port),
        "filter_chains": [{"filters": [{"name": name, "typed_config": manager}]}],
    }
