"""Every part of a proxy's configuration can be asked for everywhere, extensions too."""

import pytest
from envoy.config.listener.v3.listener_pb2 import Listener

from controlplane.admin.view import PARTS, ProxyConfig
from controlplane.cli import envoy_dump, envoy_json, xds_client
from controlplane.cli.config_parts import proxy_and_part
from controlplane.serve import overview

EACH = set(PARTS) - {"all"}
EXTENSIONS = "type.googleapis.com/envoy.extensions.filters."
DISCOVERED = {"config_discovery": {"config_source": {"ads": {}}}}


def test_every_place_knows_every_part() -> None:
    assert set(envoy_dump.DUMPS) == EACH
    assert set(xds_client.PARTS) == EACH
    assert set(overview.PARTS.values()) == EACH
    assert set(ProxyConfig.__struct_fields__) > EACH


@pytest.mark.parametrize("part", sorted(EACH))
def test_a_part_may_be_named_in_either_order(part: str) -> None:
    assert proxy_and_part("edge", part) == proxy_and_part(part, "edge") == ("edge", part)


def test_what_filters_of_any_kind_discover_is_asked_for() -> None:
    manager = {
        "@type": f"{EXTENSIONS}network.http_connection_manager.v3.HttpConnectionManager",
        "http_filters": [{"name": "http", **DISCOVERED}, {"name": "inline"}],
    }
    document = {
        "listener_filters": [{"name": "listener", **DISCOVERED}],
        "filter_chains": [{"filters": [{"name": "network", **DISCOVERED}]}],
        "default_filter_chain": {"filters": [{"name": "hcm", "typed_config": manager}]},
    }

    listener = envoy_json.message(document, Listener)

    assert [*envoy_json.extension_names(listener)] == ["listener", "network", "http"]


def test_what_comes_from_another_server_is_not() -> None:
    elsewhere = {"config_source": {"path_config_source": {"path": "/etc/lua.yaml"}}}
    document = {"listener_filters": [{"name": "a", "config_discovery": elsewhere}]}

    assert [*envoy_json.extension_names(envoy_json.message(document, Listener))] == []
