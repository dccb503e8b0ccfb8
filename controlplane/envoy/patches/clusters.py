"""Patches of clusters.

Source: Istio ``pilot/pkg/networking/core/envoyfilter/cluster_patch.go``
"""

from collections.abc import Collection
from typing import Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import TransportSocket

from controlplane.envoy.patches.merging import merge, merge_packed
from controlplane.envoy.patches.values import Patching, value_of
from controlplane.model.patch import ClusterCondition, Operation, Patch, PatchTarget

_INBOUND: Final = "inbound"


def cluster_matches(name: str, hosts: Collection[str], patch: Patch) -> bool:
    """Whether a patch is for the cluster; ``hosts`` are those of an inbound one, whose name has
    none.
    """
    wanted = patch.condition
    if not isinstance(wanted, ClusterCondition):
        return True
    if wanted.name:
        return wanted.name == name
    direction, port, subset, host = parts_of_cluster(name)
    named = hosts if direction == _INBOUND and hosts else (host,)
    return (
        wanted.subset in ("", subset)
        and (not wanted.service or wanted.service in named)
        and wanted.port in (0, port)
    )


def parts_of_cluster(name: str) -> tuple[str, int, str, str]:
    """Direction, port, subset and host, as Istio reads them from a name (``ParseSubsetKey``)."""
    mark = "_." if name.startswith("outbound_.") else "|"
    parts = name.split(mark)
    if len(parts) < 4:
        return "", 0, "", ""
    direction, port, subset, host = parts[0], parts[1], parts[2], mark.join(parts[3:])
    return direction, int(port) if port.isdigit() else 0, subset.removesuffix("_"), host


def patched_cluster(patching: Patching, cluster: Cluster, hosts: Collection[str]) -> Cluster | None:
    """``cluster``, changed in place; ``None`` where a patch removes it."""
    for patch in patching.of(PatchTarget.CLUSTER):
        if not cluster_matches(cluster.name, hosts, patch):
            continue
        if patch.operation is Operation.REMOVE:
            patching.note(patch)
            return None
        if patch.operation.merges:
            value = value_of(patch)
            assert isinstance(value, Cluster), "the patch is for clusters"
            if not _merged_socket(cluster, value):
                replaces = patch.operation is Operation.MERGE_LISTS_REPLACED
                merge(cluster, value, replaces_lists=replaces)
            patching.note(patch)
    return cluster


def _merged_socket(cluster: Cluster, value: Cluster) -> bool:
    """Whether the patch is of the transport socket, of which nothing else is then merged."""
    if not value.HasField("transport_socket"):
        return False
    wanted = value.transport_socket
    if cluster.transport_socket_matches:
        for match in cluster.transport_socket_matches:
            if match.HasField("transport_socket") and match.transport_socket.name == wanted.name:
                _merge_sockets(match.transport_socket, wanted)
                break
        return True
    if cluster.HasField("transport_socket") and cluster.transport_socket.name == wanted.name:
        _merge_sockets(cluster.transport_socket, wanted)
    else:
        cluster.transport_socket.CopyFrom(wanted)
    return True


def _merge_sockets(target: TransportSocket, source: TransportSocket) -> None:
    if target.HasField("typed_config") and source.HasField("typed_config"):
        merge_packed(target.typed_config, source.typed_config)


def merge_chain_sockets(target: TransportSocket, source: TransportSocket) -> None:
    """Those of filter chains are merged alike."""
    _merge_sockets(target, source)
