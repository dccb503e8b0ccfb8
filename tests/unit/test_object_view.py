"""An object as Kubernetes would show it, and which one is meant."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.base.names import Kind
from controlplane.engine.engine import Engine
from controlplane.kinds.core.configuration import SECRET
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.gateway_api.backend_tls_policy import BACKEND_TLS_POLICY
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.gateway_api.gateway_class import GATEWAY_CLASS
from controlplane.kinds.istio.gateway import GATEWAY
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE
from controlplane.serve.object_view import meant_kinds
from controlplane.serve.shown_objects import ShownObjects
from controlplane.serve.statuses import Statuses
from controlplane.xds.connections import Connections
from tests.support.kubernetes_gateways import gateway

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KINDS = (
    GATEWAY,
    KUBERNETES_GATEWAY,
    GATEWAY_CLASS,
    BACKEND_TLS_POLICY,
    VIRTUAL_SERVICE,
    SERVICE,
    SECRET,
)
ISTIO = (
    "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: edge}\nspec:\n"
    "  selector: {istio: edge}\n"
    "  servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: ['*']}]\n"
)
SECRET_TEXT = """
apiVersion: v1
kind: Secret
metadata:
  name: shop
  annotations:
    team: web
    kubectl.kubernetes.io/last-applied-configuration: '{"data": {"password": "aHVudGVyMg=="}}'
type: Opaque
data: {password: aHVudGVyMg==}
stringData: {other: hunter2}
"""


def shown(*texts: str) -> ShownObjects:
    engine = Engine(MeshConfig(), now=NOW)
    engine.apply([(Path(f"{i}.yaml"), text) for i, text in enumerate(texts)])
    statuses = Statuses(engine, Connections(lambda: NOW), lambda: NOW)
    return ShownObjects(engine, statuses)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("VirtualService", [VIRTUAL_SERVICE]),
        ("virtualservices", [VIRTUAL_SERVICE]),
        ("vs", [VIRTUAL_SERVICE]),
        ("svc", [SERVICE]),
        ("gatewayclasses", [GATEWAY_CLASS]),
        ("backendtlspolicies", [BACKEND_TLS_POLICY]),
        ("gateway", [KUBERNETES_GATEWAY, GATEWAY]),
        ("gtw.networking.istio.io", [GATEWAY]),
        ("gateways.gateway.networking.k8s.io", [KUBERNETES_GATEWAY]),
        ("v", []),
        ("virtualservice.gateway.networking.k8s.io", []),
    ],
)
def test_a_kind_is_named_as_for_kubectl(text: str, meant: list[Kind]) -> None:
    assert list(meant_kinds(text, KINDS)) == meant


def test_an_object_is_shown_with_its_namespace_its_generation_and_its_status() -> None:
    found = shown(gateway("{name: http, port: 80, protocol: HTTP}")).found("gtw", "", "edge")

    assert found is not None
    manifest = found.objects[0].manifest
    assert list(manifest) == ["apiVersion", "kind", "metadata", "spec", "status"]
    assert manifest["metadata"] == {"generation": 1, "name": "edge", "namespace": "default"}
    assert (found.objects[0].path, found.objects[0].line) == ("0.yaml", 1)


def test_a_name_that_two_apis_have_gives_both() -> None:
    found = shown(ISTIO, gateway("{name: http, port: 80, protocol: HTTP}")).found("gw", "", "edge")

    assert found is not None
    assert [each.manifest["apiVersion"] for each in found.objects] == [
        "gateway.networking.k8s.io/v1",
        "networking.istio.io/v1",
    ]


def test_what_a_secret_holds_is_not_shown() -> None:
    found = shown(SECRET_TEXT).found("secret", "", "shop")

    assert found is not None
    assert "hunter2" not in str(found)
    assert "aHVudGVyMg" not in str(found)
    assert found.objects[0].manifest["data"] == {"password": "[not shown]"}
    assert found.objects[0].manifest["metadata"] == {
        "annotations": {"team": "web"},
        "name": "shop",
        "namespace": "default",
    }


def test_a_private_key_is_shown_nowhere() -> None:
    key = "-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----"
    text = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: odd}\n"
        f'data: {{a: "{key}", b: [no, list]}}\n'
    ).replace(", b: [no, list]", ", b: plain")
    found = shown(text).found("cm", "", "odd")

    assert found is not None
    assert found.objects[0].manifest["data"] == {"a": "[not shown]", "b": "plain"}


def test_an_object_that_was_never_accepted_is_named_as_refused() -> None:
    found = shown(gateway("{name: http, port: 0, protocol: HTTP}")).found("gtw", "", "edge")

    assert found is not None
    assert found.objects == ()
    assert [each.object for each in found.refused] == ["Gateway/default/edge"]


def test_no_kind_is_not_the_same_as_no_object() -> None:
    objects = shown(ISTIO)

    assert objects.found("httproute", "", "edge") is None
    assert objects.found("gateway", "", "other") is not None
