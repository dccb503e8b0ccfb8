"""A patch that Envoy would refuse costs nothing but itself, nor does one that fails."""

from pathlib import Path
from typing import Any, Final

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster

from controlplane.envoy.resource import TypeUrl, packed
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
        pytest.param(
            patch(
                "HTTP_FILTER",
                "REMOVE",
                None,
                {
                    "listener": {
                        "filterChain": {
                            "filter": {
                                "name": HCM,
                                "subFilter": {"name": "envoy.filters.http.router"},
                            }
                        }
                    }
                },
            ),
            id="HTTP filters without the router",
        ),
        pytest.param(
            patch(
                "NETWORK_FILTER",
                "REPLACE",
                {
                    "name": "rbac",
                    "typed_config": {"@type": f"{TYPES}network.rbac.v3.RBAC", "stat_prefix": "a"},
                },
                IN_CHAIN,
            ),
            id="a chain that ends with a filter that leads nowhere",
        ),
    ],
)
def test_a_listener_that_envoy_would_refuse_is_not_sent(
    broken: dict[str, Any],
) -> None:
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


def test_a_proxy_that_runs_keeps_the_patches_beside_a_broken_one() -> None:
    bad = patch("CLUSTER", "MERGE", {"connect_timeout": "0s"})
    other = patch("CLUSTER", "MERGE", {"per_connection_buffer_limit_bytes": 1024})

    patched = Patched(envoy_filter(bad, other, bad))

    ((type_url, found),) = patched.resources().for_running
    assert type_url is TypeUrl.CLUSTER
    cluster = Cluster.FromString(packed(found[0]).value)
    assert cluster.per_connection_buffer_limit_bytes.value == 1024
    assert cluster.connect_timeout.ToSeconds() == 10


POLICY: Final = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: shop, namespace: istio-system}
spec: {action: DENY, rules: [{to: [{operation: {paths: [VALUE]}}]}]}
"""
LUA_FIRST: Final = patch("HTTP_FILTER", "INSERT_FIRST", {"name": "lua", "typed_config": LUA})
NEVER_TAKEN: Final = patch("HTTP_FILTER", "ADD", {"name": "late", "typed_config": LUA}, IN_CHAIN)


def _denied(patched: Patched) -> str:
    (rbac,) = (f for f in patched.manager()["http_filters"] if f["name"].endswith("rbac"))
    (policy,) = rbac["typed_config"]["rules"]["policies"].values()
    return str(policy["permissions"])


def _deny(patched: Patched, path: str) -> None:
    patched.engine.apply([(Path("policy.yaml"), POLICY.replace("VALUE", path))])


def test_a_policy_is_made_stricter_while_a_patch_is_broken() -> None:
    patched = Patched(envoy_filter(LUA_FIRST))
    _deny(patched, "/old")
    assert "/old" in _denied(patched)
    patched.edit(envoy_filter(NEVER_TAKEN))
    assert patched.http_filters()[0] == "lua", "the last form that worked"

    _deny(patched, "/new")

    assert "/new" in _denied(patched)
    assert patched.http_filters()[0] == "lua"


def test_a_policy_is_made_stricter_while_patches_fail() -> None:
    patched = Patched(envoy_filter(LUA_FIRST))
    _deny(patched, "/old")
    assert patched.http_filters()[0] == "lua"

    def around(function, graph, *args):  # type: ignore[no-untyped-def]  # as the graph has it
        if function.name in ("patched_resource", "_without_broken_patches"):
            raise RuntimeError("a fault of its own")
        return function.function(graph, *args)

    patched.engine.graph.around = around
    _deny(patched, "/new")

    assert "/new" in _denied(patched)
    assert "lua" not in patched.http_filters()


def test_an_added_cluster_that_breaks_a_rule_is_left_out() -> None:
    patched = Patched(envoy_filter(patch("CLUSTER", "ADD", {"name": "a", "connect_timeout": "0s"})))

    assert "a" not in patched.resources().clusters
    assert "outbound|80||shop.default.svc.cluster.local" in patched.resources().clusters
    assert patched.reported() == [f"CP0540 {PLACE}"]


def _nested(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {"a": 1}
    for _ in range(levels):
        found = {"a": found}
    return found


def test_a_value_that_nests_deeper_than_protobuf_reads_is_not_applied() -> None:
    deep = {"metadata": {"filter_metadata": {"a": _nested(45)}}}

    patched = Patched(envoy_filter(patch("CLUSTER", "MERGE", deep), GOOD))

    assert patched.cluster()["connect_timeout"] == "7s"
    assert "a" not in patched.cluster().get("metadata", {}).get("filter_metadata", {})
    assert patched.reported() == [f"CP0217 {PLACE}.value"]


def test_what_is_packed_is_left_out_where_it_nests_so_deep() -> None:
    struct = {"@type": "type.googleapis.com/google.protobuf.Struct", "value": _nested(45)}
    filter_ = {"name": "deep", "typed_config": struct}

    patched = Patched(envoy_filter(patch("HTTP_FILTER", "INSERT_FIRST", filter_), GOOD))

    assert patched.cluster()["connect_timeout"] == "7s"
    assert patched.resources().listeners
    assert patched.reported() == [f"CP0217 {PLACE}.value.typed_config"]


def test_a_patch_with_a_type_that_only_istio_knows_is_not_applied() -> None:
    golang = {"@type": "type.googleapis.com/envoy.extensions.filters.http.golang.v3alpha.Config"}
    nested = {"lb_endpoints": [{"metadata": {"typed_filter_metadata": {"a": golang}}}]}
    patches = [
        patch("HTTP_FILTER", "INSERT_FIRST", {"name": "golang", "typed_config": golang}),
        patch("CLUSTER", "MERGE", {"load_assignment": {"endpoints": [nested]}}),
    ]

    patched = Patched(envoy_filter(*patches, GOOD))

    assert patched.cluster()["connect_timeout"] == "7s"
    assert "load_assignment" not in patched.cluster()
    listeners = patched.resources().listeners.values()
    assert listeners
    assert b"golang" not in b"".join(each.any for each in listeners)
    assert [line.partition(" ")[0] for line in patched.reported()] == ["CP0217", "CP0217"]
