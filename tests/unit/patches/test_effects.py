"""Which patches find nothing at a proxy that their EnvoyFilter is attached to."""

from typing import Any

import pytest

from controlplane.model.proxy import Proxy
from controlplane.queries.patches.effects import idle_patches
from tests.unit.patches.given import GATEWAY, LUA, SIDECAR, Patched, envoy_filter, patch

SHOP = "outbound|80||shop.default.svc.cluster.local"
ATTEMPTS = {"include_request_attempt_count": True}


def idle(proxy: Proxy, *patches: dict[str, Any]) -> list[int]:
    patched = Patched(envoy_filter(*patches))
    patched.resources(proxy)
    found = idle_patches(patched.engine.graph, patched.engine.view(proxy))
    return [each.number for each in found]


@pytest.mark.parametrize("proxy", [GATEWAY, SIDECAR])
def test_what_matches_nothing_is_idle(proxy: Proxy) -> None:
    nowhere = [
        patch("CLUSTER", "MERGE", {}, {"cluster": {"name": "absent"}}),
        patch("LISTENER", "MERGE", {}, {"listener": {"name": "absent"}}),
        patch("VIRTUAL_HOST", "MERGE", {}, {"routeConfiguration": {"vhost": {"name": "absent"}}}),
        patch("ROUTE_CONFIGURATION", "ADD", {"name": "a"}),
    ]

    assert idle(proxy, *nowhere) == [0, 1, 2, 3]


@pytest.mark.parametrize("proxy", [GATEWAY, SIDECAR])
def test_what_is_changed_or_added_is_not(proxy: Proxy) -> None:
    patches = [
        patch("CLUSTER", "MERGE", {"connect_timeout": "9s"}),
        patch("CLUSTER", "ADD", {"name": "added"}),
        patch("CLUSTER", "REMOVE", None, {"cluster": {"name": SHOP}}),
        patch("VIRTUAL_HOST", "MERGE", ATTEMPTS),
        patch("EXTENSION_CONFIG", "ADD", {"name": "a", "typed_config": LUA}),
    ]

    assert idle(proxy, *patches) == []


def test_what_is_refused_is_idle() -> None:
    twice = patch("CLUSTER", "ADD", {"name": "added"})
    broken = patch("CLUSTER", "MERGE", {"connect_timeout": "0s"})

    assert idle(GATEWAY, twice, twice, broken) == [1, 2]


def test_routes_to_a_workload_are_in_its_listener() -> None:
    inbound = patch("VIRTUAL_HOST", "MERGE", ATTEMPTS, {"context": "SIDECAR_INBOUND"})

    assert idle(SIDECAR, inbound) == []
