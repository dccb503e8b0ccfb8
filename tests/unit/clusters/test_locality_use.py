"""What of a proxy's place enters its view: what something in the mesh ranks endpoints by."""

import json

import pytest

from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.traffic_policy import LocalityLb, OutlierDetection, TrafficPolicy
from controlplane.model.outbound_view import LocalityUse
from controlplane.queries.policy.locality_use import mesh_locality_use
from tests.support.declared import Declared

ZONE = ("topology.istio.io/network", "topology.kubernetes.io/region", "topology.kubernetes.io/zone")
NODE = (*ZONE, "topology.istio.io/subzone", "kubernetes.io/hostname")
EJECTING = {"outlierDetection": {"interval": "1s"}}
DISTRIBUTING = {"localityLbSetting": {"distribute": [{"from": "r1/*", "to": {"r2/*": 100}}]}}


def ranked_by(*labels: str) -> dict[str, object]:
    return {"localityLbSetting": {"failoverPriority": labels}}


def rule(**policy: object) -> str:
    return _object("networking.istio.io/v1", "DestinationRule", {"host": "web", **policy})


def service(annotations: dict[str, str] | None = None, **spec: object) -> str:
    ports = [{"name": "http", "port": 80}]
    return _object("v1", "Service", {"ports": ports, **spec}, annotations or {})


def namespace(annotations: dict[str, str]) -> str:
    metadata = {"name": "default", "annotations": annotations}
    return json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})


def _object(
    api: str, kind: str, spec: dict[str, object], annotations: dict[str, str] | None = None
) -> str:
    metadata = {"name": "web", "namespace": "default", "annotations": annotations or {}}
    return json.dumps({"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec})


NEAR_ZONE = {"networking.istio.io/traffic-distribution": "PreferClose"}


@pytest.mark.parametrize(
    ("text", "locality", "labels"),
    [
        (rule(trafficPolicy={"tls": {}}), False, ()),
        (rule(trafficPolicy=EJECTING), True, ()),
        (rule(subsets=[{"name": "v1", "trafficPolicy": EJECTING}]), True, ()),
        (
            rule(trafficPolicy={"portLevelSettings": [{"port": {"number": 80}, **EJECTING}]}),
            True,
            (),
        ),
        (rule(trafficPolicy={"loadBalancer": DISTRIBUTING}), True, ()),
        (rule(trafficPolicy={"loadBalancer": ranked_by("rack", "cell=a")}), True, ("rack",)),
        (service(), False, ()),
        (service(trafficDistribution="PreferClose"), True, ZONE),
        (service(trafficDistribution="PreferSameNode"), True, NODE),
        (service(NEAR_ZONE), True, ZONE),
        (service(internalTrafficPolicy="Local"), False, ("kubernetes.io/hostname",)),
        (namespace(NEAR_ZONE), True, ZONE),
    ],
)
def test_what_something_ranks_by_is_used(
    text: str, locality: bool, labels: tuple[str, ...]
) -> None:
    declared = Declared(text)

    assert mesh_locality_use(declared.graph) == LocalityUse(locality, frozenset(labels))


@pytest.mark.parametrize(
    ("mesh", "locality", "labels"),
    [
        (MeshConfig(), False, ()),
        (
            MeshConfig(default_traffic_policy=TrafficPolicy(outlier_detection=OutlierDetection())),
            True,
            (),
        ),
        (MeshConfig(locality_lb_setting=LocalityLb(failover_priority=("rack",))), False, ()),
        (
            MeshConfig(
                locality_lb_setting=LocalityLb(failover_priority=("rack",)),
                default_traffic_policy=TrafficPolicy(outlier_detection=OutlierDetection()),
            ),
            True,
            ("rack",),
        ),
    ],
)
def test_what_the_mesh_ranks_by_is_used_where_endpoints_are_ejected(
    mesh: MeshConfig, locality: bool, labels: tuple[str, ...]
) -> None:
    declared = Declared("", mesh=mesh)

    assert mesh_locality_use(declared.graph) == LocalityUse(locality, frozenset(labels))


def test_an_edit_that_names_no_other_label_looks_at_no_rule_again() -> None:
    declared = Declared(rule(trafficPolicy=EJECTING))
    mesh_locality_use(declared.graph)
    declared.edit(rule(trafficPolicy={**EJECTING, "tls": {}}))
    declared.graph.trace = []

    mesh_locality_use(declared.graph)

    assert declared.graph.trace == []
