"""What a proxy's own metrics are called on port 15090."""

import pytest

from controlplane.envoy.exposition import exposition_script, workload_labels


@pytest.mark.parametrize(
    ("labels", "service", "revision"),
    [
        ({}, "cart-v1", "latest"),
        ({"app": "cart", "version": "v1"}, "cart", "v1"),
        ({"app": "a", "app.kubernetes.io/name": "k", "version": "v1"}, "k", "v1"),
        (
            {
                "app.kubernetes.io/name": "k",
                "service.istio.io/canonical-name": "c",
                "app.kubernetes.io/version": "2",
                "service.istio.io/canonical-revision": "3",
            },
            "c",
            "3",
        ),
    ],
)
def test_canonical_names_are_istios(labels: dict[str, str], service: str, revision: str) -> None:
    found = workload_labels("cart-v1", "shop", labels, "Kubernetes")

    assert (found["canonical_service"], found["canonical_revision"]) == (service, revision)


def test_what_is_not_known_is_left_out() -> None:
    assert workload_labels("", "shop", {}, "Kubernetes") == {
        "workload_namespace": "shop",
        "cluster": "Kubernetes",
        "canonical_revision": "latest",
    }


def test_values_cannot_leave_their_quotes_in_lua_or_in_prometheus() -> None:
    script = exposition_script({"app": 'a"b\\c\nd%'})

    assert r'local own = {app = "a\\\"b\\\\c\\nd%"}' in script
