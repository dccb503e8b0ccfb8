"""One resource, patched, checked by Envoy's rules and encoded again.

A patch may make a message that Envoy would refuse: then nothing is encoded, and the patch that is
to blame is found by leaving out each in turn.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.message import Message

from controlplane.base.codes import PATCH_BREAKS
from controlplane.base.diagnostics import Diagnostic, UsersFault
from controlplane.envoy.patches.clusters import cluster_matches, patched_cluster
from controlplane.envoy.patches.listeners import patched_listener
from controlplane.envoy.patches.problems import problems_of
from controlplane.envoy.patches.routes import ServicePorts, patch_table
from controlplane.envoy.patches.values import Patching, value_of
from controlplane.envoy.resource import Resource, TypeUrl, packed, resource as encoded_resource
from controlplane.model.patch import Patch, PatchContext, PatchReference, PatchTarget

_OF_LISTENERS: Final = frozenset(
    {
        PatchTarget.LISTENER,
        PatchTarget.LISTENER_FILTER,
        PatchTarget.FILTER_CHAIN,
        PatchTarget.NETWORK_FILTER,
        PatchTarget.HTTP_FILTER,
    }
)
_OF_ROUTES: Final = frozenset(
    {PatchTarget.ROUTE_CONFIGURATION, PatchTarget.VIRTUAL_HOST, PatchTarget.ROUTE}
)
_TARGETS: Final[Mapping[TypeUrl, frozenset[PatchTarget]]] = {
    TypeUrl.LISTENER: _OF_LISTENERS,
    TypeUrl.ROUTE: _OF_ROUTES,
    TypeUrl.CLUSTER: frozenset({PatchTarget.CLUSTER}),
}
_ADDED: Final[Mapping[TypeUrl, PatchTarget]] = {
    TypeUrl.LISTENER: PatchTarget.LISTENER,
    TypeUrl.CLUSTER: PatchTarget.CLUSTER,
    TypeUrl.EXTENSION: PatchTarget.EXTENSION,
}


@dataclass(frozen=True, slots=True)
class Patched:
    """``resource`` is ``None`` where a patch removes it; ``applied`` are the patches that found
    something in it. ``for_running`` is what proxies are to have that have a resource of the name
    already, where it is not sent to those that start.
    """

    resource: Resource | None
    applied: tuple[PatchReference, ...] = ()
    for_running: Resource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What conditions may ask of besides the message: the hosts of an inbound cluster, and the
    ports of Services in front of a gateway.
    """

    context: PatchContext
    hosts: Collection[str] = ()
    service_ports: ServicePorts


def is_of(patch: Patch, type_url: TypeUrl, context: PatchContext) -> bool:
    """Whether a patch may change resources of the type. What calls a workload has its routes in
    its listeners.
    """
    targets = _TARGETS.get(type_url, frozenset())
    if type_url is TypeUrl.LISTENER and context is PatchContext.SIDECAR_INBOUND:
        targets |= _OF_ROUTES
    return patch.target in targets and patch.is_for(context)


def adds(patch: Patch, type_url: TypeUrl) -> bool:
    return _ADDED.get(type_url, None) is patch.target


def patched(
    type_url: TypeUrl, found: Resource, patches: tuple[Patch, ...], around: Surroundings
) -> Patched:
    """``found`` as the patches leave it; raises ``UsersFault`` where Envoy would refuse that."""
    if type_url is TypeUrl.CLUSTER:
        patches = tuple(p for p in patches if cluster_matches(found.name, around.hosts, p))
    if not patches:
        return Patched(found)
    message, applied = _changed(type_url, found, patches, around)
    if not applied or message is None:
        return Patched(None if applied else found, applied)
    problems = problems_of(message)
    if problems:
        culprit = _culprit(type_url, found, patches, around, applied)
        raise UsersFault(_diagnostic(culprit, found.name, problems))
    return Patched(encoded_resource(type_url, _name(message), message), applied)


def _changed(
    type_url: TypeUrl, found: Resource, patches: tuple[Patch, ...], around: Surroundings
) -> tuple[Message | None, tuple[PatchReference, ...]]:
    patching = Patching(around.context, patches)
    body = packed(found).value
    message: Message | None
    match type_url:
        case TypeUrl.CLUSTER:
            message = patched_cluster(patching, Cluster.FromString(body), around.hosts)
        case TypeUrl.LISTENER:
            message = patched_listener(patching, Listener.FromString(body))
        case _:
            table = RouteConfiguration.FromString(body)
            patch_table(patching, table, around.service_ports)
            message = table
    return message, tuple(patching.applied)


def _culprit(
    type_url: TypeUrl,
    found: Resource,
    patches: tuple[Patch, ...],
    around: Surroundings,
    applied: tuple[PatchReference, ...],
) -> PatchReference:
    """The first patch without which the others are sound; else the last of them."""
    for reference in applied:
        others = tuple(patch for patch in patches if patch.reference != reference)
        message, _ = _changed(type_url, found, others, around)
        if message is None or not problems_of(message):
            return reference
    return applied[-1]


def patches_that_work(
    type_url: TypeUrl, found: Resource, patches: tuple[Patch, ...], around: Surroundings
) -> tuple[Patch, ...]:
    """Those of ``patches`` that Envoy takes, each beside the ones before it that it takes."""
    works: tuple[Patch, ...] = ()
    for patch in patches:
        message, _ = _changed(type_url, found, (*works, patch), around)
        if message is None or not problems_of(message):
            works = (*works, patch)
    return works


def added(type_url: TypeUrl, patch: Patch) -> Resource | None:
    """The resource that an ADD adds, ``None`` where it has no name; raises ``UsersFault`` where
    Envoy would refuse it.
    """
    message = value_of(patch)
    name = _name(message)
    if not name:
        return None
    problems = problems_of(message)
    if problems:
        raise UsersFault(_diagnostic(patch.reference, name, problems))
    return encoded_resource(type_url, name, message)


def name_in(patch: Patch) -> str:
    """The name that its value says, empty without one."""
    return _name(value_of(patch))


def _diagnostic(reference: PatchReference, name: str, problems: list[str]) -> Diagnostic:
    shown = "; ".join(problems[:3])
    message = f'Envoy would refuse "{name}" with this patch, so it is not applied there: {shown}'
    return Diagnostic(code=PATCH_BREAKS, place=reference.place, message=message)


def _name(message: Message) -> str:
    name = getattr(message, "name", "")
    assert isinstance(name, str), "resources have names"
    return name
