"""Names, labels and annotations of an object, as Kubernetes and Istio take them."""

from typing import Any

import pytest

from controlplane.base.names import Kind
from controlplane.kinds.registry import SERVED
from tests.unit.kinds.given import body_of, decoded_body, reported

SPEC = {"hosts": ["reviews"], "http": [{"route": [{"destination": {"host": "reviews"}}]}]}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        pytest.param({}, [], id="a name is enough"),
        pytest.param({"name": "a.b-c.9"}, [], id="a name may have dots"),
        pytest.param({"name": "A"}, ["CP0211 name"], id="a name is in lower case"),
        pytest.param({"name": "a_b"}, ["CP0211 name"], id="a name has no underscore"),
        pytest.param({"name": "a" * 254}, ["CP0211 name"], id="a name has 253 characters at most"),
        pytest.param({"namespace": "a-b"}, [], id="a namespace is a label"),
        pytest.param({"namespace": "a.b"}, ["CP0211 namespace"], id="a namespace has no dots"),
        pytest.param({"labels": {"a.b/c_d": "E.f"}}, [], id="a label's key may have a prefix"),
        pytest.param(
            {"labels": {"A.b/c": "d"}}, ["CP0206 labels.A.b/c"], id="the prefix is in lower case"
        ),
        pytest.param({"annotations": {"A.b/C": "d"}}, [], id="an annotation's is in any case"),
        pytest.param({"generation": -1}, ["CP0205 generation"], id="a generation is counted"),
        pytest.param({"labels": {"a": ""}}, [], id="a label's value may be empty"),
        pytest.param({"labels": {"/a": "b"}}, ["CP0206 labels./a"], id="a prefix is not empty"),
        pytest.param({"labels": {"a": "b c"}}, ["CP0206 labels.a"], id="a value has no space"),
        pytest.param({"labels": {"a": "b" * 64}}, ["CP0218 labels.a"], id="a value is 63 at most"),
        pytest.param({"labels": {"a": 1}}, ["CP0202 labels.a"], id="a label is text"),
        pytest.param({"labels": None}, [], id="labels may be null"),
        pytest.param({"label": {}}, ["CP0201 label"], id="metadata has known fields"),
        pytest.param({"annotations": {"a": "any text\n"}}, [], id="an annotation is any text"),
        pytest.param({"annotations": {"a b": "c"}}, ["CP0206 annotations.a b"], id="a key is one"),
        pytest.param(
            {"annotations": {"istio.io/dry-run": "true"}},
            ["CP0219 annotations.istio.io/dry-run"],
            id="only an AuthorizationPolicy is tried out",
        ),
        pytest.param(
            {"annotations": {"internal.istio.io/webhook-always-reject": ""}},
            ["CP0219 annotations.internal.istio.io/webhook-always-reject"],
            id="an annotation refuses its object",
        ),
    ],
)
def test_metadata(metadata: dict[str, Any], expected: list[str]) -> None:
    body = body_of("VirtualService", SPEC, **metadata)

    _, diagnostics = decoded_body(body)

    assert reported(diagnostics, ("metadata",)) == expected


@pytest.mark.parametrize(
    "name", ["parents", "parent-namespace", "webhook-always-reject"], ids=lambda name: name
)
@pytest.mark.parametrize(
    "kind", [kind for kind, served in SERVED.items() if served.custom], ids=str
)
def test_istios_own_annotations_refuse_every_kind_of_istio_and_no_other(
    kind: Kind[Any], name: str
) -> None:
    annotation = f"internal.istio.io/{name}"
    body = {
        "apiVersion": SERVED[kind].api_versions[0],
        "kind": kind.name,
        "metadata": {"name": "reviews", "annotations": {annotation: "a"}},
    }

    _, diagnostics = decoded_body(body)

    places = [line for line in reported(diagnostics, ("metadata", "annotations")) if name in line]
    is_of_istio = "istio.io" in kind.group
    assert places == ([f"CP0219 {annotation}"] if is_of_istio else [])


