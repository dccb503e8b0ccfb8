"""Which PeerAuthentications decide what a workload accepts."""

import pytest

from controlplane.base.names import Namespace, PortNumber
from controlplane.model.mtls import MtlsMode, MtlsPolicy
from controlplane.queries.policy.peer_policies import (
    PeerLevels,
    deciding_field,
    mtls_policy,
    peer_levels,
)
from tests.support.declared import Declared

SHOP, ROOT = Namespace("shop"), Namespace("istio-system")
APP = (("app", "web"), ("version", "v1"))


def peers(name: str, namespace: str = "shop", mode: str = "STRICT", **more: str) -> str:
    lines = "\n".join(f"  {key}: {value}" for key, value in more.items())
    return f"""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  mtls: {{mode: {mode}}}
{lines}
---
"""


WEB = "{matchLabels: {app: web}}"


def levels(text: str, namespace: Namespace = SHOP) -> PeerLevels:
    return peer_levels(Declared(text).graph, namespace, APP)


def policy(text: str, namespace: Namespace = SHOP) -> MtlsPolicy:
    graph = Declared(text).graph
    return mtls_policy(graph, peer_levels(graph, namespace, APP).keys)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (peers("mesh", "istio-system"), ["istio-system/mesh"]),
        (
            peers("mesh", "istio-system") + peers("all") + peers("web", selector=WEB),
            ["istio-system/mesh", "shop/all", "shop/web"],
        ),
        (peers("b") + peers("a"), ["shop/a"]),
        (peers("b", selector=WEB) + peers("a", selector=WEB), ["shop/a"]),
        (peers("a", selector="{matchLabels: {app: api}}"), []),
        (peers("a", selector="{}"), ["shop/a"]),
        (peers("a", "istio-system", selector=WEB), []),
        (peers("a", "elsewhere"), []),
    ],
)
def test_one_policy_decides_on_each_level(text: str, expected: list[str]) -> None:
    assert [f"{key.namespace}/{key.name}" for key in levels(text).keys] == expected


def test_the_root_namespace_has_no_level_but_that_of_the_mesh() -> None:
    text = peers("mesh", "istio-system") + peers("web", "istio-system", selector=WEB)

    assert [key.name for key in levels(text, ROOT).keys] == ["mesh"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", MtlsMode.PERMISSIVE),
        (peers("mesh", "istio-system"), MtlsMode.STRICT),
        (peers("mesh", "istio-system", mode="UNSET"), MtlsMode.PERMISSIVE),
        (peers("mesh", "istio-system") + peers("all", mode="UNSET"), MtlsMode.STRICT),
        (peers("mesh", "istio-system") + peers("all", mode="DISABLE"), MtlsMode.DISABLE),
        (peers("all") + peers("web", mode="PERMISSIVE", selector=WEB), MtlsMode.PERMISSIVE),
    ],
)
def test_each_level_overrides_the_wider_one_unless_it_is_unset(
    text: str, expected: MtlsMode
) -> None:
    assert policy(text).mode is expected


def test_a_port_has_a_mode_of_its_own_or_that_of_its_workload() -> None:
    found = policy(
        peers("all", mode="DISABLE")
        + peers(
            "web",
            selector=WEB,
            portLevelMtls="{9090: {mode: PERMISSIVE}, 8080: {mode: UNSET}, 8081: {}}",
        )
    )

    assert found.ports == (
        (8080, MtlsMode.STRICT),
        (8081, MtlsMode.STRICT),
        (9090, MtlsMode.PERMISSIVE),
    )
    assert found.of(9090) is MtlsMode.PERMISSIVE
    assert found.of(8082) is MtlsMode.STRICT


def test_the_field_that_decides_is_known() -> None:
    text = peers("mesh", "istio-system", mode="PERMISSIVE") + peers(
        "web",
        mode="UNSET",
        selector=WEB,
        portLevelMtls="{9090: {mode: DISABLE}, 8080: {mode: UNSET}}",
    )
    graph = Declared(text).graph
    found = {
        port: deciding_field(graph, peer_levels(graph, SHOP, APP).keys, PortNumber(port))
        for port in (80, 8080, 9090)
    }

    assert {port: str(field) for port, field in found.items()} == {
        80: "PeerAuthentication/istio-system/mesh.spec.mtls.mode",
        8080: "PeerAuthentication/istio-system/mesh.spec.mtls.mode",
        9090: "PeerAuthentication/shop/web.spec.portLevelMtls.9090.mode",
    }
    assert deciding_field(Declared("").graph, (), PortNumber(80)) is None
