"""What a GatewayClass says it supports is what tests of this project check."""

import ast
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from controlplane.model.gateway_api import Conformance
from controlplane.translate.gateway_api.features import (
    FEATURES,
    MESH_FEATURES,
    UNCLAIMED,
    supported_features,
)

TESTS: Final = Path(__file__).parents[2]
MOST: Final = 64
"""Source: GatewayClassStatus.supportedFeatures."""


@cache
def functions_of(file: str) -> frozenset[str]:
    """The functions of a file of tests."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return frozenset(each.name for each in tree.body if isinstance(each, ast.FunctionDef))


@pytest.mark.parametrize(("feature", "test"), (FEATURES | MESH_FEATURES).items())
def test_a_feature_has_a_test_with_a_real_envoy(feature: str, test: str) -> None:
    file, _, function = test.partition("::")

    assert file.startswith("envoy/")
    assert function.startswith("test_")
    assert function in functions_of(file)


def test_every_feature_of_the_api_is_claimed_or_listed_as_unclaimed() -> None:
    """Of Gateway API 1.6 and what follows it, ``pkg/features``: 61 names."""
    documented = (TESTS.parent / "docs" / "gateway-api.md").read_text(encoding="utf-8")

    assert len(FEATURES) + len(MESH_FEATURES) + len(UNCLAIMED) == 61
    assert UNCLAIMED.isdisjoint(FEATURES.keys() | MESH_FEATURES.keys())
    assert [name for name in UNCLAIMED if f"`{name}`" not in documented] == []


@pytest.mark.parametrize("conformance", Conformance)
def test_features_are_sorted_and_not_too_many(conformance: Conformance) -> None:
    features = supported_features(conformance)

    assert list(features) == sorted(features)
    assert len(features) <= MOST


def test_gateways_that_answer_as_istios_support_what_istio_does() -> None:
    assert set(supported_features(Conformance.SPECIFICATION)) - set(
        supported_features(Conformance.ISTIO)
    ) == {
        "GatewayHTTPSListenerDetectMisdirectedRequests",
        "HTTPRouteBackendRequestRedirect",
        "HTTPRouteBackendURLRewrite",
        "HTTPRouteRetryBackendTimeout",
        "HTTPRouteRetryConnectionError",
    }
