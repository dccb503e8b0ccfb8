"""Nulls are taken out of an object before anything else looks at it, as the API server does.

The pairs were recorded from a real API server: what was written, and what it stored.
"""

from typing import Any

import pytest

from tests.unit.kinds.given import body_of, decoded, decoded_body, reported

TO_A = [{"destination": {"host": "a"}}]
HTTP = {"number": 80, "name": "http", "protocol": "HTTP"}


def rule(**fields: object) -> dict[str, object]:
    return {"hosts": ["a.example"], "http": [{"route": TO_A, **fields}]}


def policy(**fields: object) -> dict[str, object]:
    return {"host": "a", "trafficPolicy": fields}


def gateway(**fields: object) -> dict[str, object]:
    return {"selector": {"app": "gw"}, "servers": [{"port": HTTP, "hosts": ["*"], **fields}]}


def entry(**fields: object) -> dict[str, object]:
    return {"hosts": ["a.example"], "ports": [HTTP], "resolution": "DNS", **fields}


def endpoint_slice(**fields: object) -> dict[str, object]:
    return {"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], **fields}


def service(**port: object) -> dict[str, object]:
    return {"ports": [{"port": 80, **port}]}


@pytest.mark.parametrize(
    ("kind", "written", "stored"),
    [
        ("VirtualService", rule(match=None), rule()),
        ("VirtualService", rule(match=[{"port": None}]), rule(match=[{}])),
        (
            "VirtualService",
            rule(match=[{"uri": {"prefix": "/"}, "ignoreUriCase": None}]),
            rule(match=[{"uri": {"prefix": "/"}}]),
        ),
        ("VirtualService", rule(retries=None), rule()),
        ("VirtualService", rule(retries={"attempts": None}), rule(retries={})),
        (
            "VirtualService",
            rule(retries={"attempts": 1, "retryIgnorePreviousHosts": None}),
            rule(retries={"attempts": 1}),
        ),
        (
            "VirtualService",
            rule(mirror={"host": "b"}, mirror_percent=None),
            rule(mirror={"host": "b"}),
        ),
        ("VirtualService", rule(redirect=None), rule()),
        (
            "VirtualService",
            rule(route=None, redirect={"uri": "/b"}),
            {"hosts": ["a.example"], "http": [{"redirect": {"uri": "/b"}}]},
        ),
        ("VirtualService", {**rule(), "exportTo": None, "tls": None, "tcp": None}, rule()),
        ("DestinationRule", {"host": "a", "trafficPolicy": None}, {"host": "a"}),
        (
            "DestinationRule",
            policy(loadBalancer={"simple": "RANDOM", "consistentHash": None}),
            policy(loadBalancer={"simple": "RANDOM"}),
        ),
        ("DestinationRule", policy(tls={"mode": None}), policy(tls={})),
        ("Gateway", gateway(tls=None), gateway()),
        ("Gateway", gateway(bind=None), gateway()),
        ("Gateway", gateway(port={**HTTP, "targetPort": None}), gateway()),
        ("Gateway", {**gateway(), "selector": None}, {"servers": gateway()["servers"]}),
        ("ServiceEntry", entry(location=None, addresses=None, endpoints=None), entry()),
        (
            "ServiceEntry",
            entry(resolution="STATIC", workloadSelector={"labels": {"a": "b"}}, endpoints=None),
            entry(resolution="STATIC", workloadSelector={"labels": {"a": "b"}}),
        ),
        ("ServiceEntry", entry(ports=[{**HTTP, "targetPort": None}]), entry()),
        ("WorkloadEntry", {"address": "1.2.3.4", "weight": None}, {"address": "1.2.3.4"}),
        ("WorkloadGroup", {"template": {}, "probe": None}, {"template": {}}),
        ("Service", service(name=None, targetPort=None), service()),
        ("Service", {**service(), "selector": {"a": None}}, {**service(), "selector": {"a": ""}}),
        ("EndpointSlice", endpoint_slice(ports=[None]), endpoint_slice(ports=[{"name": ""}])),
        (
            "EndpointSlice",
            endpoint_slice(ports=[{"name": "http", "port": None}]),
            endpoint_slice(ports=[{"name": "http"}]),
        ),
        ("Secret", {"stringData": {"a": None}}, {"stringData": {"a": ""}}),
        ("ConfigMap", {"data": {"a": None}}, {"data": {"a": ""}}),
    ],
)
def test_a_null_is_stored_as_the_api_server_stores_it(
    kind: str, written: dict[str, Any], stored: dict[str, Any]
) -> None:
    ours, _ = decoded_body(body_of(kind, written))
    theirs, diagnostics = decoded_body(body_of(kind, stored))

    assert theirs is not None, reported(diagnostics)
    assert ours is not None
    assert ours.spec == theirs.spec


@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [
        ("VirtualService", rule(match=[None]), ["CP0215 spec.http[0].match[0]"]),
        ("VirtualService", {**rule(), "hosts": ["a.example", None]}, ["CP0215 spec.hosts[1]"]),
        ("VirtualService", rule(unknown=None), ["CP0201 spec.http[0].unknown"]),
        ("VirtualService", rule(rewrite={"uri": None}), ["CP0204 spec.http[0].rewrite"]),
        ("VirtualService", rule(route=None), ["CP0204 spec.http[0]"]),
        ("DestinationRule", policy(loadBalancer=None), ["CP0204 spec.trafficPolicy"]),
        ("Gateway", gateway(hosts=None), ["CP0204 spec.servers[0]"]),
        ("Service", {"ports": [None]}, ["CP0205 spec.ports[0].port"]),
        ("Service", {**service(), "externalIPs": [None]}, ["CP0206 spec.externalIPs[0]"]),
        ("EndpointSlice", endpoint_slice(endpoints=[None]), ["CP0218 endpoints[0]"]),
    ],
)
def test_null_is_no_item_and_fills_no_required_field(
    kind: str, written: dict[str, Any], expected: list[str]
) -> None:
    object_, diagnostics = decoded_body(body_of(kind, written))

    assert reported(diagnostics) == expected
    assert object_ is None


@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [
        ("VirtualService", rule(match=[{"headers": {"x": None}}]), "http[0].match[0].headers.x"),
        (
            "VirtualService",
            rule(match=[{"headers": {"x": {"exact": None}}}]),
            "http[0].match[0].headers.x.exact",
        ),
        (
            "VirtualService",
            rule(match=[{"sourceLabels": {"app": None}}]),
            "http[0].match[0].sourceLabels.app",
        ),
        ("Gateway", {**gateway(), "selector": {"app": None}}, "selector.app"),
    ],
)
def test_what_matches_more_for_want_of_a_value_is_reported(
    kind: str, written: dict[str, Any], expected: str
) -> None:
    object_, diagnostics = decoded_body(body_of(kind, written))

    assert reported(diagnostics, ("spec",)) == [f"CP0223 {expected}"]
    assert object_ is not None


def test_labels_with_null_have_empty_values() -> None:
    object_, diagnostics = decoded_body(
        body_of("VirtualService", rule(), labels={"app": None}, annotations=None)
    )

    assert diagnostics == []
    assert object_ is not None
    assert object_.labels == {"app": ""}


def test_a_template_that_left_its_sections_empty_is_accepted() -> None:
    object_, diagnostics = decoded("""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: default}
spec:
  hosts: ["*"]
  gateways: [istio-system/gw]
  http:
  - match:
    timeout:
    directResponse: {status: 200}
""")

    assert diagnostics == []
    assert object_ is not None
