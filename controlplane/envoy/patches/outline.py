"""The parts of a resource, as its origins are told part by part."""

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from controlplane.envoy.resource import Resource, TypeUrl, packed

Outline = tuple[tuple[str, int], ...]
"""The name of each part, and how many parts it has itself."""


def outline(type_url: TypeUrl, resource: Resource) -> Outline:
    """The chains of a listener, the virtual hosts of a route table, the endpoints of a cluster."""
    body = packed(resource).value
    match type_url:
        case TypeUrl.LISTENER:
            chains = Listener.FromString(body).filter_chains
            return tuple(
                (chain.name or ", ".join(chain.filter_chain_match.server_names), 0)
                for chain in chains
            )
        case TypeUrl.ROUTE:
            hosts = RouteConfiguration.FromString(body).virtual_hosts
            return tuple((host.name, len(host.routes)) for host in hosts)
        case TypeUrl.CLUSTER:
            groups = Cluster.FromString(body).load_assignment.endpoints
            return tuple(
                (each.endpoint.address.socket_address.address, 0)
                for group in groups
                for each in group.lb_endpoints
            )
        case _:
            return ()
