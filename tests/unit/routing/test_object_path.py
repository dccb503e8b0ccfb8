"""Metadata names objects by their path in Kubernetes' API."""

import pytest

from controlplane.base.names import Namespace, ObjectKey
from controlplane.envoy.object_path import object_path
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE


@pytest.mark.parametrize(
    ("key", "path"),
    [
        (
            ObjectKey(VIRTUAL_SERVICE, Namespace("default"), "reviews"),
            "/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews",
        ),
        (
            ObjectKey(DESTINATION_RULE, Namespace("team-a"), "r.1"),
            "/apis/networking.istio.io/v1/namespaces/team-a/destination-rule/r.1",
        ),
    ],
)
def test_the_path_of_an_object_in_kubernetes_api(key: ObjectKey, path: str) -> None:
    assert object_path(key) == path
