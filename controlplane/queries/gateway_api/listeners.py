"""The listeners of Gateways: their own, and those of the ListenerSets that they accept.

Each is a cell of its own: an edit of one ListenerSet among a thousand makes its listeners anew, and
compares where all of them listen.
Source: https://gateway-api.sigs.k8s.io/guides/user-guides/listener-set/
"""

from collections.abc import Iterator, Mapping
from itertools import chain

from controlplane.base.hosts import is_wildcard
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Namespace, ObjectKey, PortNumber, key_is_of
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.gateway_api.gateway import (
    KUBERNETES_GATEWAY,
    FrontendTlsValidation,
    GatewayFrontendTls,
    KubernetesGateway,
    KubernetesGatewayKey,
)
from controlplane.kinds.gateway_api.listener import TlsMode
from controlplane.kinds.gateway_api.listener_set import (
    LISTENER_SET,
    ListenerSet,
    ListenerSetKey,
)
from controlplane.kinds.object import Object
from controlplane.model.gateway_api import Conformance, ListenerId
from controlplane.queries.gateway_api.classes import gateway_conformance
from controlplane.queries.gateway_api.namespaces import admitted_virtual_services, is_admitted
from controlplane.queries.gateway_api.references import authorities, certificate
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index, object_of
from controlplane.translate.gateway_api.conflicts import ListenerConflict, listener_conflicts
from controlplane.translate.gateway_api.entries import ListenerEntry, listener_entries
from controlplane.translate.gateway_api.listener import (
    LISTED_SIBLINGS,
    AttachedListener,
    all_elsewhere,
    attached_listener,
    hosts_elsewhere,
    is_auto_passthrough,
    reserved_hosts,
)
from controlplane.translate.gateway_api.listener_tls import EndedTls, Frontend, ended_tls
from controlplane.translate.gateway_api.namespaces import (
    namespaces_of_listener_sets,
    namespaces_of_routes,
)
from controlplane.translate.server import Server
from controlplane.translate.tls_defaults import usual_parameters


@index(LISTENER_SET)
def listener_sets_of(
    declared: Object[ListenerSet],
) -> Iterator[tuple[KubernetesGatewayKey, ListenerSetKey]]:
    """The ListenerSets that name a Gateway as their parent."""
    parent = named_gateway(declared)
    if parent is not None:
        yield parent, declared.key


def named_gateway(declared: Object[ListenerSet]) -> KubernetesGatewayKey | None:
    """The Gateway that a ListenerSet names; ``None`` where it names something else."""
    ref = declared.spec.parent_ref
    if (ref.group, ref.kind) != (KUBERNETES_GATEWAY.group, KUBERNETES_GATEWAY.name):
        return None
    namespace = Namespace(ref.namespace) or declared.namespace
    return ObjectKey(KUBERNETES_GATEWAY, namespace, ref.name)


@guarded(first=())
def listeners_of(graph: Graph, key: KubernetesGatewayKey) -> tuple[AttachedListener, ...]:
    """Every listener of a Gateway, its own first, then those of its ListenerSets, the oldest
    first; none where it is not served here.
    """
    parents: tuple[ObjectKey, ...] = (key, *accepted_sets(graph, key))
    return tuple(chain.from_iterable(parent_listeners(graph, parent) for parent in parents))


@guarded(first=())
def gateway_api_servers(graph: Graph, key: KubernetesGatewayKey) -> tuple[Server, ...]:
    """The servers of a Gateway's listeners; runs again when one of them changes."""
    return tuple(
        listener.server for listener in listeners_of(graph, key) if listener.server is not None
    )


@derived
def served_ports(graph: Graph, key: KubernetesGatewayKey) -> tuple[PortNumber, ...]:
    """The ports that the listeners of a Gateway ask for, sorted, whatever else is wrong with
    them.
    """
    lost = conflicts(graph, key)
    own = (each for each in entries(graph, key) if each.id not in lost and not each.lacks_tls)
    sets = (server.port for server in gateway_api_servers(graph, key))
    return tuple(sorted({*(entry.port for entry in own), *sets}))


