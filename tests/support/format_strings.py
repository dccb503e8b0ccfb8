"""Format strings put to a real Envoy: thousands of them at once, each in a listener of its own.

A listener that Envoy rejects says why; the others are taken. None is bound to a port.
"""

import json
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path

from tests.support.envoy import Json, free_port, running_envoy

_TYPE = "type.googleapis.com/envoy"
_EXTENSION = f"{_TYPE}.extensions"


class Place(Enum):
    """Where a format string may be."""

    REQUEST_HEADER = "request_headers_to_add"
    RESPONSE_HEADER = "response_headers_to_add"
    HTTP_LOG = "http log"
    HTTP_JSON_LOG = "http json log"
    TCP_LOG = "tcp log"
    LISTENER_LOG = "listener log"


def refusals(formats: Sequence[tuple[Place, object]], folder: Path) -> list[str | None]:
    """What Envoy says against each format; ``None`` for one that it takes. A format is text, or an
    object for ``HTTP_JSON_LOG``.
    """
    resources = [_listener(i, *one) for i, one in enumerate(formats)]
    file = folder / "lds.json"
    file.write_text(json.dumps({"resources": resources}), encoding="utf-8")
    port = free_port()
    cluster = {"name": "c", "type": "STATIC", "load_assignment": {"cluster_name": "c"}}
    bootstrap = {
        "node": {"id": "formats", "cluster": "formats"},
        "admin": {"address": _address("127.0.0.1", port)},
        "dynamic_resources": {"lds_config": {"path_config_source": {"path": str(file)}}},
        "static_resources": {"clusters": [cluster]},
    }
    with running_envoy(json.dumps(bootstrap), folder, admin_port=port, within=120) as envoy:
        found = dict(_states(envoy.config_dump()))
    return [found[f"l{i}"] for i in range(len(formats))]


def _states(configs: Iterable[Json]) -> Iterable[tuple[str, str | None]]:
    for config in configs:
        listeners = config.get("dynamic_listeners", [])
        assert isinstance(listeners, list), "dynamic_listeners is a repeated field"
        for listener in listeners:
            error = listener.get("error_state")
            if error is None:
                yield listener["name"], None
            else:
                yield error["failed_configuration"]["name"], error["details"]


def _listener(number: int, place: Place, text: object) -> Json:
    host = f"127.{number // 62500}.{number // 250 % 250}.{number % 250 + 1}"
    logs = [_log(text, in_json=place is Place.HTTP_JSON_LOG)]
    header = [{"header": {"key": "x", "value": text}}]
    added = {place.value: header} if place.value.endswith("to_add") else {}
    manager: Json = {
        "@type": f"{_EXTENSION}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "h",
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": f"{_EXTENSION}.filters.http.router.v3.Router"},
            }
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "v",
                    "domains": ["*"],
                    "routes": [
                        {"match": {"prefix": "/"}, "direct_response": {"status": 200}, **added}
                    ],
                }
            ]
        },
        "access_log": logs if place in (Place.HTTP_LOG, Place.HTTP_JSON_LOG) else [],
    }
    proxy = {
        "@type": f"{_EXTENSION}.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "t",
        "cluster": "c",
        "access_log": logs,
    }
    config = proxy if place is Place.TCP_LOG else manager
    return {
        "@type": f"{_TYPE}.config.listener.v3.Listener",
        "name": f"l{number}",
        "bind_to_port": False,
        "address": _address(host, 1000),
        "filter_chains": [{"filters": [{"name": "f", "typed_config": config}]}],
        "access_log": logs if place is Place.LISTENER_LOG else [],
    }


def _log(text: object, *, in_json: bool) -> Json:
    line = {"text_format_source": {"inline_string": text}}
    return {
        "name": "log",
        "typed_config": {
            "@type": f"{_EXTENSION}.access_loggers.file.v3.FileAccessLog",
            "path": "/dev/null",
            "log_format": {"json_format": text} if in_json else line,
        },
    }


def _address(host: str, port: int) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}
