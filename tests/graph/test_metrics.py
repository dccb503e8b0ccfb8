"""Which listeners, clusters and endpoints metrics change, and whose."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.envoy.resource import Resource
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Proxy, Role
from controlplane.queries.snapshot.snapshot import Resources
from tests.support.declared import plain

MESH = """
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec:
  clusterIP: 10.96.0.1
  selector: {app: cart}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 90, targetPort: 9090}]
---
apiVersion: v1
kind: Pod
metadata:
  name: cart-v1-6d4b-x2x
  namespace: shop
  labels: {app: cart, version: v1, pod-template-hash: 6d4b}
spec: {containers: [{name: cart}], serviceAccountName: cart}
status: {podIP: 10.0.0.1, phase: Running, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: cart-vm, namespace: shop}
spec: {address: 10.0.0.2, labels: {app: cart, version: v2}}
---
"""
ON = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: metrics, namespace: shop}
spec:
  SELECTOR
  metrics: [{providers: [{name: prometheus}]}]
"""
LOGGER = "envoy.access_loggers.stats"


def sidecar(name: str, address: str) -> Proxy:
    return Proxy(
        name=name,
        role=Role.SIDECAR,
        namespace=Namespace("shop"),
        service_account=name,
        labels=(("app", name),),
        addresses=(address,),
    )


ONE, OTHER = sidecar("one", "10.0.1.1"), sidecar("other", "10.0.1.2")


def engine(text: str, *, metrics: bool = False) -> Engine:
    made = Engine(MeshConfig(), now=datetime(2026, 6, 1, tzinfo=UTC), metrics=metrics)
    made.apply([(Path("a.yaml"), text)])
    return made


def resources(of: Engine, proxy: Proxy) -> Resources:
    view = of.view(proxy)
    assert view is not None
    found = of.resources(view)
    assert found is not None
    return found


def listeners(of: Engine, proxy: Proxy) -> dict[str, Resource]:
    found = resources(of, proxy).listeners
    return {name: found[name] for name in found}


def measured(of: Engine, proxy: Proxy) -> set[str]:
    """The listeners that count."""
    found = listeners(of, proxy).items()
    return {name for name, resource in found if LOGGER in str(plain(resource))}


def metadata(of: Engine) -> list[Any]:
    """Of each endpoint of the service."""
    name = "outbound|80||cart.shop.svc.cluster.local"
    assignment = plain(resources(of, ONE).endpoints[name])
    return [
        endpoint.get("metadata", {}).get("filter_metadata", {}).get("istio.metrics")
        for locality in assignment["endpoints"]
        for endpoint in locality["lb_endpoints"]
    ]


def test_without_metrics_nothing_is_counted_or_described() -> None:
    off = engine(MESH)

    assert measured(off, ONE) == set()
    assert metadata(off) == [None, None]


def test_every_listener_counts_and_endpoints_say_which_workload_they_are() -> None:
    on = engine(MESH, metrics=True)

    assert measured(on, ONE) == set(listeners(on, ONE))
    assert metadata(on) == [
        {
            "workload": "cart-v1",
            "workload_namespace": "shop",
            "app": "cart",
            "version": "v1",
            "cluster": "Kubernetes",
            "canonical_service": "cart",
            "canonical_revision": "v1",
        },
        {
            "workload": "cart-vm",
            "workload_namespace": "shop",
            "app": "cart",
            "version": "v2",
            "cluster": "Kubernetes",
            "canonical_service": "cart",
            "canonical_revision": "v2",
        },
    ]


def test_workloads_of_different_names_share_the_listeners_that_count() -> None:
    on = engine(MESH + ON.replace("SELECTOR", ""))

    assert measured(on, ONE) == set(listeners(on, ONE))
    assert listeners(on, ONE) == listeners(on, OTHER)


def test_a_telemetry_for_one_workload_changes_the_listeners_of_no_other() -> None:
    before = listeners(engine(MESH), OTHER)

    on = engine(MESH + ON.replace("SELECTOR", "selector: {matchLabels: {app: one}}"))

    assert measured(on, ONE) == set(listeners(on, ONE))
    assert listeners(on, OTHER) == before


def test_a_telemetry_that_goes_takes_all_of_it_away() -> None:
    edited = engine(MESH + ON.replace("SELECTOR", ""))
    assert measured(edited, ONE)

    edited.apply([(Path("a.yaml"), MESH)])

    assert listeners(edited, ONE) == listeners(engine(MESH), ONE)
    assert metadata(edited) == [None, None]


def test_what_is_in_no_service_has_the_name_of_its_cluster() -> None:
    on, off = engine(MESH, metrics=True), engine(MESH)

    for name in ("PassthroughCluster", "BlackHoleCluster"):
        said = plain(resources(on, ONE).clusters[name])["metadata"]["filter_metadata"]
        assert said == {"istio.metrics": {"service_name": name}}
        assert "metadata" not in plain(resources(off, ONE).clusters[name])
