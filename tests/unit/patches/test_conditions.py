"""Which objects of which proxies a patch is for."""

from typing import Any

import pytest

from controlplane.model.proxy import Proxy
from tests.unit.patches.given import GATEWAY, SIDECAR, Patched, envoy_filter, patch

SHOP = "outbound|80||shop.default.svc.cluster.local"
INBOUND = "inbound|8080||"
PATIENT = {"connect_timeout": "77s"}


def has_patch(patched: Patched, name: str, proxy: Proxy) -> bool:
    return bool(patched.cluster(name, proxy)["connect_timeout"] == "77s")


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (None, (True, True, True)),
        ("ANY", (True, True, True)),
        ("GATEWAY", (True, False, False)),
        ("SIDECAR_OUTBOUND", (False, True, False)),
        ("SIDECAR_INBOUND", (False, False, True)),
    ],
)
def test_contexts(context: str | None, expected: tuple[bool, bool, bool]) -> None:
    match = {"context": context} if context is not None else {}
    patched = Patched(envoy_filter(patch("CLUSTER", "MERGE", PATIENT, match)))

    found = (
        has_patch(patched, SHOP, GATEWAY),
        has_patch(patched, SHOP, SIDECAR),
        has_patch(patched, INBOUND, SIDECAR),
    )

    assert found == expected


@pytest.mark.parametrize(
    ("proxy", "expected"),
    [
        ({"proxyVersion": "^1\\.31.*"}, True),
        ({"proxyVersion": "31"}, True),
        ({"proxyVersion": "^1\\.30.*"}, False),
        ({"proxyVersion": "." * 1025}, False),
        ({"metadata": {"REGION": "north"}}, True),
        ({"metadata": {"REGION": "nor"}}, False),
        ({"metadata": {"ABSENT": "a"}}, False),
        ({"metadata": {"REGION": "north"}, "proxyVersion": "^2"}, False),
    ],
)
def test_versions_and_metadata_of_proxies(proxy: dict[str, Any], expected: bool) -> None:
    patched = Patched(envoy_filter(patch("CLUSTER", "MERGE", PATIENT, {"proxy": proxy})))

    assert has_patch(patched, SHOP, GATEWAY) is expected


def test_a_proxy_without_a_version_has_none() -> None:
    match = {"proxy": {"proxyVersion": ".*"}}
    patched = Patched(envoy_filter(patch("CLUSTER", "MERGE", PATIENT, match)))

    assert not has_patch(patched, SHOP, SIDECAR)


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ({"name": SHOP}, True),
        ({"name": SHOP, "portNumber": 1}, True),
        ({"name": "outbound|80||shop"}, False),
        ({"service": "shop.default.svc.cluster.local"}, True),
        ({"service": "shop"}, False),
        ({"portNumber": 80}, True),
        ({"portNumber": 8080}, False),
        ({"subset": "v1"}, False),
        ({}, True),
    ],
)
def test_clusters(cluster: dict[str, Any], expected: bool) -> None:
    patched = Patched(envoy_filter(patch("CLUSTER", "MERGE", PATIENT, {"cluster": cluster})))

    assert has_patch(patched, SHOP, GATEWAY) is expected


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ({"service": "shop.default.svc.cluster.local"}, True),
        ({"service": "other.default.svc.cluster.local"}, False),
        ({"portNumber": 8080}, True),
        ({"portNumber": 80}, False),
    ],
)
def test_clusters_to_a_workload(cluster: dict[str, Any], expected: bool) -> None:
    match = {"context": "SIDECAR_INBOUND", "cluster": cluster}
    patched = Patched(envoy_filter(patch("CLUSTER", "MERGE", PATIENT, match)))

    assert has_patch(patched, INBOUND, SIDECAR) is expected


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"name": "http.8080"}, True),
        ({"name": "http.9000"}, False),
        ({"portNumber": 8080}, True),
        ({"portNumber": 80}, False),
        ({"portName": "http"}, False),
        ({"gateway": "istio-system/gw"}, False),
    ],
)
def test_route_tables_of_gateways(table: dict[str, Any], expected: bool) -> None:
    match = {"routeConfiguration": table}
    value = {"internal_only_headers": ["x-a"]}
    patched = Patched(envoy_filter(patch("ROUTE_CONFIGURATION", "MERGE", value, match)))

    assert ("internal_only_headers" in patched.table()) is expected


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"name": "80"}, True),
        ({"portNumber": 80}, True),
        ({"portNumber": 8080}, False),
        ({"gateway": "a/b"}, True),
    ],
)
def test_route_tables_of_sidecars(table: dict[str, Any], expected: bool) -> None:
    match = {"routeConfiguration": table}
    value = {"internal_only_headers": ["x-a"]}
    patched = Patched(envoy_filter(patch("ROUTE_CONFIGURATION", "MERGE", value, match)))

    assert ("internal_only_headers" in patched.table("80", SIDECAR)) is expected


