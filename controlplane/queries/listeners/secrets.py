"""The secrets that a gateway's listeners and clusters name, as long as they can be served.

A proxy gets secrets of its own namespace, and those that the owners of others let its listeners
refer to. One that is missing, broken, expired or not yet
valid is not sent: Envoy then closes the one server (or destination) that needs it and no other. (In
a running server the engine keeps a Secret that works when its file is changed to one that does
not.)
Source: istio ``pilot/pkg/xds/sds.go``.
"""

from controlplane.base.names import Namespace
from controlplane.base.shelf import Shelf, shelf
from controlplane.envoy.resource import Resource
from controlplane.envoy.secrets import secret
from controlplane.graph import Graph, derived, guarded
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.proxy import ListenerKey
from controlplane.model.tls import SecretName, files_of
from controlplane.model.tls_upstream import SecretUse
from controlplane.queries.clusters.cluster_shelves import cluster_secrets
from controlplane.queries.listeners.listeners import granted_secrets, listener_secrets
from controlplane.queries.registry.credentials import Credential, credential_of, owner_of, servable


@derived
def secrets(
    graph: Graph, listeners: tuple[ListenerKey, ...], view: OutboundView
) -> Shelf[Resource]:
    """Runs again when a secret that the proxy's resources name comes, goes or changes, or when
    they name others.
    """
    names = secret_names(graph, listeners, view)
    granted = frozenset(granted_to(graph, listeners, view))
    found = (_resource(graph, view.namespace, name, granted) for name in names)
    return shelf({resource.name: resource for resource in found if resource is not None})


def granted_to(
    graph: Graph, listeners: tuple[ListenerKey, ...], view: OutboundView
) -> tuple[SecretName, ...]:
    """The secrets that others let it have: of its listeners, and what it shows to backends."""
    shown = view.client_certificate
    return (*granted_secrets(graph, listeners), *((shown,) if shown is not None else ()))


@derived
def secret_names(
    graph: Graph, listeners: tuple[ListenerKey, ...], view: OutboundView
) -> tuple[SecretName, ...]:
    """Every secret that listeners and clusters name, for what it is, sorted."""
    named = cluster_secrets(graph, view)
    shown = view.client_certificate
    of_clusters = (n for use, n in named if n == shown or _serves(n, view.namespace, use))
    return tuple(sorted({*listener_secrets(graph, listeners), *of_clusters}))


def _serves(name: SecretName, namespace: Namespace, use: SecretUse) -> bool:
    credential = credential_of(name, namespace)
    return credential is None or credential.use is use


def _resource(
    graph: Graph, namespace: Namespace, name: SecretName, granted: frozenset[SecretName]
) -> Resource | None:
    files = files_of(name)
    if files is not None:
        return secret(name, files)
    credential = credential_of(name, owner_of(name) if name in granted else namespace)
    return credential_resource(graph, credential, name) if credential is not None else None


@guarded
def credential_resource(graph: Graph, credential: Credential, name: SecretName) -> Resource | None:
    """One secret, encoded once for all proxies of a namespace that name it so."""
    found = servable(graph, credential)
    return secret(name, found) if found is not None else None