@derived
def parent_listeners(graph: Graph, parent: ObjectKey) -> tuple[AttachedListener, ...]:
    """The listeners that a Gateway or ListenerSet declares itself: those that routes find by naming
    it. None where it is not served here.
    """
    found = (attached(graph, entry.id) for entry in entries(graph, parent))
    return tuple(listener for listener in found if listener is not None)


@derived
def entries(graph: Graph, parent: ObjectKey) -> tuple[ListenerEntry, ...]:
    """The listeners that a Gateway or ListenerSet declares, as they are written."""
    if key_is_of(parent, KUBERNETES_GATEWAY):
        gateway = object_of(graph, parent)
        return listener_entries(gateway) if gateway is not None else ()
    assert key_is_of(parent, LISTENER_SET), "only these have listeners"
    declared = object_of(graph, parent)
    return listener_entries(declared) if declared is not None else ()


@derived
def accepted_sets(graph: Graph, key: KubernetesGatewayKey) -> tuple[ListenerSetKey, ...]:
    """The ListenerSets that a Gateway accepts, the oldest first, then by namespace and name.

    Runs again when one that names it comes, goes or changes its age, or what it allows changes.
    """
    gateway = object_of(graph, key)
    if gateway is None or gateway_conformance(graph, key) is None:
        return ()
    allowed = namespaces_of_listener_sets(gateway.spec, gateway.namespace)
    found = [
        declared
        for each in listener_sets_of(graph, key)
        if is_admitted(graph, allowed, each.namespace)
        and (declared := object_of(graph, each)) is not None
    ]
    found.sort(key=lambda each: (each.created, f"{each.namespace}/{each.name}"))
    return tuple(each.key for each in found)


@derived
def gateway_of(graph: Graph, parent: ObjectKey) -> KubernetesGatewayKey | None:
    """The Gateway whose listeners those of ``parent`` are; ``None`` where it is not served here, or
    does not accept the ListenerSet.
    """
    if key_is_of(parent, KUBERNETES_GATEWAY):
        return parent if gateway_conformance(graph, parent) is not None else None
    assert key_is_of(parent, LISTENER_SET), "only these have listeners"
    declared = object_of(graph, parent)
    named = named_gateway(declared) if declared is not None else None
    return named if named is not None and parent in accepted_sets(graph, named) else None


@derived
def conflicts(graph: Graph, key: KubernetesGatewayKey) -> Mapping[ListenerId, ListenerConflict]:
    """The listeners of a Gateway that want what another has; runs again when one changes."""
    conformance = gateway_conformance(graph, key)
    if conformance is None:
        return {}
    return listener_conflicts(_all_entries(graph, key), conformance)


@derived
def conflict_of(
    graph: Graph, key: KubernetesGatewayKey, listener: ListenerId
) -> ListenerConflict | None:
    """What one listener conflicts with: changes of others stop here."""
    found = conflicts(graph, key)
    return found.get(listener)


@derived
def siblings(
    graph: Graph, key: KubernetesGatewayKey, port: PortNumber
) -> tuple[ListenerEntry, ...]:
    """The listeners of a Gateway on one port that do not conflict."""
    lost = conflicts(graph, key)
    return tuple(
        entry for entry in _all_entries(graph, key) if entry.port == port and entry.id not in lost
    )


def _all_entries(graph: Graph, key: KubernetesGatewayKey) -> Iterator[ListenerEntry]:
    yield from entries(graph, key)
    for each in accepted_sets(graph, key):
        yield from entries(graph, each)