@pytest.mark.parametrize("field", ["creationTimestamp", "deletionTimestamp"])
@pytest.mark.parametrize(
    ("text", "is_time"),
    [
        ("2026-01-31T12:00:00Z", True),
        ("2026-01-31T12:00:00.25+05:30", True),
        (None, True),
        ("", False),
        ("2026-01-31", False),
        ("2026-01-31 12:00:00Z", False),
        ("2026-01-31T12:00:00", False),
        ("2026-13-31T12:00:00Z", False),
        ("2026-01-31T24:00:00Z", False),
        ("yesterday", False),
    ],
)
def test_when_an_object_came_and_goes_is_a_time(
    field: str, text: str | None, is_time: bool
) -> None:
    body = body_of("VirtualService", SPEC, **{field: text})

    _, diagnostics = decoded_body(body)

    assert reported(diagnostics, ("metadata",)) == ([] if is_time else [f"CP0206 {field}"])


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2026-01-31T12:00:00+05:00", "2026-01-31T08:00:00Z"),
        ("2026-01-31T23:30:00Z", "2026-01-31T23:30:00-00:30"),
    ],
)
def test_of_two_objects_the_older_is_so_in_any_time_zone(earlier: str, later: str) -> None:
    old, young = (
        decoded_body(body_of("VirtualService", SPEC, name=name, creationTimestamp=text))[0]
        for name, text in (("b", earlier), ("a", later))
    )

    assert old is not None
    assert young is not None
    assert old.age < young.age


def test_the_namespace_of_what_belongs_to_the_whole_cluster_is_not_looked_at() -> None:
    body = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "edge", "namespace": "not/one"},
        "spec": {"controllerName": "example.com/edge"},
    }

    found, diagnostics = decoded_body(body)

    assert found is not None
    assert list(diagnostics) == []


@pytest.mark.parametrize("name", ["name-override", "service-account"])
@pytest.mark.parametrize(("text", "expected"), [("edge", []), ("../x", ["CP0210"]), ("", [])])
def test_an_annotation_that_names_a_gateways_proxy_is_a_name(
    name: str, text: str, expected: list[str]
) -> None:
    body = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "front", "annotations": {f"gateway.istio.io/{name}": text}},
        "spec": {
            "gatewayClassName": "istio",
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
        },
    }

    _, diagnostics = decoded_body(body)

    assert [found.code.id for found in diagnostics] == expected


@pytest.mark.parametrize(
    ("action", "value", "expected"),
    [
        ("ALLOW", "true", []),
        ("DENY", "TRUE", []),
        ("ALLOW", "0", []),
        ("ALLOW", "", ["CP0206 annotations.istio.io/dry-run"]),
        ("ALLOW", "yes", ["CP0206 annotations.istio.io/dry-run"]),
        ("AUDIT", "true", ["CP0219 annotations.istio.io/dry-run"]),
        ("CUSTOM", "false", ["CP0219 annotations.istio.io/dry-run"]),
    ],
)
def test_a_policy_is_tried_out_with_a_boolean(action: str, value: str, expected: list[str]) -> None:
    provider = {"provider": {"name": "ext"}} if action == "CUSTOM" else {}
    spec = {"action": action, "rules": [{}], **provider}
    body = body_of("AuthorizationPolicy", spec, annotations={"istio.io/dry-run": value})

    _, diagnostics = decoded_body(body)

    assert [one for one in reported(diagnostics, ("metadata",)) if "CP0203" not in one] == expected


def test_a_gateway_is_named_by_one_label() -> None:
    server = {"port": {"number": 80, "name": "a", "protocol": "HTTP"}, "hosts": ["*"]}

    _, diagnostics = decoded_body(body_of("Gateway", {"servers": [server]}, name="a.b"))

    assert reported(diagnostics) == ["CP0206 metadata.name"]
