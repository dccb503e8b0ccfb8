"""A patch that Envoy would refuse costs nothing but itself."""

from typing import Any

import pytest

from tests.unit.patches.given import HCM, LUA, TYPES, Patched, envoy_filter, patch

GOOD = patch("CLUSTER", "MERGE", {"connect_timeout": "7s"})
IN_CHAIN = {"listener": {"filterChain": {"filter": {"name": HCM}}}}
PLACE = "EnvoyFilter/istio-system/patch.spec.configPatches[0].patch"


def test_a_resource_keeps_its_last_good_form_and_the_patch_is_named() -> None:
    patched = Patched(envoy_filter(GOOD))
    assert patched.cluster()["connect_timeout"] == "7s"

    patched.edit(envoy_filter(patch("CLUSTER", "MERGE", {"connect_timeout": "0s"})))

    assert patched.cluster()["connect_timeout"] == "7s"
    assert patched.reported() == [f"CP0540 {PLACE}"]


def test_it_heals_with_the_next_edit() -> None:
    patched = Patched(envoy_filter(patch("CLUSTER", "MERGE", {"connect_timeout": "0s"})))
    assert "outbound|80||shop.default.svc.cluster.local" not in patched.resources().clusters

    patched.edit(envoy_filter(GOOD))

    assert patched.cluster()["connect_timeout"] == "7s"
    assert patched.reported() == []


def test_the_patch_that_is_to_blame_is_named() -> None:
    bad = patch("CLUSTER", "MERGE", {"connect_timeout": "0s"})
    later = patch("CLUSTER", "MERGE", {"per_connection_buffer_limit_bytes": 1024})
    patched = Patched(envoy_filter(later, bad, later))

    patched.resources()

    assert patched.reported() == [f"CP0540 {PLACE.replace('[0]', '[1]')}"]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(
            patch("HTTP_FILTER", "ADD", {"name": "lua", "typed_config": LUA}, IN_CHAIN),
            id="a filter behind the router",
        ),
        pytest.param(
            patch(
                "NETWORK_FILTER",
                "ADD",
                {
                    "name": "rbac",
                    "typed_config": {
                        "@type": f"{TYPES}network.rbac.v3.RBAC",
                        "stat_prefix": "a",
                    },
                },
            ),
            id="a filter behind the one that ends the chain",
        ),
        pytest.param(
            patch(
                "HTTP_FILTER",
                "INSERT_FIRST",
                {
                    "name": "buffer",
                    "typed_config": {"@type": f"{TYPES}http.buffer.v3.Buffer"},
                },
            ),
            id="a configuration that breaks a rule",
        ),
        pytest.param(patch("FILTER_CHAIN", "REMOVE"), id="a listener without chains"),
    ],
)
def test_a_listener_that_envoy_would_refuse_is_not_sent(broken: dict[str, Any]) -> None:
    patched = Patched(envoy_filter(broken))

    assert "0.0.0.0_8080" not in patched.resources().listeners
    assert f"CP0540 {PLACE}" in patched.reported()


@pytest.mark.parametrize(
    "added",
    [
        {"name": "shop.example.com:8080", "domains": ["a.example.com"]},
        {"name": "other", "domains": ["Shop.example.com"]},
    ],
)
def test_virtual_hosts_of_one_name_or_domain_are_refused(added: dict[str, Any]) -> None:
    patched = Patched(envoy_filter(patch("VIRTUAL_HOST", "ADD", added)))

    assert "http.8080" not in patched.resources().routes
    assert patched.reported() == [f"CP0540 {PLACE}"]


def test_an_added_cluster_that_breaks_a_rule_is_left_out() -> None:
    patched = Patched(envoy_filter(patch("CLUSTER", "ADD", {"name": "a", "connect_timeout": "0s"})))

    assert "a" not in patched.resources().clusters
    assert "outbound|80||shop.default.svc.cluster.local" in patched.resources().clusters
    assert patched.reported() == [f"CP0540 {PLACE}"]