@pytest.mark.parametrize(
    ("port", "expected"), [(8080, True), (80, False), (15006, True), (15001, False)]
)
def test_the_chains_of_a_workload_have_its_ports(port: int, expected: bool) -> None:
    match = {"context": "SIDECAR_INBOUND", "listener": {"portNumber": port}}
    value = {"transport_socket_connect_timeout": "77s"}
    patched = Patched(envoy_filter(patch("FILTER_CHAIN", "MERGE", value, match)))

    chains = patched.listener("virtualInbound", SIDECAR)["filter_chains"]

    assert any(c.get("transport_socket_connect_timeout") == "77s" for c in chains) is expected


def test_the_routes_to_a_workload_are_in_its_listener() -> None:
    match = {
        "context": "SIDECAR_INBOUND",
        "routeConfiguration": {"vhost": {"name": "inbound|http|80"}, "portNumber": 8080},
    }
    value = {"include_request_attempt_count": True}
    patched = Patched(envoy_filter(patch("VIRTUAL_HOST", "MERGE", value, match)))

    text = str(patched.listener("virtualInbound", SIDECAR))

    assert "'name': 'inbound|http|80'" in text
    assert "'include_request_attempt_count': True" in text


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, True),
        ({"workloadSelector": {"labels": {"istio": "ingressgateway"}}}, True),
        ({"workloadSelector": {"labels": {"istio": "other"}}}, False),
        ({"workloadSelector": {"labels": {}}}, True),
        (
            {
                "targetRefs": [
                    {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}
                ]
            },
            False,
        ),
    ],
)
def test_which_proxies_an_object_is_for(spec: dict[str, Any], expected: bool) -> None:
    patched = Patched(envoy_filter(patch("CLUSTER", "MERGE", PATIENT), **spec))

    assert has_patch(patched, SHOP, GATEWAY) is expected


def test_an_object_reaches_its_namespace_and_that_of_the_root_all() -> None:
    own = Patched(envoy_filter(patch("CLUSTER", "MERGE", PATIENT), namespace="default"))
    of_root = Patched(envoy_filter(patch("CLUSTER", "MERGE", PATIENT)))

    assert (has_patch(own, SHOP, GATEWAY), has_patch(own, SHOP, SIDECAR)) == (False, True)
    assert (has_patch(of_root, SHOP, GATEWAY), has_patch(of_root, SHOP, SIDECAR)) == (True, True)


def timeout(seconds: int) -> dict[str, Any]:
    return patch("CLUSTER", "MERGE", {"connect_timeout": f"{seconds}s"})


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param(
            [envoy_filter(timeout(1), name="a", priority=5), envoy_filter(timeout(2), name="b")],
            "1s",
            id="a higher priority is last",
        ),
        pytest.param(
            [envoy_filter(timeout(1), name="b"), envoy_filter(timeout(2), name="a")],
            "1s",
            id="then the name decides",
        ),
        pytest.param(
            [
                envoy_filter(timeout(1), name="a", namespace="default"),
                envoy_filter(timeout(2), name="b"),
            ],
            "1s",
            id="the root namespace is first",
        ),
        pytest.param(
            [
                envoy_filter(timeout(1), name="a", namespace="default", priority=-1),
                envoy_filter(timeout(2), name="b"),
            ],
            "2s",
            id="a priority goes before the root namespace",
        ),
    ],
)
def test_the_last_patch_wins(filters: list[str], expected: str) -> None:
    assert Patched(*filters).cluster(SHOP, SIDECAR)["connect_timeout"] == expected
