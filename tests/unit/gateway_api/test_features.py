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
def test_a_feature_has_a_test(feature: str, test: str) -> None:
    file, _, function = test.partition("::")

    assert function.startswith("test_")
    assert function in functions_of(file)


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
    }