@guarded
def attached(graph: Graph, listener: ListenerId) -> AttachedListener | None:
    """One listener; ``None`` where it is not served here.

    Runs again when it changes, what it refers to, the class or TLS settings of its Gateway, or a
    listener that it conflicts with.
    """
    key = gateway_of(graph, listener.parent)
    entry = next((e for e in entries(graph, listener.parent) if e.id == listener), None)
    gateway = object_of(graph, key) if key is not None else None
    conformance = gateway_conformance(graph, key) if key is not None else None
    if key is None or entry is None or gateway is None or conformance is None:
        return None
    own = listener.parent.namespace
    allowed = namespaces_of_routes(entry.spec.allowed_routes, own, conformance)
    parent = object_of(graph, listener.parent)
    labels = parent.labels if parent is not None else {}
    tls = entry.spec.tls
    reserved = _reserved(graph, key, entry, conformance)
    return attached_listener(
        entry,
        key,
        conflict=conflict_of(graph, key, listener),
        tls=_ended_tls(graph, gateway, entry, conformance),
        passes_all_sni=tls is not None and is_auto_passthrough(entry.port, tls, labels),
        namespaces=allowed,
        admitted=admitted_virtual_services(graph, allowed),
        reserved=reserved,
        elsewhere=_elsewhere(graph, key, entry, reserved, conformance),
        conformance=conformance,
    )


def _reserved(
    graph: Graph, key: KubernetesGatewayKey, entry: ListenerEntry, conformance: Conformance
) -> tuple[Host, ...]:
    if not is_wildcard(entry.hostname):
        return ()
    return reserved_hosts(entry, siblings(graph, key, entry.port), conformance)


def _elsewhere(
    graph: Graph,
    key: KubernetesGatewayKey,
    entry: ListenerEntry,
    reserved: tuple[Host, ...],
    conformance: Conformance,
) -> tuple[Host, ...]:
    """Istio answers such requests 404."""
    if conformance is Conformance.ISTIO or entry.protocol != "HTTPS":
        return ()
    if entry.hostname != "*" and has_many_siblings(graph, key, entry.port):
        return all_elsewhere(reserved)
    return hosts_elsewhere(entry, siblings(graph, key, entry.port))


@derived
def has_many_siblings(graph: Graph, key: KubernetesGatewayKey, port: PortNumber) -> bool:
    """Whether a port has so many listeners that none names all the others."""
    return len(siblings(graph, key, port)) > LISTED_SIBLINGS


def _ended_tls(
    graph: Graph,
    gateway: Object[KubernetesGateway],
    entry: ListenerEntry,
    conformance: Conformance,
) -> EndedTls | None:
    """The TLS that a listener ends, if it does."""
    tls = entry.spec.tls
    if tls is None or tls.mode is TlsMode.PASSTHROUGH or entry.protocol not in ("HTTPS", "TLS"):
        return None
    owner, home, at = entry.id.parent, gateway.namespace, entry.place / "tls"
    certificates = tuple(
        certificate(graph, owner, home, at / "certificateRefs" / i, ref)
        for i, ref in enumerate(tls.certificate_refs)
    )
    return ended_tls(
        at,
        tls,
        certificates,
        _frontend(graph, gateway, owner, entry.port),
        routes=entry.protocol == "HTTPS",
        usual=usual_parameters(mesh_config(graph).tls_defaults),
        conformance=conformance,
    )


def _frontend(
    graph: Graph, gateway: Object[KubernetesGateway], owner: ObjectKey, port: PortNumber
) -> Frontend | None:
    """How the Gateway verifies clients on a port."""
    tls = gateway.spec.tls
    if tls is None or tls.frontend is None:
        return None
    found = _validation(tls.frontend, FieldRef(gateway.key) / "spec" / "tls" / "frontend", port)
    if found is None:
        return None
    at, spec = found
    refs = tuple(
        authorities(graph, owner, gateway.namespace, at / "caCertificateRefs" / i, ref)
        for i, ref in enumerate(spec.ca_certificate_refs)
    )
    return Frontend(spec=spec, place=at, authorities=refs)


def _validation(
    frontend: GatewayFrontendTls, at: FieldRef, port: PortNumber
) -> tuple[FieldRef, FrontendTlsValidation] | None:
    """What is said for a port replaces the default, even by saying nothing."""
    for i, each in enumerate(frontend.per_port):
        if each.port == port:
            validation = each.tls.validation
            place = at / "perPort" / i / "tls" / "validation"
            return (place, validation) if validation is not None else None
    default = frontend.default.validation
    return (at / "default" / "validation", default) if default is not None else None
