"""Who has EnvoyFilters pays for them, and gets the same where they change nothing."""

import pytest
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from controlplane.base.locations import FieldRef
from controlplane.envoy.resource import TypeUrl, packed
from controlplane.graph import tracked_functions
from controlplane.model.proxy import Proxy
from controlplane.queries.snapshot.origins import origins_by_name
from tests.unit.patches.given import GATEWAY, SIDECAR, Patched, envoy_filter, patch

ABSENT = "absent.example.com"
WITHOUT_EFFECT = envoy_filter(
    patch("CLUSTER", "MERGE", {"connect_timeout": "9s"}, {"cluster": {"service": ABSENT}}),
    patch("LISTENER", "MERGE", {"stat_prefix": "a"}, {"listener": {"name": ABSENT}}),
    patch(
        "VIRTUAL_HOST",
        "MERGE",
        {"domains": ["a"]},
        {"routeConfiguration": {"vhost": {"name": ABSENT}}},
    ),
)


@pytest.mark.parametrize("proxy", [GATEWAY, SIDECAR])
def test_patches_that_find_nothing_change_no_byte(proxy: Proxy) -> None:
    plain, patched = Patched(), Patched(WITHOUT_EFFECT)
    assert patched.engine.view(proxy).patches

    for (type_url, before), (_, after) in zip(
        plain.resources(proxy), patched.resources(proxy), strict=True
    ):
        assert {n: r.version for n, r in before.items()} == {
            n: r.version for n, r in after.items()
        }, type_url


@pytest.mark.parametrize("proxy", [GATEWAY, SIDECAR])
def test_what_is_decoded_and_encoded_again_says_the_same(proxy: Proxy) -> None:
    """A patch that is applied and sets what is there already."""
    nothing = envoy_filter(
        patch("LISTENER", "MERGE", {}), patch("ROUTE_CONFIGURATION", "MERGE", {})
    )
    plain, patched = Patched(), Patched(nothing)

    before, after = plain.resources(proxy), patched.resources(proxy)

    for message, shelves in (
        (Listener, (before.listeners, after.listeners)),
        (RouteConfiguration, (before.routes, after.routes)),
    ):
        old, new = ({n: message.FromString(packed(r).value) for n, r in s.items()} for s in shelves)
        assert old == new


def test_a_proxy_without_patches_shares_every_resource_with_others() -> None:
    patched = Patched(envoy_filter(patch("CLUSTER", "MERGE", {}), namespace="default"))

    patched.resources(SIDECAR)

    assert patched.engine.view(GATEWAY).patches == ()


def test_an_edit_patches_only_what_it_changed() -> None:
    patched = Patched(envoy_filter(patch("CLUSTER", "MERGE", {"connect_timeout": "9s"})))
    patched.resources()
    ran: list[str] = []

    def around(function, graph, *args):  # type: ignore[no-untyped-def]  # as the graph has it
        ran.append(f"{function.name}({args[2]})" if len(args) > 2 else function.name)
        return function.function(graph, *args)

    patched.engine.graph.around = around
    patched.engine.apply(
        [
            (
                patched.other,
                "apiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: default}\n"
                "spec: {clusterIP: 10.0.0.6, ports: [{name: http, port: 80}]}\n",
            )
        ]
    )
    patched.resources()

    assert [each for each in ran if each.startswith("patched_resource(")] == [
        "patched_resource(outbound|80||other.default.svc.cluster.local)"
    ]


def test_shards_without_resources_cost_nothing() -> None:
    patched = Patched(envoy_filter(patch("CLUSTER", "MERGE", {"connect_timeout": "9s"})))
    patched.engine.graph.trace = ran = []

    clusters = patched.resources(SIDECAR).clusters

    assert len([each for each in ran if each.startswith("patched_shard")]) <= len(clusters)
    assert len([each for each in ran if each.startswith("kept")]) <= len(clusters)


def test_without_an_envoy_filter_nothing_of_the_slow_path_runs() -> None:
    names = [f.name for f in tracked_functions() if ".queries.patches." in f.function.__module__]
    patched = Patched()
    patched.engine.graph.trace = ran = []

    patched.resources(SIDECAR)
    patched.resources(GATEWAY)

    assert names
    assert [each for each in ran if each.partition("(")[0] in names] == []


def test_a_patch_is_the_nearest_origin_of_what_it_changed() -> None:
    patched = Patched(
        envoy_filter(
            patch("CLUSTER", "MERGE", {"connect_timeout": "9s"}, {"cluster": {"portNumber": 80}}),
            patch("CLUSTER", "ADD", {"name": "added", "connect_timeout": "1s"}),
        )
    )
    patched.resources()
    view = patched.engine.view(GATEWAY)

    found = origins_by_name(patched.engine.graph, view, TypeUrl.CLUSTER)

    assert [
        str(found[name].origins[0])
        for name in ("outbound|80||shop.default.svc.cluster.local", "added")
    ] == [f"EnvoyFilter/istio-system/patch.spec.configPatches[{i}].patch" for i in (0, 1)]
    assert not isinstance(found["BlackHoleCluster"].origins[0], FieldRef)
