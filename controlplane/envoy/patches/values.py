"""The value of a patch as a message, anew each time, so that no two resources share one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain, ListenerFilter
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import Route, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (  # noqa: E501
    HttpFilter,
)
from google.protobuf.message import Message

from controlplane.model.patch import Patch, PatchContext, PatchReference, PatchTarget

_MESSAGES: Final[Mapping[PatchTarget, type[Message]]] = {
    PatchTarget.LISTENER: Listener,
    PatchTarget.LISTENER_FILTER: ListenerFilter,
    PatchTarget.FILTER_CHAIN: FilterChain,
    PatchTarget.NETWORK_FILTER: Filter,
    PatchTarget.HTTP_FILTER: HttpFilter,
    PatchTarget.ROUTE_CONFIGURATION: RouteConfiguration,
    PatchTarget.VIRTUAL_HOST: VirtualHost,
    PatchTarget.ROUTE: Route,
    PatchTarget.CLUSTER: Cluster,
    PatchTarget.EXTENSION: TypedExtensionConfig,
}


def value_of(patch: Patch) -> Message:
    return _MESSAGES[patch.target].FromString(patch.value)


@dataclass(slots=True)
class Patching:
    """Patches that are applied to one resource, and which of them changed something.

    ``patches`` are in the order in which they are applied, those for other contexts left out.
    """

    context: PatchContext
    patches: tuple[Patch, ...]
    applied: dict[PatchReference, None] = field(default_factory=dict)

    def of(self, target: PatchTarget) -> Iterable[Patch]:
        return (patch for patch in self.patches if patch.target is target)

    def note(self, patch: Patch) -> None:
        self.applied[patch.reference] = None


def patching(context: PatchContext, patches: Iterable[Patch]) -> Patching:
    return Patching(context, tuple(patch for patch in patches if patch.is_for(context)))
