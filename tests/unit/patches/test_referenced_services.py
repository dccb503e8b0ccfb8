"""``envoyfilter.istio.io/referenced-services`` keeps services at gateways whose services istiod
filters. Here gateways have all that they see, and what a Sidecar leaves out stays out, as with
istiod ("this will not override exclusions by sidecar", ``pilot/pkg/model/envoyfilter.go``).
"""

from pathlib import Path
from typing import Final

import pytest

from tests.unit.patches.given import GATEWAY, SIDECAR, Patched, envoy_filter, patch

LIMITS: Final = "outbound|81||limits.limits.svc.cluster.local"
MESH: Final = """
apiVersion: v1
kind: Service
metadata: {name: limits, namespace: limits}
spec: {ports: [{name: grpc, port: 81}]}
"""
SCOPED: Final = """
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: default}
spec: {egress: [{hosts: ["./*"]}]}
"""
NAMED: Final = (
    "metadata:\n  annotations:\n    envoyfilter.istio.io/referenced-services: "
    "limits.limits.svc.cluster.local,limits/limits.limits.svc.cluster.local"
)
MERGED: Final = envoy_filter(patch("CLUSTER", "MERGE", {"connect_timeout": "9s"}))


@pytest.mark.parametrize("text", [MERGED, MERGED.replace("metadata:", NAMED)])
def test_services_that_an_envoy_filter_refers_to_are_those_of_the_proxy(text: str) -> None:
    patched = Patched(text)
    patched.engine.apply([(Path("more.yaml"), MESH + SCOPED)])

    assert LIMITS in patched.resources(GATEWAY).clusters
    assert LIMITS not in patched.resources(SIDECAR).clusters
    patched.engine.apply([(Path("more.yaml"), MESH)])
    assert LIMITS in patched.resources(SIDECAR).clusters
    assert patched.reported() == []
