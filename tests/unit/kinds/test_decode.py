"""Which kinds are read, in which versions, and what an object is made of."""

import pytest

from controlplane.kinds.istio.virtual_service import VirtualService
from tests.unit.kinds.given import body_of, decoded, decoded_body, reported

REVIEWS = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
  namespace: shop
  labels: {app: reviews}
  annotations: {note: any text}
  creationTimestamp: "2026-01-01T00:00:00Z"
spec:
  hosts: [reviews]
  http:
  - route:
    - destination: {host: reviews}
status: {}
"""


def test_an_object_has_its_head_and_its_spec() -> None:
    object_, diagnostics = decoded(REVIEWS)

    assert diagnostics == []
    assert object_ is not None
    assert object_.key.display_name == "VirtualService shop/reviews"
    assert isinstance(object_.spec, VirtualService)
    assert object_.spec.hosts == ("reviews",)
    assert object_.labels == {"app": "reviews"}
    assert object_.annotations == {"note": "any text"}
    assert object_.created == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("kind", "api_version", "expected"),
    [
        ("VirtualService", "networking.istio.io/v1beta1", []),
        ("VirtualService", "networking.istio.io/v1alpha3", []),
        ("VirtualService", "networking.istio.io/v2", ["CP0214 apiVersion"]),
        ("EnvoyFilter", "networking.istio.io/v1", ["CP0214 apiVersion"]),
        ("HTTPRoute", "gateway.networking.k8s.io/v1alpha2", ["CP0214 apiVersion"]),
        ("Ingress", "networking.k8s.io/v1", ["CP0108 kind"]),
        ("ReplicaSet", "apps/v1", []),
        ("Widget", "example.com/v1", []),
    ],
)
def test_kinds_and_versions(kind: str, api_version: str, expected: list[str]) -> None:
    text = REVIEWS.replace("kind: VirtualService", f"kind: {kind}")

    _, diagnostics = decoded(text.replace("networking.istio.io/v1", api_version))

    assert reported(diagnostics) == expected


def test_a_version_that_is_not_served_is_reported_with_those_that_are() -> None:
    _, (diagnostic,) = decoded(REVIEWS.replace("istio.io/v1", "istio.io/v2"))

    assert diagnostic.message == 'VirtualService has no version "networking.istio.io/v2"'
    assert diagnostic.hint == (
        "use apiVersion: networking.istio.io/v1 (served: networking.istio.io/v1, "
        "networking.istio.io/v1beta1, networking.istio.io/v1alpha3)"
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"spec": None}, ["CP0204 spec"]),
        ({"spec": []}, ["CP0202 spec"]),
        ({"data": {}}, ["CP0201 data", "CP0204 spec"]),
        ({}, ["CP0204 spec"]),
        ({"status": "fine"}, ["CP0202 status", "CP0204 spec"]),
    ],
)
def test_a_spec_is_a_mapping(body: dict[str, object], expected: list[str]) -> None:
    head = body_of("VirtualService", {})
    del head["spec"]

    _, diagnostics = decoded_body(head | body)

    assert reported(diagnostics) == expected


@pytest.mark.parametrize(
    ("waypoint", "is_accepted"), [("", True), ("None", True), ("none", True), ("waypoint", False)]
)
def test_a_waypoint_does_not_look_hosts_up(waypoint: str, *, is_accepted: bool) -> None:
    spec = {"hosts": ["*.a.com"], "location": "MESH_INTERNAL", "resolution": "DYNAMIC_DNS"}
    labels = {"istio.io/use-waypoint": waypoint}

    object_, _ = decoded_body(body_of("ServiceEntry", spec, labels=labels))

    assert (object_ is not None) is is_accepted


def test_the_json_name_wins_over_its_old_spelling() -> None:
    rule = {
        "route": [{"destination": {"host": "reviews"}}],
        "mirror": {"host": "a"},
        "mirror_percent": 1,
        "mirrorPercent": 2,
    }

    object_, _ = decoded_body(body_of("VirtualService", {"hosts": ["a"], "http": [rule]}))

    assert object_ is not None
    assert object_.spec.http[0].mirror_percent == 2
