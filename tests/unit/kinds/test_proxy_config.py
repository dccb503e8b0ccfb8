"""The annotation ``proxy.istio.io/config`` is checked where it is written."""

from pathlib import Path

import pytest

from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY
from tests.support.checked import NOW, checked

POD = """
apiVersion: v1
kind: Pod
metadata:
  name: cart
  annotations:
    proxy.istio.io/config: """
ENTRY = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata:
  name: cart
  annotations:
    proxy.istio.io/config: |
      concurrency: many
spec: {address: 10.0.0.1}
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cart
  annotations:
    proxy.istio.io/config: "concurrency: 2"
spec:
  template:
    metadata:
      annotations:
        proxy.istio.io/config: |
          proxyHeader: {}
"""
GROUP = """
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: cart}
spec:
  metadata:
    annotations:
      proxy.istio.io/config: '{customConfigFile: a}'
  template: {}
"""


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ('|\n      concurrency: 2\n      drainDuration: 3s', []),
        ("''", []),
        (
            "|\n      concurrency: 2\n      proxyHeaders:\n        servr: {disabled: true}",
            ['10:9 error CP0225: metadata.annotations.proxy.istio.io/config.proxyHeaders has no '
             'field "servr" -> rename it to "server"'],
        ),
        (
            "|\n      concurrency: 2\n      concurency: 3",
            ['9:7 warning CP0220: unknown setting "concurency" -> rename it to "concurrency"'],
        ),
        (
            "|\n\n      # why\n      drainDuration: 45",
            ["10:22 error CP0225: expected a duration such as 1.5s or 100ms, found the number 45 "
             "-> write 45s"],
        ),
        (
            '"{concurrency: false}"',
            ["7:43 error CP0225: expected a whole number, found false"],
        ),
        (
            "{concurrency: false}",
            ["7:5 error CP0202: expected text, found a mapping"],
        ),
        (
            "some text",
            ["7:28 error CP0225: expected the settings of ProxyConfig, found the text "
             '"some text"; it has no effect'],
        ),
        (
            "|\n      privateKeyProvider: {qat: {pollDelay: 1ms}}",
            ["8:7 warning CP0203: metadata.annotations.proxy.istio.io/config.privateKeyProvider is "
             "not supported yet and has no effect -> the stock Envoy has no private key providers"],
        ),
        (
            "|\n      proxyMetadata:\n        ISTIO_META_IDLE_TIMEOUT: 3s\n"
            "        ISTIO_META_DNS_CAPTURE: 'true'",
            ["10:9 warning CP0210: the variable ISTIO_META_DNS_CAPTURE has no effect: nothing here "
             "answers the DNS of applications"],
        ),
        (
            "|\n      connectionSettings: {profile: EDGE}\n      a: [1\n      b: 2",
            ['9:7 error CP0225: the annotation is not YAML and has no effect: the "[" that opens '
             "here is not closed, or a comma is missing in it"],
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_in_an_annotation_is_reported_at_its_line(
    written: str, found: list[str]
) -> None:
    assert checked(POD + written + "\n") == found


def test_every_kind_of_workload_has_its_annotation_checked() -> None:
    assert checked(ENTRY) == ['8:20 error CP0225: expected a whole number, found the text "many"']
    assert checked(DEPLOYMENT) == [
        "7:5 warning CP0210: the annotation proxy.istio.io/config of a Deployment has no effect "
        "-> put it into spec.template.metadata.annotations",
        '13:11 warning CP0220: unknown setting "proxyHeader" -> rename it to "proxyHeaders"',
    ]
    assert checked(GROUP) == [
        "8:32 warning CP0203: spec.metadata.annotations.proxy.istio.io/config.customConfigFile "
        "is not supported yet and has no effect -> give the file to Envoy"
    ]


def test_a_fault_in_the_annotation_leaves_the_workload_in_force() -> None:
    engine = Engine(MeshConfig(), now=NOW)
    engine.apply([(Path("mesh.yaml"), ENTRY)])

    assert [declared.name for declared in engine.objects(WORKLOAD_ENTRY)] == ["cart"]
