"""Annotations about the statistics of a workload's proxy."""

from pathlib import Path

import pytest

from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.proxy_statistics import own_statistics
from controlplane.model.gateway_proxy import GatewayProxy
from controlplane.model.proxy_start import Statistics
from controlplane.serve.proxy_start import gateway_start
from tests.support.checked import NOW, checked

GATEWAY = GatewayProxy(
    namespace=Namespace("shop"), name="edge", labels=(("app", "edge"),), service_account="edge"
)
PREFIX = "sidecar.istio.io/stats"


def deployment(annotations: str) -> str:
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: edge, namespace: shop}}
spec: {{template: {{metadata: {{labels: {{app: edge}}, annotations: {annotations}}}}}}}
"""


def started(annotations: str) -> Statistics:
    engine = Engine(MeshConfig(), now=NOW)
    engine.apply([(Path("edge.yaml"), deployment(annotations))])
    return gateway_start(engine, GATEWAY).statistics


CONFIG = (
    "proxy.istio.io/config: '{proxyStatsMatcher: {inclusionPrefixes: [a], inclusionSuffixes: [b]},"
    " extraStatTags: [one]}'"
)


def test_without_an_annotation_the_proxy_config_says_which_statistics_there_are() -> None:
    found = started(f"{{{CONFIG}}}")

    assert found.included is not None
    assert (found.included.prefixes[-1], found.included.suffixes[-1]) == ("a", "b")
    assert found.tags == ("one",)


def test_an_annotation_takes_the_place_of_one_list_and_adds_tags() -> None:
    found = started(
        f"{{{CONFIG}, {PREFIX}InclusionPrefixes: 'c,d', sidecar.istio.io/extraStatTags: 'two,one'}}"
    )

    assert found.included is not None
    assert found.included.prefixes[-2:] == ("c", "d")
    assert "a" not in found.included.prefixes
    assert found.included.suffixes[-1] == "b"
    assert found.tags == ("one", "two")


def test_an_annotation_needs_no_proxy_config() -> None:
    found = started(f"{{{PREFIX}InclusionRegexps: '.*retry.*'}}")

    assert found.included is not None
    assert found.included.regexes[-1] == ".*retry.*"
    assert "cluster_manager" in found.included.prefixes


def test_buckets_are_by_prefix() -> None:
    found = started(f"""{{{PREFIX}HistogramBuckets: '{{"b": [5, 1], "a": [0.5]}}'}}""")

    assert found.buckets == (("a", (0.5,)), ("b", (1.0, 5.0)))
    assert found.included is None


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        ("InclusionRegexps", "a,(", '"(" is not a regular expression'),
        ("HistogramBuckets", "{a: [1]}", "the annotation is not JSON"),
        ("HistogramBuckets", "[" * 100_000, "the annotation is not JSON"),
        ("HistogramBuckets", "[1]", "is not a mapping from prefixes to bounds"),
        ("HistogramBuckets", '{"a": []}', 'the bounds of "a" are not numbers above 0'),
        ("HistogramBuckets", '{"a": [0]}', 'the bounds of "a" are not numbers above 0'),
        ("HistogramBuckets", '{"a": [1, 1.0]}', 'the bounds of "a" are not numbers above 0'),
        ("HistogramBuckets", '{"a": [true]}', 'the bounds of "a" are not numbers above 0'),
        ("HistogramBuckets", '{"a": [1e999]}', 'the bounds of "a" are not numbers above 0'),
        ("HistogramBuckets", '{"": [1]}', 'the bounds of "" are not numbers above 0'),
    ],
)
def test_what_no_proxy_starts_with_is_reported_and_left_out(
    annotation: str, value: str, message: str
) -> None:
    text = f"{{{PREFIX}{annotation}: '{value}'}}"

    (found,) = checked(deployment(text))

    assert "CP0225" in found
    assert message in found
    kept = own_statistics({f"{PREFIX}{annotation}": value})
    assert (kept.buckets, kept.regexes) in (((), ()), ((), ("a",)))


def test_at_another_kind_an_annotation_is_reported() -> None:
    text = """
apiVersion: v1
kind: Service
metadata: {name: a, annotations: {sidecar.istio.io/extraStatTags: a}}
spec: {ports: [{port: 80, name: http}]}
"""

    (found,) = checked(text)

    assert "CP0210" in found
    assert "the annotation sidecar.istio.io/extraStatTags of a Service has no effect" in found
