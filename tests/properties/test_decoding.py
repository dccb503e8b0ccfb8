"""Whatever stands in an object, decoding it ends in an object or in diagnostics."""

import copy
from typing import Any

from hypothesis import given, settings, strategies as st

from controlplane.base.diagnostics import Effect
from tests.support.broad_mesh import broad_mesh
from tests.support.properties import examples
from tests.unit.kinds.given import body_of, decoded_body

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1s", "*", "unix://", "configmap://a", "%REQ(", "a/b", "SIMPLE"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
OBJECTS = (
    body_of(
        "VirtualService",
        {
            "hosts": ["reviews"],
            "gateways": ["a/b"],
            "http": [
                {
                    "match": [{"uri": {"prefix": "/a"}, "headers": {"x": {"exact": "1"}}}],
                    "route": [{"destination": {"host": "a", "port": {"number": 1}}, "weight": 1}],
                    "timeout": "1s",
                    "retries": {"attempts": 1, "retryOn": "5xx"},
                    "fault": {"delay": {"fixedDelay": "1s", "percentage": {"value": 1}}},
                    "headers": {"request": {"set": {"a": "b"}, "remove": ["c"]}},
                    "corsPolicy": {"allowOrigins": [{"exact": "a"}], "maxAge": "1s"},
                },
                {"directResponse": {"status": 200, "body": {"bytes": "YQ=="}}},
            ],
            "tls": [{"match": [{"sniHosts": ["reviews"]}], "route": []}],
            "exportTo": ["."],
        },
    ),
    body_of(
        "DestinationRule",
        {
            "host": "a",
            "subsets": [{"name": "v1", "labels": {"a": "b"}}],
            "trafficPolicy": {
                "connectionPool": {"tcp": {"idleTimeout": "1s"}, "http": {"maxRetries": 1}},
                "loadBalancer": {
                    "consistentHash": {"httpCookie": {"name": "a", "ttl": "0s"}},
                    "localityLbSetting": {"distribute": [{"from": "a", "to": {"b": 100}}]},
                },
                "outlierDetection": {"interval": "1s"},
                "portLevelSettings": [{"port": {"number": 1}, "tls": {"mode": "SIMPLE"}}],
            },
        },
    ),
    body_of(
        "Gateway",
        {
            "servers": [
                {
                    "port": {"number": 443, "name": "a", "protocol": "HTTPS"},
                    "hosts": ["*"],
                    "tls": {"mode": "SIMPLE", "credentialNames": ["a"]},
                }
            ]
        },
    ),
    body_of(
        "ServiceEntry",
        {
            "hosts": ["a.b"],
            "addresses": ["192.0.2.0/24"],
            "ports": [{"number": 1, "name": "a", "protocol": "TLS"}],
            "resolution": "STATIC",
            "endpoints": [{"address": "192.0.2.1", "ports": {"a": 2}, "labels": {"c": "d"}}],
        },
    ),
    body_of(
        "WorkloadGroup",
        {
            "metadata": {"labels": {"a": "b"}},
            "template": {"address": "unix:///a"},
            "probe": {"httpGet": {"port": 1, "httpHeaders": [{"name": "a"}]}},
        },
    ),
    body_of(
        "Sidecar",
        {
            "workloadSelector": {"labels": {"a": "b"}},
            "ingress": [{"port": {"number": 1}, "defaultEndpoint": ":2"}],
            "egress": [{"hosts": ["./*"], "captureMode": "NONE"}],
            "outboundTrafficPolicy": {"mode": "ALLOW_ANY"},
        },
    ),
    body_of(
        "PeerAuthentication",
        {
            "selector": {"matchLabels": {"a": "b"}},
            "mtls": {"mode": "STRICT"},
            "portLevelMtls": {"1": {"mode": "DISABLE"}},
        },
    ),
    body_of("Service", {"ports": [{"port": 1, "targetPort": "a"}], "selector": {"a": "b"}}),
    body_of(
        "EndpointSlice",
        {
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["192.0.2.1"]}],
            "ports": [{"port": 1}],
        },
    ),
    body_of("Secret", {"data": {"a": "YQ=="}}),
    *(body for name, body in broad_mesh().items() if name.startswith("GatewayAPI")),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a value, the whole first."""
    found = [path]
    if isinstance(value, dict):
        for key, item in value.items():
            found += places(item, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            found += places(item, (*path, i))
    return found


def changed(body: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    result = copy.deepcopy(body)
    place: Any = result
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return result


@st.composite
def broken_objects(draw: st.DrawFn) -> dict[str, Any]:
    """An object of which one or two values are replaced by anything."""
    body = draw(st.sampled_from(OBJECTS))
    for _ in range(draw(st.integers(1, 2))):
        steps = [p for p in places(body) if p and p[0] not in ("apiVersion", "kind", "metadata")]
        body = changed(body, draw(st.sampled_from(steps)), draw(ANYTHING))
    return body


@settings(max_examples=examples(300))
@given(broken_objects())
def test_any_value_ends_in_an_object_or_in_diagnostics(body: dict[str, Any]) -> None:
    object_, diagnostics = decoded_body(body)

    refused = [d for d in diagnostics if d.code.effect is Effect.REFUSED]
    assert (object_ is None) == bool(refused)
    assert all(d.message and not d.message.endswith((".", "!")) for d in diagnostics)
