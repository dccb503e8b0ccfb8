"""Where the proxies of a Gateway are, as far as connected proxies or declared Services tell."""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.base.names import Namespace, ObjectKey
from controlplane.graph import Graph, derived
from controlplane.kinds.core.service import SERVICE, Service
from controlplane.kinds.istio.gateway import GatewayKey
from controlplane.kinds.object import Object
from controlplane.model.proxy import Labels, labels_of
from controlplane.queries.inputs.connected_gateways import connected_gateways
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index, object_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Homes:
    """The namespaces that proxies are looked for in.

    ``certain``: connected proxies are there. ``every``: each of them needs what is looked for,
    where one that has it is not enough.
    """

    namespaces: tuple[Namespace, ...]
    certain: bool
    every: bool = False


@index(SERVICE)
def services_by_selected_label(
    service: Object[Service],
) -> Iterator[tuple[tuple[str, str], ObjectKey[Service]]]:
    for label in service.spec.selector.items():
        yield label, service.key


@derived
def gateway_homes(graph: Graph, key: GatewayKey) -> Homes:
    """The namespaces of a Gateway's proxies: of those that are connected; else of the Services in
    front of such proxies; else its own and the root namespace, the likelier first: Istio's own
    gateways, which have the label ``istio``, are in the root namespace.

    Runs again when gateways come or go, or Services with a label of its selector.
    """
    gateway = object_of(graph, key)
    selector = labels_of(dict(gateway.spec.selector)) if gateway is not None else ()
    wanted = set(selector)
    connected = {p.namespace for p in connected_gateways(graph) if wanted <= set(p.labels)}
    if connected:
        return Homes(namespaces=tuple(sorted(connected)), certain=True, every=True)
    in_front = {service.namespace for service in services_in_front(graph, selector)}
    root = Namespace(mesh_config(graph).root_namespace)
    conventional = (root, key.namespace) if "istio" in dict(selector) else (key.namespace, root)
    likely = sorted(in_front) or conventional
    return Homes(namespaces=tuple(dict.fromkeys(likely)), certain=False)


def services_in_front(graph: Graph, selector: Labels) -> tuple[ObjectKey[Service], ...]:
    """The Services that may select proxies with the labels of a Gateway's selector: those that ask
    for one of them, and for no other value of another.
    """
    asked = dict(selector)
    keys = {key for label in selector for key in services_by_selected_label(graph, label)}
    return tuple(
        key
        for key in sorted(keys)
        if (service := object_of(graph, key)) is not None
        and all(asked.get(name, value) == value for name, value in service.spec.selector.items())
    )
