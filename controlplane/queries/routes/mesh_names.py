"""Which hosts could have a name in common: other spellings of a host, aliases, virtual addresses.

Most hosts share none. Indexes say which do, so that no table is walked for it.
"""

from collections.abc import Iterator
from typing import Final

from controlplane.base.hosts import is_ip
from controlplane.base.names import Host
from controlplane.base.shelf import shard_of
from controlplane.graph import Graph
from controlplane.kinds.core.service import SERVICE, Service as KubernetesService
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY, ServiceEntry
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE, VirtualService
from controlplane.kinds.object import Object, is_of
from controlplane.queries.inputs.objects import index
from controlplane.queries.registry.services import (
    declaring_namespaces,
    hosts_of,
    hosts_of_shard,
    service_of,
)
from controlplane.queries.routes.mesh_virtual_services import (
    WHOLE_MESH,
    in_capitals,
    mesh_hosts,
    mesh_rules_of_shard,
)
from controlplane.translate.kubernetes.service import service_host
from controlplane.translate.service_domains import expanded_hosts

MAX_ALIASES: Final = 8  # of aliases of aliases; Kubernetes sets no limit
_Declared = Object[KubernetesService | ServiceEntry | VirtualService]


@index(SERVICE_ENTRY, VIRTUAL_SERVICE)
def spelled_alike(declared: _Declared) -> Iterator[tuple[int, Host]]:
    """Declared hosts that may be another spelling of a host, by the shard of that host."""
    if is_of(declared, SERVICE_ENTRY):
        hosts = tuple(host.lower() for host in declared.spec.hosts)
    else:
        assert is_of(declared, VIRTUAL_SERVICE), "the index is over these two kinds"
        hosts = mesh_hosts(declared)
    for host in hosts:
        for spelled in expanded_hosts(host):
            yield shard_of(spelled), Host(host)


@index(SERVICE_ENTRY)
def bare_hosts(declared: Object[ServiceEntry]) -> Iterator[tuple[str, Host]]:
    """Hosts without a dot, which may be the bare name of a service in any namespace."""
    for host in declared.spec.hosts:
        if "." not in host:
            yield WHOLE_MESH, Host(host.lower())


@index(SERVICE, SERVICE_ENTRY)
def addressed_hosts(
    declared: Object[KubernetesService | ServiceEntry],
) -> Iterator[tuple[int, tuple[str, Host]]]:
    """Virtual addresses and the hosts that have them, by the shard of the address."""
    if is_of(declared, SERVICE):
        addresses = declared.spec.cluster_ips or (declared.spec.cluster_ip,)
    else:
        assert is_of(declared, SERVICE_ENTRY), "the index is over these two kinds"
        addresses = declared.spec.addresses
    for address in addresses:
        if is_ip(address):
            for host in hosts_of(declared):
                yield shard_of(address), (address, host)


@index(SERVICE)
def aliases_of_shard(
    declared: Object[KubernetesService],
) -> Iterator[tuple[int, tuple[str, Host]]]:
    """Hosts and the names of Services that are aliases of them, by the shard of the host."""
    if declared.spec.type == "ExternalName" and declared.spec.external_name:
        target = declared.spec.external_name.rstrip(".")
        yield shard_of(target), (target, service_host(declared))


def aliases(graph: Graph, host: str) -> tuple[Host, ...]:
    """The aliases of a host, and of these in turn."""
    found: dict[Host, None] = {}
    waiting = [host]
    while waiting:
        target = waiting.pop()
        for named, alias in aliases_of_shard(graph, shard_of(target)):
            if named == target and alias not in found and alias != host:
                found[alias] = None
                waiting.append(alias)
    return tuple(sorted(found))


def rivals(graph: Graph, host: Host) -> Iterator[Host]:
    """The hosts of the mesh that may want a domain that ``host`` may have, or the other way."""
    for rival in _possible_rivals(graph, host):
        if rival != host and _is_known(graph, rival):
            yield rival


def _possible_rivals(graph: Graph, host: Host) -> Iterator[Host]:
    names = (Host(host.lower()), *aliases(graph, host))
    yield from names[1:]
    yield from in_capitals(graph, host)
    yield names[0]
    yield from expanded_hosts(names[0])
    bare = bare_hosts(graph, WHOLE_MESH)
    for name in names:
        for other in spelled_alike(graph, shard_of(name)):
            if name in expanded_hosts(other):
                yield other
        yield from (other for other in bare if name.startswith(f"{other}."))
    if is_ip(host):
        yield from addressed_by(graph, host)
    for namespace in declaring_namespaces(graph, host):
        service = service_of(graph, host, namespace)
        if service is not None and service.alias is not None:
            yield service.alias
        for address in service.addresses if service is not None else ():
            yield Host(address)
            yield from addressed_by(graph, address)


def _is_known(graph: Graph, host: Host) -> bool:
    shard = shard_of(host)
    return host in hosts_of_shard(graph, shard) or any(
        named == host for named, _ in mesh_rules_of_shard(graph, shard)
    )


def addressed_by(graph: Graph, address: str) -> Iterator[Host]:
    """The hosts that have a virtual address."""
    for other, host in addressed_hosts(graph, shard_of(address)):
        if other == address:
            yield host
