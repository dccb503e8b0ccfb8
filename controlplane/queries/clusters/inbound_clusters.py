"""The clusters of a sidecar that lead to its own workload.

Source: Istio ``pilot/pkg/networking/core/cluster.go`` (``buildInboundClusters``).
"""

from collections.abc import Iterator

from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace
from controlplane.base.provenance import BuiltIn, Provenance
from controlplane.base.shelf import Shelf, shelf
from controlplane.envoy.clusters.cluster import cluster_message
from controlplane.envoy.resource import Resource, TypeUrl, resource
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY
from controlplane.model.cluster import Cluster, Origin
from controlplane.model.cluster_name import INBOUND_PASSTHROUGH, inbound
from controlplane.model.inbound_port import InboundPort
from controlplane.model.inbound_view import InboundView
from controlplane.model.outbound_view import RuleKeys, RuleScope
from controlplane.model.proxy import IpFamily
from controlplane.model.traffic_policy import ConnectionPool
from controlplane.queries.clusters.cluster_origins import port_origins
from controlplane.queries.clusters.clusters import mesh_defaults
from controlplane.queries.policy.policies import mesh_policy, policy_for
from controlplane.queries.policy.rule_origins import rule_origins
from controlplane.queries.policy.rules import governing_rules
from controlplane.queries.registry.inbound_ports import inbound_mesh_settings
from controlplane.translate.inbound_cluster import inbound_cluster, passthrough_cluster


@guarded
def inbound_clusters(graph: Graph, view: InboundView) -> Shelf[Resource] | None:
    """Runs again when one of them comes, goes or changes; ``None`` while an internal error keeps
    one of a new view from being known: its listener would lead nowhere.
    """
    found = tuple(_clusters(graph, view))
    return shelf({each.name: each for each in found})


def _clusters(graph: Graph, view: InboundView) -> Iterator[Resource]:
    yield inbound_passthrough(graph, view.families)
    for port in view.ports:
        yield cluster_of_port(graph, port, view.namespace, view.families)


@derived
def inbound_passthrough(graph: Graph, families: tuple[IpFamily, ...]) -> Resource:
    """The cluster of ports that no service has; runs again when the mesh's defaults change."""
    pool = mesh_policy(graph).pool or ConnectionPool()
    return _encoded(passthrough_cluster(pool, mesh_defaults(graph), families))


@derived
def cluster_of_port(
    graph: Graph, port: InboundPort, namespace: Namespace, families: tuple[IpFamily, ...]
) -> Resource:
    """The cluster of one port of a workload in ``namespace``.

    Runs again when a rule that governs the service there or the mesh's defaults change.
    """
    rules = inbound_rules(graph, port, namespace)
    origin = Origin(
        host=port.host,
        name=port.service,
        namespace=namespace,
        rule=rules[0] if rules else None,
        is_external=port.is_external,
    )
    return _encoded(
        inbound_cluster(
            port,
            origin,
            policy_for(graph, rules, port.service_port, None).pool or ConnectionPool(),
            mesh_defaults(graph),
            families,
            to_loopback=inbound_mesh_settings(graph).to_loopback,
        )
    )


def inbound_cluster_origins(graph: Graph, view: InboundView) -> Iterator[Provenance]:
    """Each cluster that leads to the workload."""
    yield Provenance(name=INBOUND_PASSTHROUGH, origins=(BuiltIn.SIDECAR,))
    for port in view.ports:
        origins = (
            *port_origins(graph, port.host, view.namespace, port.service_port),
            *rule_origins(graph, inbound_rules(graph, port, view.namespace), None),
        )
        yield Provenance(name=inbound(port.number), origins=origins, parts=_parts(graph))


def _parts(graph: Graph) -> tuple[Provenance, ...]:
    """The workload's address, where the cluster has one."""
    if not inbound_mesh_settings(graph).to_loopback:
        return ()
    at = FieldRef(MESH_CONFIG_KEY, ("inboundTrafficPolicy",))
    return (Provenance(name="loopback", origins=(at,)),)


def inbound_rules(graph: Graph, port: InboundPort, namespace: Namespace) -> RuleKeys:
    """The rules whose limits of connections hold for the workload too: those for clients of its own
    namespace, but for the ones that select some.
    """
    return governing_rules(graph, port.host, namespace, RuleScope(namespace))


def _encoded(cluster: Cluster) -> Resource:
    return resource(TypeUrl.CLUSTER, cluster.name, cluster_message(cluster))
