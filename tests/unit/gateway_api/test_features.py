"""What a GatewayClass says it supports is what tests of this project check."""

from pathlib import Path
from typing import Final

import pytest

from controlplane.model.gateway_api import Conformance
from controlplane.translate.gateway_api.features import FEATURES, supported_features

TESTS: Final = Path(__file__).parents[2]
MOST: Final = 64
"""Source: GatewayClassStatus.supportedFeatures."""


@pytest.mark.parametrize(("feature", "test"), FEATURES.items())
def test_a_feature_has_a_test(feature: str, test: str) -> None:
    assert (TESTS / test).exists()


@pytest.mark.parametrize("conformance", Conformance)
def test_features_are_sorted_and_not_too_many(conformance: Conformance) -> None:
    features = supported_features(conformance)

    assert list(features) == sorted(features)
    assert len(features) <= MOST


def test_gateways_that_answer_as_istios_do_not_tell_misdirected_requests() -> None:
    assert set(supported_features(Conformance.SPECIFICATION)) - set(
        supported_features(Conformance.ISTIO)
    ) == {"GatewayHTTPSListenerDetectMisdirectedRequests"}
