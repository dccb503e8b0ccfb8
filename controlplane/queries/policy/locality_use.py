"""What part of a client's place may affect how endpoints are ranked, anywhere in the mesh. What
nothing asks for is in no proxy's view, so proxies that differ only in it share everything. Read
from what objects say, so that an edit of anything else puts no proxy in doubt; which destinations
really use it is found out shard by shard.
"""

from collections.abc import Iterator
from typing import Final

from controlplane.graph import Graph, derived
from controlplane.kinds.core.configuration import NAMESPACE, NamespaceBody
from controlplane.kinds.core.service import SERVICE, Service
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE, DestinationRule as Spec
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY, ServiceEntry
from controlplane.kinds.istio.traffic_policy import PortTrafficPolicy, TrafficPolicy
from controlplane.kinds.object import Object, is_of
from controlplane.model.endpoint import HOSTNAME_LABEL
from controlplane.model.locality import BY_DISTANCE, NEAR_NODE, NEAR_ZONE, Distribute, ranks_by
from controlplane.model.outbound_view import LocalityUse
from controlplane.model.service import TrafficDistribution
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index
from controlplane.queries.policy.policies import mesh_policy
from controlplane.translate.istio.locality import locality_policy
from controlplane.translate.traffic_distribution import TRAFFIC_DISTRIBUTION, traffic_distribution

_WHOLE_MESH: Final = "mesh"
_LOCALITY: Final = ""  # stands for the locality itself among the names of labels


@index(DESTINATION_RULE)
def uses_of_rule(declared: Object[Spec]) -> Iterator[tuple[str, str]]:
    """Labels, and the locality, that a rule ranks endpoints by; with outlier detection the mesh's
    own order applies.
    """
    top = declared.spec.traffic_policy
    subsets = (subset.traffic_policy for subset in declared.spec.subsets)
    for policy in (top, *subsets):
        if policy is None:
            continue
        parts: tuple[TrafficPolicy | PortTrafficPolicy, ...] = (
            policy,
            *policy.port_level_settings,
        )
        for part in parts:
            if part.outlier_detection is not None:
                yield _WHOLE_MESH, _LOCALITY
            balancer = part.load_balancer
            if balancer is None:
                continue
            said = locality_policy(balancer.locality_lb_setting, balancer.zone_aware_lb_setting)
            if said is not None:
                yield _WHOLE_MESH, _LOCALITY
            for label in ranks_by(said):
                yield _WHOLE_MESH, label


@index(SERVICE, SERVICE_ENTRY, NAMESPACE)
def uses_of_service(
    declared: Object[Service | ServiceEntry | NamespaceBody],
) -> Iterator[tuple[str, str]]:
    """Labels, and the locality, by which a service keeps its traffic near."""
    said = declared.annotations.get(TRAFFIC_DISTRIBUTION)
    if is_of(declared, SERVICE):
        said = declared.spec.traffic_distribution or said
        if declared.spec.internal_traffic_policy == "Local":
            yield _WHOLE_MESH, HOSTNAME_LABEL
    match traffic_distribution(said):
        case TrafficDistribution.ZONE:
            labels: tuple[str, ...] = (_LOCALITY, *ranks_by(NEAR_ZONE))
        case TrafficDistribution.NODE:
            labels = (_LOCALITY, *ranks_by(NEAR_NODE))
        case None:
            labels = ()
    for label in labels:
        yield _WHOLE_MESH, label


@derived
def mesh_locality_use(graph: Graph) -> LocalityUse:
    """Runs again when MeshConfig changes, or a label is named for the first or last time."""
    mesh = mesh_config(graph)
    default = locality_policy(mesh.locality_lb_setting, mesh.zone_aware_lb_setting) or BY_DISTANCE
    named = {*uses_of_rule(graph, _WHOLE_MESH), *uses_of_service(graph, _WHOLE_MESH)}
    ejects = mesh_policy(graph).outlier is not None
    if _LOCALITY in named or ejects or isinstance(default, Distribute):
        return LocalityUse(True, frozenset({*named, *ranks_by(default)} - {_LOCALITY}))
    return LocalityUse(False, frozenset(named))
