"""The spec that is kept has the defaults of the CRDs, as the API server stores them."""

from typing import Any

import pytest

from tests.support.oracle_defaults import differences

ANY_PATH = {"path": {"type": "PathPrefix", "value": "/"}}
SAME = {"namespaces": {"from": "Same"}}
GATEWAY = "gateway.networking.k8s.io"


@pytest.mark.parametrize(
    ("kind", "spec", "stored"),
    [
        ("HTTPRoute", {}, {"rules": [{"matches": [ANY_PATH]}]}),
        ("HTTPRoute", {"rules": [{}]}, {"rules": [{"matches": [ANY_PATH]}]}),
        ("HTTPRoute", {"rules": [{"matches": [{}]}]}, {"rules": [{"matches": [ANY_PATH]}]}),
        ("HTTPRoute", {"rules": [{"matches": []}]}, {"rules": [{"matches": []}]}),
        (
            "HTTPRoute",
            {"rules": [{"matches": [{"path": {"type": "RegularExpression"}}]}]},
            {"rules": [{"matches": [{"path": {"type": "RegularExpression", "value": "/"}}]}]},
        ),
        ("GRPCRoute", {"rules": [{}]}, {"rules": [{}]}),
        (
            "HTTPRoute",
            {"parentRefs": [{"name": "a"}], "rules": [{"backendRefs": [{"name": "b", "port": 1}]}]},
            {
                "parentRefs": [{"name": "a", "group": GATEWAY, "kind": "Gateway"}],
                "rules": [
                    {
                        "matches": [ANY_PATH],
                        "backendRefs": [{"name": "b", "port": 1, "kind": "Service", "weight": 1}],
                    }
                ],
            },
        ),
        (
            "Gateway",
            {
                "gatewayClassName": "a",
                "allowedListeners": {},
                "listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}],
            },
            {
                "gatewayClassName": "a",
                "allowedListeners": {"namespaces": {"from": "None"}},
                "listeners": [{"name": "a", "port": 80, "protocol": "HTTP", "allowedRoutes": SAME}],
            },
        ),
        (
            "XBackendTrafficPolicy",
            {
                "targetRefs": [{"group": "", "kind": "Service", "name": "a"}],
                "retryConstraint": {"minRetryRate": {}},
            },
            {
                "targetRefs": [{"group": "", "kind": "Service", "name": "a"}],
                "retryConstraint": {
                    "budget": {"interval": "10s", "percent": 20},
                    "minRetryRate": {},
                },
            },
        ),
    ],
)
def test_defaults_are_those_of_the_crds(
    kind: str, spec: dict[str, Any], stored: dict[str, Any]
) -> None:
    version = f"{GATEWAY}/v1"
    if kind.startswith("X"):
        version = "gateway.networking.x-k8s.io/v1alpha1"
    body = {"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": spec}

    assert differences(body, stored) == []


def test_a_default_that_is_missing_is_a_difference() -> None:
    body = {
        "apiVersion": f"{GATEWAY}/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "a"},
        "spec": {"rules": [{"matches": []}]},
    }

    assert differences(body, {"rules": [{"matches": [ANY_PATH]}]}) == [
        "spec.rules[0].matches is (), the API server stores "
        "[{'path': {'type': 'PathPrefix', 'value': '/'}}]"
    ]
