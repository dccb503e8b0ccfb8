"""The clusters of a sidecar that lead to its own workload.

Source: Istio ``pilot/pkg/networking/core/cluster.go`` (``buildInboundClusters``).
"""

from collections.abc import Iterator
from dataclasses import replace

from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace
from controlplane.base.provenance import BuiltIn, Provenance
from controlplane.base.shelf import Shelf, shelf
from controlplane.envoy.clusters.cluster import cluster_message
from controlplane.envoy.resource import Resource, TypeUrl, resource
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY
from controlplane.model.cluster import Cluster, Fixed, Origin
from controlplane.model.cluster_name import INBOUND_PASSTHROUGH, inbound
from controlplane.model.inbound_port import OWN_ADDRESS, InboundPort
from controlplane.model.inbound_view import InboundView
from controlplane.model.outbound_view import RuleKeys, RuleScope, keeps_header_case
from controlplane.model.proxy import IpFamily
from controlplane.model.traffic_policy import ConnectionPool
from controlplane.queries.clusters.cluster_origins import port_origins
from controlplane.queries.clusters.clusters import defaults_of
from controlplane.queries.policy.policies import mesh_policy, policy_for
from controlplane.queries.policy.rule_origins import rule_origins
from controlplane.queries.policy.rules import governing_rules
from controlplane.queries.registry.inbound_ports import (
    inbound_mesh_settings,
    limit_origins,
    limits_of,
)
from controlplane.translate.inbound_cluster import LOOPBACK, inbound_cluster, passthrough_cluster


@guarded
def inbound_clusters(graph: Graph, view: InboundView) -> Shelf[Resource] | None:
    """Runs again when one of them comes, goes or changes; ``None`` while an internal error keeps
    one of a new view from being known: its listener would lead nowhere.
    """
    found = tuple(_clusters(graph, view))
    return shelf({each.name: each for each in found})


def _clusters(graph: Graph, view: InboundView) -> Iterator[Resource]:
    yield inbound_passthrough(graph, view.families, keeps_header_case(view.settings))
    for port in view.ports:
        limits = limits_of(graph, view.scope, port.number)
        yield cluster_of_port(
            graph,
            _placed(graph, port, view),
            view.namespace,
            view.families,
            limits,
            keeps_header_case(view.settings),
        )


def _placed(graph: Graph, port: InboundPort, view: InboundView) -> InboundPort:
    """The port with the address that its connections go to, where that is known."""
    to, family = port.destination, view.families[0]
    if to is None:
        of_mesh = port.declared_by is None and inbound_mesh_settings(graph).to_loopback
        return replace(port, destination=Fixed(LOOPBACK[family], port.number)) if of_mesh else port
    own = next((f for f, address in OWN_ADDRESS.items() if address == to.address), None)
    if own is None:
        return port
    return replace(port, destination=replace(to, address=view.own_address(own) or LOOPBACK[own]))


@derived
def inbound_passthrough(
    graph: Graph, families: tuple[IpFamily, ...], keeps_case: bool | None
) -> Resource:
    """The cluster of ports that no service has; runs again when the mesh's defaults change."""
    pool = mesh_policy(graph).pool or ConnectionPool()
    return _encoded(passthrough_cluster(pool, defaults_of(graph, keeps_case), families))


@derived
def cluster_of_port(
    graph: Graph,
    port: InboundPort,
    namespace: Namespace,
    families: tuple[IpFamily, ...],
    limits: ConnectionPool | None,
    keeps_case: bool | None,
) -> Resource:
    """The cluster of one port of a workload in ``namespace``. ``limits`` go before those of rules.

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
    of_rules = policy_for(graph, rules, port.service_port, None).pool or ConnectionPool()
    pool = of_rules if limits is None else limits
    return _encoded(inbound_cluster(port, origin, pool, defaults_of(graph, keeps_case), families))


def inbound_cluster_origins(graph: Graph, view: InboundView) -> Iterator[Provenance]:
    """Each cluster that leads to the workload."""
    yield Provenance(name=INBOUND_PASSTHROUGH, origins=(BuiltIn.SIDECAR,))
    for port in view.ports:
        origins = (
            *inbound_port_origins(graph, port, view.namespace),
            *limit_origins(graph, view.scope, port.number),
            *rule_origins(graph, inbound_rules(graph, port, view.namespace), None),
        )
        yield Provenance(
            name=inbound(port.number), origins=origins, parts=tuple(_destination(graph, port))
        )


def _destination(graph: Graph, port: InboundPort) -> Iterator[Provenance]:
    """Where connections go, where the cluster says it."""
    if port.declared_by is not None and port.destination is not None:
        yield Provenance(
            name=port.destination.address, origins=(port.declared_by / "defaultEndpoint",)
        )
    if port.declared_by is None and inbound_mesh_settings(graph).to_loopback:
        at = FieldRef(MESH_CONFIG_KEY, ("inboundTrafficPolicy",))
        yield Provenance(name="loopback", origins=(at,))


def inbound_port_origins(
    graph: Graph, port: InboundPort, namespace: Namespace
) -> tuple[FieldRef, ...]:
    """What declares a port: the ingress listener of a Sidecar, or the port of its service."""
    if port.declared_by is not None:
        return (port.declared_by,)
    return port_origins(graph, port.host, namespace, port.service_port)


def inbound_rules(graph: Graph, port: InboundPort, namespace: Namespace) -> RuleKeys:
    """The rules whose limits of connections hold for the workload too: those for clients of its own
    namespace, but for the ones that select some.
    """
    return governing_rules(graph, port.host, namespace, RuleScope(namespace))


def _encoded(cluster: Cluster) -> Resource:
    return resource(TypeUrl.CLUSTER, cluster.name, cluster_message(cluster))
