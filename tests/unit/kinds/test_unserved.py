"""Objects of kinds that have no effect: slips, kinds not served yet, kinds that no mesh reads."""

import pytest

from controlplane.base.codes import KIND_NOT_SERVED, UNKNOWN_KIND
from controlplane.base.diagnostics import Code, Diagnostic
from controlplane.base.locations import FieldRef
from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.kinds.unserved import is_foreign, once_per_kind
from tests.unit.kinds.given import decoded_body


def said_of(api_version: str, kind: str) -> list[tuple[str, str, str | None]]:
    body = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}, "spec": {}}
    _, found = decoded_body(body)
    return [(d.code.id, d.message, d.hint) for d in found]


@pytest.mark.parametrize(
    ("api_version", "kind", "message", "hint"),
    [
        (
            "networking.istio.io/v1",
            "VirtualServices",
            'networking.istio.io/v1 has no kind "VirtualServices"',
            "write kind: VirtualService",
        ),
        ("v1", "Servce", 'v1 has no kind "Servce"', "write kind: Service"),
        (
            "gateway.networking.k8s.io/v1",
            "HttpRoute",
            'gateway.networking.k8s.io/v1 has no kind "HttpRoute"',
            "write kind: HTTPRoute",
        ),
        (
            "istio.io/v1",
            "VirtualService",
            '"istio.io/v1" has no kind VirtualService, which is in "networking.istio.io"',
            "write apiVersion: networking.istio.io/v1",
        ),
        (
            "networking.istio.com/v1",
            "Gateway",
            '"networking.istio.com/v1" has no kind Gateway, which is in "networking.istio.io"',
            "write apiVersion: networking.istio.io/v1",
        ),
        (
            "networking.istio.io",
            "Gateway",
            '"networking.istio.io" has no kind Gateway, which is in "networking.istio.io"',
            "write apiVersion: networking.istio.io/v1",
        ),
        (
            "apps/v1",
            "Service",
            '"apps/v1" has no kind Service, which is in the core group',
            "write apiVersion: v1",
        ),
        (
            "v1",
            "EndpointSlices",
            '"v1" has no kind "EndpointSlices"',
            "write kind: EndpointSlice and apiVersion: discovery.k8s.io/v1",
        ),
    ],
)
def test_a_slip_in_kind_or_version_is_an_error_with_the_right_words(
    api_version: str, kind: str, message: str, hint: str
) -> None:
    assert said_of(api_version, kind) == [("CP0115", message, hint)]


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("v1", "ServiceAccount"),
        ("v1", "Config"),
        ("batch/v1", "Jobb"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("serving.knative.dev/v1", "Service"),
        ("appmesh.k8s.aws/v1beta2", "VirtualService"),
        ("gateway.solo.io/v1", "VirtualService"),
        ("monitoring.coreos.com/v1", "ServiceMonitor"),
        ("example.com/v1", "Widget"),
    ],
)
def test_of_a_kind_that_no_mesh_reads_nothing_is_said(api_version: str, kind: str) -> None:
    assert said_of(api_version, kind) == []
    assert is_foreign(Kind(api_version.rpartition("/")[0], kind))


@pytest.mark.parametrize(
    ("api_version", "kind", "expected"),
    [
        ("networking.k8s.io/v1", "Ingress", "CP0108"),
        ("config.istio.io/v1alpha2", "instance", "CP0107"),
    ],
)
def test_a_kind_of_a_mesh_that_is_not_served_is_a_warning(
    api_version: str, kind: str, expected: str
) -> None:
    assert [code for code, _, _ in said_of(api_version, kind)] == [expected]
    assert not is_foreign(Kind(api_version.rpartition("/")[0], kind))


def unserved(code: Code, kind: str, name: str) -> Diagnostic:
    key = ObjectKey(Kind("networking.istio.io", kind), Namespace("default"), name)
    return Diagnostic(code=code, place=FieldRef(key), message=name)


def test_each_kind_that_is_not_served_is_one_warning_with_a_count() -> None:
    found = [unserved(KIND_NOT_SERVED, "Ingress", name) for name in ("a", "b", "c")]

    said = once_per_kind([*found, unserved(KIND_NOT_SERVED, "ProxyConfig", "one")])

    assert [d.message for d in said] == [
        "Ingress default/a and 2 more have no effect: their kind is not served yet",
        "one",
    ]


def test_an_unknown_kind_is_reported_once() -> None:
    said = once_per_kind([unserved(UNKNOWN_KIND, k, k + n) for k, n in ("A1", "A2", "B3")])

    assert [d.message for d in said] == ["A1", "B3"]


@pytest.mark.parametrize(
    ("written", "meant", "spec"),
    [
        (
            "gateway.networking.k8s.io",
            "networking.istio.io",
            {"selector": {"istio": "ingressgateway"}, "servers": []},
        ),
        (
            "networking.istio.io",
            "gateway.networking.k8s.io",
            {"gatewayClassName": "istio", "listeners": []},
        ),
    ],
)
def test_a_gateway_with_the_api_version_of_the_other_one_is_a_slip(
    written: str, meant: str, spec: dict[str, object]
) -> None:
    body = {
        "apiVersion": f"{written}/v1",
        "kind": "Gateway",
        "metadata": {"name": "a", "namespace": "shop"},
        "spec": spec,
    }

    _, found = decoded_body(body)

    assert [(d.code.id, d.message, d.hint) for d in found] == [
        (
            "CP0115",
            f"Gateway shop/a has the fields of Gateway in {meant}, not in {written}",
            f"write apiVersion: {meant}/v1",
        )
    ]
