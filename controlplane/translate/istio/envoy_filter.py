"""EnvoyFilters become patches of the model, and which proxies each is for.

Source: https://istio.io/latest/docs/reference/config/networking/envoy-filter/, Istio
``pilot/pkg/model/envoyfilter.go``
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import re2  # type: ignore[import-untyped]  # google-re2 comes without types

from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.envoy_filter import (
    ApplyTo,
    ClusterMatch,
    ConfigPatch,
    EnvoyFilter,
    FilterChainMatch,
    ListenerMatch,
    ObjectMatch,
    Patch as PatchSpec,
    PatchContext as ContextOfSpec,
    PatchOperation,
    RouteAction as ActionOfSpec,
    RouteConfigurationMatch,
    VirtualHostMatch,
)
from controlplane.kinds.object import Object
from controlplane.kinds.validation.envoy_filter_values import MESSAGES
from controlplane.model.patch import (
    ChainCondition,
    ClusterCondition,
    Condition,
    ListenerCondition,
    Operation,
    Patch,
    PatchContext,
    PatchReference,
    PatchTarget,
    ProxyCondition,
    RouteAction,
    RouteCondition,
    TableCondition,
    VirtualHostCondition,
)
from controlplane.model.proxy import Labels, Role
from controlplane.protobuf.descriptors import message_type
from controlplane.protobuf.foreign_types import foreign_types
from controlplane.protobuf.json_mapping import is_readable, message_of
from controlplane.translate.istio.policy_attachment import Attachment, BySelector, by_reference

PROXY_VERSION_LIMIT: Final = 1024  # bytes; Istio's maxProxyVersionLen
_VERSION: Final = "ISTIO_VERSION"

_TARGETS: Final[Mapping[ApplyTo, PatchTarget]] = {
    ApplyTo.LISTENER: PatchTarget.LISTENER,
    ApplyTo.LISTENER_FILTER: PatchTarget.LISTENER_FILTER,
    ApplyTo.FILTER_CHAIN: PatchTarget.FILTER_CHAIN,
    ApplyTo.NETWORK_FILTER: PatchTarget.NETWORK_FILTER,
    ApplyTo.HTTP_FILTER: PatchTarget.HTTP_FILTER,
    ApplyTo.ROUTE_CONFIGURATION: PatchTarget.ROUTE_CONFIGURATION,
    ApplyTo.VIRTUAL_HOST: PatchTarget.VIRTUAL_HOST,
    ApplyTo.HTTP_ROUTE: PatchTarget.ROUTE,
    ApplyTo.CLUSTER: PatchTarget.CLUSTER,
    ApplyTo.EXTENSION_CONFIG: PatchTarget.EXTENSION,
}
"""Not BOOTSTRAP, which a proxy has before it asks for anything."""
_OPERATIONS: Final[Mapping[PatchOperation, Operation]] = {
    PatchOperation.MERGE: Operation.MERGE,
    PatchOperation.MERGE_AND_REPLACE_LIST: Operation.MERGE_LISTS_REPLACED,
    PatchOperation.ADD: Operation.ADD,
    PatchOperation.REMOVE: Operation.REMOVE,
    PatchOperation.INSERT_BEFORE: Operation.INSERT_BEFORE,
    PatchOperation.INSERT_AFTER: Operation.INSERT_AFTER,
    PatchOperation.INSERT_FIRST: Operation.INSERT_FIRST,
    PatchOperation.REPLACE: Operation.REPLACE,
}
_CONTEXTS: Final[Mapping[ContextOfSpec, PatchContext]] = {
    ContextOfSpec.GATEWAY: PatchContext.GATEWAY,
    ContextOfSpec.SIDECAR_INBOUND: PatchContext.SIDECAR_INBOUND,
    ContextOfSpec.SIDECAR_OUTBOUND: PatchContext.SIDECAR_OUTBOUND,
}
_ACTIONS: Final[Mapping[ActionOfSpec, RouteAction]] = {
    ActionOfSpec.ROUTE: RouteAction.FORWARD,
    ActionOfSpec.REDIRECT: RouteAction.REDIRECT,
    ActionOfSpec.DIRECT_RESPONSE: RouteAction.RESPOND,
}
_INSERTS: Final = frozenset(
    {Operation.INSERT_BEFORE, Operation.INSERT_AFTER, Operation.INSERT_FIRST}
)
_ORDERED: Final = frozenset(
    {
        PatchTarget.LISTENER_FILTER,
        PatchTarget.NETWORK_FILTER,
        PatchTarget.HTTP_FILTER,
        PatchTarget.ROUTE,
    }
)
"""What an insertion has a place in; of anything else it is an ADD."""
_ROLES: Final[Mapping[Role, frozenset[ContextOfSpec]]] = {
    Role.GATEWAY: frozenset({ContextOfSpec.ANY, ContextOfSpec.GATEWAY}),
    Role.SIDECAR: frozenset(
        {ContextOfSpec.ANY, ContextOfSpec.SIDECAR_INBOUND, ContextOfSpec.SIDECAR_OUTBOUND}
    ),
    Role.RUNNER: frozenset(),
}


def attachment(spec: EnvoyFilter) -> Attachment:
    """The proxies whose configuration is patched."""
    if spec.target_refs:
        return by_reference(spec.target_refs)
    selector = spec.workload_selector
    return BySelector(tuple(sorted(selector.labels.items())) if selector is not None else ())


def patches_for_role(spec: EnvoyFilter, role: Role) -> Iterator[tuple[int, ProxyCondition]]:
    """The patches that a proxy of a role may need, by their places, and what they ask of it."""
    for number, patch in enumerate(spec.config_patches):
        match = patch.match or ObjectMatch()
        if patch.apply_to in _TARGETS and match.context in _ROLES[role]:
            yield number, _proxy_condition(match)


def _proxy_condition(match: ObjectMatch) -> ProxyCondition:
    if match.proxy is None:
        return ProxyCondition()
    return ProxyCondition(
        version=match.proxy.proxy_version, metadata=tuple(sorted(match.proxy.metadata.items()))
    )


def is_met(condition: ProxyCondition, metadata: Labels) -> bool:
    """Whether a proxy with this node metadata is what a patch asks for."""
    said = dict(metadata)
    if condition.version:
        version = said.get(_VERSION, "")
        if not version or len(condition.version.encode()) > PROXY_VERSION_LIMIT:
            return False
        if _pattern(condition.version).search(version) is None:
            return False
    return all(said.get(name) == value for name, value in condition.metadata)


@lru_cache(maxsize=256)
def _pattern(text: str) -> Any:  # Any: re2 comes without types
    return re2.compile(text)


def patches(declared: Object[EnvoyFilter]) -> tuple[Patch | None, ...]:
    """Each patch of an object at its place; ``None`` for what no proxy is sent."""
    return tuple(
        _patch(PatchReference(declared.key, number), patch)
        for number, patch in enumerate(declared.spec.config_patches)
    )


def _patch(reference: PatchReference, written: ConfigPatch) -> Patch | None:
    target, patch = _TARGETS.get(written.apply_to, None), written.patch
    if target is None or patch is None or patch.operation not in _OPERATIONS:
        return None
    value = _serialized(reference, written.apply_to, patch)
    if value is None:
        return None
    match = written.match or ObjectMatch()
    operation = _OPERATIONS[patch.operation]
    if operation in _INSERTS and target not in _ORDERED:
        operation = Operation.ADD
    return Patch(
        reference=reference,
        target=target,
        operation=operation,
        context=_CONTEXTS.get(match.context, None),
        condition=_condition(match),
        value=value,
    )


def _serialized(reference: PatchReference, apply_to: ApplyTo, patch: PatchSpec) -> bytes | None:
    """The value as a message, ``None`` where it cannot be read again, or has a type that nobody
    here can encode; what it may not say was reported when the object was accepted.
    """
    if patch.operation is not PatchOperation.REMOVE and any(foreign_types(patch.value)):
        return None
    type_ = message_type(MESSAGES[apply_to])
    assert type_ is not None, "xds-protos has every type that a patch is for"
    message = message_of(Report(), FieldRef(reference.object), type_, patch.value or {})
    return message.SerializeToString(deterministic=True) if is_readable(message) else None


def _condition(match: ObjectMatch) -> Condition | None:
    if match.listener is not None:
        return _listener(match.listener)
    if match.route_configuration is not None:
        return _table(match.route_configuration)
    return _cluster(match.cluster) if match.cluster is not None else None


def _listener(match: ListenerMatch) -> ListenerCondition:
    return ListenerCondition(
        name=match.name,
        port=match.port_number,
        listener_filter=match.listener_filter,
        chain=_chain(match.filter_chain) if match.filter_chain is not None else None,
    )


def _chain(match: FilterChainMatch) -> ChainCondition:
    filter_ = match.filter
    within = filter_.sub_filter if filter_ is not None else None
    protocols = match.application_protocols
    return ChainCondition(
        name=match.name,
        server_name=match.sni,
        transport_protocol=match.transport_protocol,
        application_protocols=tuple(protocols.split(",")) if protocols else (),
        destination_port=match.destination_port,
        filter=filter_.name if filter_ is not None else None,
        sub_filter=within.name if within is not None else None,
    )


def _table(match: RouteConfigurationMatch) -> TableCondition:
    return TableCondition(
        name=match.name,
        port=match.port_number,
        port_name=match.port_name,
        gateway=match.gateway,
        virtual_host=_virtual_host(match.vhost) if match.vhost is not None else None,
    )


def _virtual_host(match: VirtualHostMatch) -> VirtualHostCondition:
    route = match.route
    return VirtualHostCondition(
        name=match.name,
        domain=match.domain_name,
        route=RouteCondition(name=route.name, action=_ACTIONS.get(route.action, None))
        if route is not None
        else None,
    )


def _cluster(match: ClusterMatch) -> ClusterCondition:
    return ClusterCondition(
        name=match.name, service=match.service, port=match.port_number, subset=match.subset
    )
