"""How a Service of Kubernetes is read."""

import pytest

from controlplane.base.names import Host
from controlplane.model.service import Resolution, Service, TrafficDistribution
from controlplane.queries.registry.services import service
from tests.support.declared import Declared
from tests.unit.clusters.entries import EDGE

REVIEWS = "reviews.default.svc.cluster.local"


def of_kubernetes(spec: str = "", annotations: str = "", namespace: str = "") -> Service:
    """What a Service of Kubernetes is to a gateway."""
    text = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: default, annotations: {{{namespace}}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: reviews, namespace: default, annotations: {{{annotations}}}}}
spec: {{ports: [{{name: http, port: 80}}]{spec}}}
"""
    found = service(Declared(text).graph, Host(REVIEWS), EDGE)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("spec", "resolution", "addresses"),
    [
        (", clusterIP: None", Resolution.HEADLESS, ()),
        (", clusterIP: 10.0.0.1", Resolution.ENDPOINTS, ("10.0.0.1",)),
        (
            ", clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1, 'fd00::1']",
            Resolution.ENDPOINTS,
            ("10.0.0.1", "fd00::1"),
        ),
        ("", Resolution.ENDPOINTS, ()),
        (", type: ExternalName, externalName: a.example.org", Resolution.ALIAS, ()),
    ],
    ids=["headless", "an address", "two addresses", "no address", "another name"],
)
def test_how_a_service_is_reached(
    spec: str, resolution: Resolution, addresses: tuple[str, ...]
) -> None:
    found = of_kubernetes(spec)

    assert (found.resolution, found.addresses) == (resolution, addresses)
    assert found.host == REVIEWS


def test_a_service_may_name_the_accounts_of_its_endpoints() -> None:
    found = of_kubernetes(
        annotations="alpha.istio.io/canonical-serviceaccounts: 'spiffe://a/ns/b/sa/c',"
        " alpha.istio.io/kubernetes-serviceaccounts: 'd, e'"
    )

    assert found.subject_alt_names == (
        "spiffe://a/ns/b/sa/c",
        "spiffe://cluster.local/ns/default/sa/d",
        "spiffe://cluster.local/ns/default/sa/e",
    )


NEAR_NODE = "networking.istio.io/traffic-distribution: PreferSameNode"


NEAR_ZONE = "networking.istio.io/traffic-distribution: PreferClose"


@pytest.mark.parametrize(
    ("spec", "annotation", "namespace", "expected"),
    [
        (", trafficDistribution: PreferClose", NEAR_NODE, NEAR_NODE, TrafficDistribution.ZONE),
        (", trafficDistribution: PreferSameZone", "", "", TrafficDistribution.ZONE),
        ("", NEAR_NODE, NEAR_ZONE, TrafficDistribution.NODE),
        ("", "", NEAR_NODE, TrafficDistribution.NODE),
        ("", "", "", None),
    ],
    ids=["the spec first", "its other word", "then its annotation", "then its namespace", "no one"],
)
def test_who_says_how_near_traffic_stays(
    spec: str, annotation: str, namespace: str, expected: TrafficDistribution | None
) -> None:
    assert of_kubernetes(spec, annotation, namespace).traffic_distribution is expected
