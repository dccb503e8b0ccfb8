"""Whether what a route's backendRef names exists and may be used.

Permission is looked at first, so that a status never says whether what is not granted exists.
Source: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#backendref; Istio
``pilot/pkg/config/kube/gateway/conversion.go`` (``buildDestination``).
"""

from dataclasses import dataclass
from typing import Final

from controlplane.base.names import Host, Kind, Namespace, ObjectKey
from controlplane.graph import Graph, derived
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.gateway_api.backend import X_BACKEND, XBackend
from controlplane.kinds.gateway_api.common import BackendObjectReference
from controlplane.kinds.gateway_api.near_kind import field_at_fault, kind_hint, near_kind
from controlplane.queries.gateway_api.grants import granted
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.registry.services import service
from controlplane.translate.gateway_api.backend_ref import (
    HOSTNAME,
    SERVICE_IMPORT,
    backend_host,
    kind_of,
    namespace_of,
)

NOT_PERMITTED: Final = "RefNotPermitted"
INVALID_KIND: Final = "InvalidKind"
NOT_FOUND: Final = "BackendNotFound"
_KINDS: Final = (SERVICE, HOSTNAME, SERVICE_IMPORT)


@dataclass(frozen=True, slots=True)
class UnresolvedBackend:
    """Why requests to a backend are answered 500. ``reason`` is that of ResolvedRefs.

    ``host`` is what is called in vain, where it has one and may be called. ``field`` of the
    reference is at fault.
    """

    reason: str
    message: str
    hint: str | None = None
    host: Host | None = None
    field: str = "name"

    @property
    def lacks_port(self) -> bool:
        """Whether all that is missing is the port, of which Istio's conditions say nothing."""
        return self.field == "port"


def plain(ref: BackendObjectReference) -> BackendObjectReference:
    """A reference without weight and filters, which do not decide what it leads to."""
    return BackendObjectReference(
        group=ref.group, kind=ref.kind, name=ref.name, namespace=ref.namespace, port=ref.port
    )


@derived
def unresolved(
    graph: Graph, kind: Kind, owner: Namespace, ref: BackendObjectReference
) -> UnresolvedBackend | None:
    """Why a backend of a route of ``kind`` in ``owner`` is not resolved; ``None`` where it is.

    Runs again when what it names comes or goes, or a grant for it.
    """
    named = kind_of(ref)
    key = ObjectKey(named, namespace_of(ref, owner), ref.name)
    if not granted(graph, ObjectKey(kind, owner, ""), key):
        return UnresolvedBackend(
            NOT_PERMITTED,
            f"{named.name} {key.namespace}/{key.name} is in another namespace, and no "
            f"ReferenceGrant there lets {kind.name}s of {owner} refer to it",
        )
    return undeclared(graph, owner, ref)


@derived
def undeclared(
    graph: Graph, owner: Namespace, ref: BackendObjectReference
) -> UnresolvedBackend | None:
    """Why a backend is not resolved for a route in ``owner`` that needs no grant, as those of the
    mesh do not.
    """
    named = kind_of(ref)
    if named == HOSTNAME:
        return _unknown_host(graph, owner, ref)
    if named in (SERVICE, SERVICE_IMPORT):
        key = ObjectKey(named, namespace_of(ref, owner), ref.name)
        return _unresolved_service(graph, key, ref)
    of = f" of {named.group}" if named.group else ""
    message = f"requests cannot be sent to {named.name}{of}"
    meant = near_kind(ref.kind, _KINDS)
    if named == X_BACKEND:
        hint = _external_hint(graph, ObjectKey(X_BACKEND, namespace_of(ref, owner), ref.name))
        return UnresolvedBackend(INVALID_KIND, message, hint, field="kind")
    hint = kind_hint(ref.group, ref.kind, meant) if meant is not None else "name a Service"
    field = field_at_fault(ref.kind, meant)
    return UnresolvedBackend(INVALID_KIND, message, hint, field=field)


def _external_hint(graph: Graph, key: ObjectKey[XBackend]) -> str:
    """How to write in Istio's API what an XBackend says."""
    declared = object_of(graph, key)
    external = declared.spec.external_hostname if declared is not None else None
    host = external.hostname if external is not None else "HOST"
    port = declared.spec.port.port if declared is not None else 0
    return (
        f"declare a ServiceEntry for {host}, and name that: {{group: {HOSTNAME.group}, kind: "
        f"{HOSTNAME.name}, name: {host}, port: {port or 'PORT'}}}"
    )


def _unknown_host(
    graph: Graph, owner: Namespace, ref: BackendObjectReference
) -> UnresolvedBackend | None:
    host = Host(ref.name)
    if service(graph, host, owner) is not None:
        return None
    message = f'host "{host}" is not declared'
    return UnresolvedBackend(NOT_FOUND, message, "declare a ServiceEntry for it", host)


def _unresolved_service(
    graph: Graph, key: ObjectKey, ref: BackendObjectReference
) -> UnresolvedBackend | None:
    host = backend_host(ref, key.namespace)
    declared = object_of(graph, ObjectKey(SERVICE, key.namespace, key.name))
    if declared is None:
        message = f"Service {key.namespace}/{key.name} is not declared"
        return UnresolvedBackend(NOT_FOUND, message, host=host)
    ports = [port.port for port in declared.spec.ports]
    if ref.port is None or ref.port in ports:
        return None
    message = f"Service {key.namespace}/{key.name} has no port {ref.port}"
    known = ", ".join(map(str, ports))
    hint = f"it has {known}" if known else "add the port to the Service"
    return UnresolvedBackend(NOT_FOUND, message, hint, host, field="port")
