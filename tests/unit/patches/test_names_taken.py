"""What has a name keeps it, and the patch that wants it for something else is reported."""

from typing import Any

import pytest

from controlplane.envoy.resource import packed
from tests.unit.patches.given import GATEWAY, LUA, SIDECAR, TYPES, Patched, envoy_filter, patch

SHOP = "outbound|80||shop.default.svc.cluster.local"
PLACE = "EnvoyFilter/istio-system/patch.spec.configPatches[{}].patch.value.name"
IN_USE = {
    "name": "0.0.0.0_8080",
    "address": {"socket_address": {"address": "127.0.0.1", "port_value": 1}},
    "filter_chains": [
        {
            "filters": [
                {"name": "echo", "typed_config": {"@type": f"{TYPES}network.echo.v3.Echo"}},
            ]
        }
    ],
}


def test_an_added_cluster_leaves_the_one_of_its_name() -> None:
    patched = Patched(envoy_filter(patch("CLUSTER", "ADD", {"name": SHOP, "type": "STATIC"})))

    assert patched.cluster()["type"] == "EDS"
    assert patched.reported() == [f"CP0543 {PLACE.format(0)}"]


def test_an_added_listener_leaves_the_one_of_its_name() -> None:
    patched = Patched(envoy_filter(patch("LISTENER", "ADD", IN_USE)))

    assert patched.listener()["address"]["socket_address"]["port_value"] == 8080
    assert patched.reported() == [f"CP0543 {PLACE.format(0)}"]


@pytest.mark.parametrize(
    ("apply_to", "first", "second"),
    [
        ("CLUSTER", {"name": "a"}, {"name": "a", "alt_stat_name": "second"}),
        (
            "EXTENSION_CONFIG",
            {"name": "a", "typed_config": LUA},
            {"name": "a", "typed_config": {**LUA, "stat_prefix": "second"}},
        ),
    ],
)
def test_the_first_of_two_patches_that_add_a_name_has_it(
    apply_to: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    patched = Patched(envoy_filter(patch(apply_to, "ADD", first), patch(apply_to, "ADD", second)))

    found = patched.resources()

    sent = {**found.clusters, **found.extensions}["a"]
    assert b"second" not in packed(sent).value
    assert patched.reported() == [f"CP0543 {PLACE.format(1)}"]


def test_what_is_renamed_does_not_take_the_name_of_another() -> None:
    renamed = patch(
        "LISTENER", "MERGE", {"name": "0.0.0.0_9000"}, {"listener": {"portNumber": 8080}}
    )
    other = patch("LISTENER", "MERGE", {"stat_prefix": "other"})
    patched = Patched(envoy_filter(renamed, other))

    found = patched.resources().listeners

    assert patched.listener("0.0.0.0_9000")["address"]["socket_address"]["port_value"] == 9000
    assert "0.0.0.0_8080" not in found
    assert patched.reported() == [f"CP0543 {PLACE.format(0)}"]


def test_of_resources_that_are_renamed_alike_the_first_is_sent() -> None:
    patched = Patched(envoy_filter(patch("CLUSTER", "MERGE", {"name": "one"})))

    assert list(patched.resources(SIDECAR).clusters) == ["one"]
    assert patched.reported() == [f"CP0543 {PLACE.format(0)}"]


def test_a_name_is_free_again_when_what_had_it_is_removed() -> None:
    removed = patch("CLUSTER", "REMOVE", None, {"cluster": {"name": SHOP}})
    patched = Patched(
        envoy_filter(patch("CLUSTER", "ADD", {"name": SHOP, "type": "STATIC"}), removed)
    )

    assert patched.cluster(proxy=GATEWAY).get("type", "STATIC") == "STATIC"
    assert [each for each in patched.reported() if "CP0543" in each] == []
