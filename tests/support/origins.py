"""The law of origins: everything that a proxy gets leads back to a line of the user's text."""

from collections.abc import Iterator, Mapping
from typing import assert_never

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from controlplane.base.provenance import BuiltIn, Provenance
from controlplane.engine.engine import Engine
from controlplane.envoy.resource import Resource, TypeUrl, packed
from controlplane.model.proxy import Proxy
from controlplane.queries.snapshot.origins import origins_by_name


def untraced(engine: Engine, proxy: Proxy) -> list[str]:
    """What of a proxy's resources has no origin, or one without a line, or parts that are not those
    of the message; nothing where the law holds.
    """
    view = engine.view(proxy)
    return [
        f"{type_url.name} {broken}"
        for type_url, shelf in engine.resources(view)
        for broken in _untraced(
            engine, type_url, shelf, origins_by_name(engine.graph, view, type_url)
        )
    ]


def _untraced(
    engine: Engine,
    type_url: TypeUrl,
    sent: Mapping[str, Resource],
    origins: Mapping[str, Provenance],
) -> Iterator[str]:
    for name in sorted(set(sent) ^ set(origins)):
        yield f"{name}: {'not sent' if name in origins else 'no origins'}"
    for name in sorted(set(sent) & set(origins)):
        yield from _without_line(engine, origins[name], name)
        wanted, found = _parts_sent(type_url, sent[name]), _parts(origins[name])
        if wanted != found:
            yield f"{name}: has parts {wanted}, and origins for {found}"


def _without_line(engine: Engine, found: Provenance, where: str) -> Iterator[str]:
    if not found.origins:
        yield f"{where}: no origin"
    for origin in found.origins:
        location = None if isinstance(origin, BuiltIn) else engine.location(origin)
        if not isinstance(origin, BuiltIn) and (location is None or not location.line):
            yield f"{where}: no line for {origin}"
    for part in found.parts:
        yield from _without_line(engine, part, f"{where} / {part.name}")


def _parts(found: Provenance) -> list[int]:
    """How many parts each part has, sorted by name."""
    return [len(part.parts) for part in sorted(found.parts, key=lambda part: part.name)]


def _parts_sent(type_url: TypeUrl, sent: Resource) -> list[int]:
    value = packed(sent).value
    match type_url:
        case TypeUrl.ROUTE:
            hosts = RouteConfiguration.FromString(value).virtual_hosts
            return [len(host.routes) for host in sorted(hosts, key=lambda host: host.name)]
        case TypeUrl.CLUSTER:
            groups = Cluster.FromString(value).load_assignment.endpoints
            return [0 for group in groups for _ in group.lb_endpoints]
        case TypeUrl.ENDPOINT:
            groups = ClusterLoadAssignment.FromString(value).endpoints
            return [0 for group in groups for _ in group.lb_endpoints]
        case TypeUrl.LISTENER:
            return [0 for _ in Listener.FromString(value).filter_chains]
        case TypeUrl.SECRET | TypeUrl.EXTENSION | TypeUrl.GATEWAY_PROXY:
            return []
    assert_never(type_url)
