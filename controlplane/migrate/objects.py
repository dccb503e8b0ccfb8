"""A plan becomes objects: what takes the place of each Gateway and VirtualService."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from controlplane.base.names import Namespace, ObjectKey
from controlplane.documents.yaml import Data
from controlplane.kinds.core.service import Service
from controlplane.kinds.istio.virtual_service import VirtualService
from controlplane.kinds.object import Object
from controlplane.migrate.backends import GATEWAY_API, reference_grants
from controlplane.migrate.bindings import sections
from controlplane.migrate.candidates import VirtualServiceKey, delegate_key
from controlplane.migrate.listeners import ReadGateway, redirect_name
from controlplane.migrate.meshes import Declared
from controlplane.migrate.plan import Plan
from controlplane.migrate.routes import Parents, ReadRoutes, ReadVirtualService, http_routes
from controlplane.migrate.streams import stream_object
from controlplane.translate.istio.gateway_reference import MESH
from controlplane.translate.istio.virtual_service import virtual_service_gateways

NewObject = Mapping[str, Data]
_KEPT_METADATA: Final = ("labels", "annotations", "creationTimestamp")
_GRANT: Final = "ReferenceGrant"
_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """``objects`` in the place of a document, or behind it where it ``stays``."""

    objects: tuple[NewObject, ...]
    stays: bool = False


Bodies = Mapping[ObjectKey, Mapping[str, Data]]
"""Objects as they are written, by key."""


def replacements(
    plan: Plan, declared: Declared, bodies: Bodies, new_service: Object[Service] | None
) -> Mapping[ObjectKey, Replacement]:
    """What takes the place of each object that is migrated. ``new_service`` is written before the
    first Gateway.
    """
    found: dict[ObjectKey, Replacement] = {}
    first = [_service(new_service)] if new_service is not None else []
    for at, gateway in plan.gateways.items():
        written = _kubernetes_gateway(gateway, bodies[at])
        redirect = (_redirect(gateway),) if gateway.redirecting else ()
        found[at] = Replacement(objects=(*first, written, *redirect), stays=at in plan.beside)
        first = []
    for key, read in plan.virtual_services.items():
        found[key] = Replacement(objects=tuple(_of_virtual_service(key, read, plan, bodies[key])))
    for owner, grants in _grants(plan, declared):
        found[owner] = Replacement(objects=(*found[owner].objects, *grants))
    for key in unused_delegates(plan, declared):
        found[key] = Replacement(objects=())
    return found


def _kubernetes_gateway(read: ReadGateway, body: Mapping[str, Data]) -> NewObject:
    return {
        "apiVersion": f"{GATEWAY_API}/v1",
        "kind": "Gateway",
        "metadata": {"name": read.gateway.name, "namespace": read.home, **_metadata(body)},
        "spec": read.spec(),
    }


def _redirect(gateway: ReadGateway) -> NewObject:
    redirect: Data = {"scheme": "https", "statusCode": 301}
    return {
        "apiVersion": f"{GATEWAY_API}/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": redirect_name(gateway.gateway), "namespace": gateway.home},
        "spec": {
            "parentRefs": [
                {"name": gateway.gateway.name, "sectionName": name} for name in gateway.redirecting
            ],
            "rules": [{"filters": [{"type": "RequestRedirect", "requestRedirect": redirect}]}],
        },
    }


def _metadata(body: Mapping[str, Data]) -> dict[str, Data]:
    """Labels, annotations and age of an object."""
    metadata = body.get("metadata")
    assert isinstance(metadata, Mapping), "an object that is in force has metadata"
    kept = {field: metadata[field] for field in _KEPT_METADATA if metadata.get(field)}
    annotations = kept.get("annotations")
    if isinstance(annotations, Mapping):
        kept["annotations"] = {k: v for k, v in annotations.items() if k != _APPLIED}
    return {field: value for field, value in kept.items() if value}


def _of_virtual_service(
    key: VirtualServiceKey, read: ReadVirtualService, plan: Plan, body: Mapping[str, Data]
) -> Iterator[NewObject]:
    metadata = {"namespace": key.namespace, **_metadata(body)}
    for routes, matches in zip(read.routes, plan.matches[key], strict=True):
        parents = _parents(key, read, routes, plan)
        yield from http_routes(read.virtual_service, routes, matches, parents, metadata)
    for stream in read.streams:
        listeners = [
            {"name": g.name, **_elsewhere(plan.gateways[g].home, key), "sectionName": name}
            for g, name in stream.parents
        ]
        yield stream_object(stream, list[Data](listeners), metadata)
    if MESH in virtual_service_gateways(read.virtual_service):
        yield _at_mesh(body)


def _parents(
    key: VirtualServiceKey, read: ReadVirtualService, routes: ReadRoutes, plan: Plan
) -> Parents:
    """The Gateways; their ports where the routes are not for all of them, or their listeners where
    some redirect to HTTPS instead.
    """
    every = {target for its in read.routes for target in its.targets}
    parents: list[Mapping[str, Data]] = []
    for gateway in dict.fromkeys(target.gateway for target in routes.targets):
        home = plan.gateways[gateway].home
        parent: dict[str, Data] = {"name": gateway.name, **_elsewhere(home, key)}
        here = [target for target in routes.targets if target.gateway == gateway]
        if plan.gateways[gateway].redirecting:
            ports = [target.port for target in here]
            names = sections(read.virtual_service, plan.gateways[gateway], ports)
            parents.extend({**parent, "sectionName": name} for name in names)
        elif {target for target in every if target.gateway == gateway} == set(here):
            parents.append(parent)
        else:
            parents.extend({**parent, "port": target.port.port} for target in here)
    return tuple(parents)


def _elsewhere(home: Namespace, key: VirtualServiceKey) -> dict[str, Data]:
    return {"namespace": home} if home != key.namespace else {}


def _at_mesh(body: Mapping[str, Data]) -> NewObject:
    """The VirtualService, which is for the mesh alone from now on."""
    spec = body.get("spec")
    assert isinstance(spec, Mapping), "a VirtualService that is in force has a spec"
    return {**body, "spec": {**spec, "gateways": [MESH]}}


def _grants(
    plan: Plan, declared: Declared
) -> Iterator[tuple[VirtualServiceKey, list[dict[str, Data]]]]:
    """The ReferenceGrants, each behind the first VirtualService that needs it."""
    taken = {(key.namespace, key.name) for key in declared.taken if key.kind.name == _GRANT}
    needed = [grant for read in plan.virtual_services.values() for grant in read.grants]
    owners: dict[tuple[Namespace, Namespace, str], VirtualServiceKey] = {}
    for key, read in plan.virtual_services.items():
        for grant in read.grants:
            owners.setdefault((grant.to, grant.from_, grant.kind), key)
    for one, owner in owners.items():
        its = (g for g in needed if (g.to, g.from_, g.kind) == one)
        yield owner, reference_grants(its, taken)


def unused_delegates(plan: Plan, declared: Declared) -> Iterator[VirtualServiceKey]:
    """The delegates whose rules are in HTTPRoutes now, and that no VirtualService needs."""
    gone, needed = set[VirtualServiceKey](), set[VirtualServiceKey]()
    for key, virtual_service in declared.virtual_services.items():
        stays = key not in plan.virtual_services or MESH in virtual_service_gateways(
            virtual_service
        )
        (needed if stays else gone).update(_delegates(virtual_service))
    yield from sorted(key for key in gone - needed if _is_delegate(key, declared))


def _is_delegate(key: VirtualServiceKey, declared: Declared) -> bool:
    found = declared.virtual_services.get(key)
    return found is not None and not found.spec.hosts and key not in declared.twice


def _delegates(virtual_service: Object[VirtualService]) -> Iterator[VirtualServiceKey]:
    for rule in virtual_service.spec.http:
        if rule.delegate is not None:
            yield delegate_key(rule.delegate, virtual_service.namespace, virtual_service.kind)


def _service(service: Object[Service]) -> NewObject:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": service.name, "namespace": service.namespace},
        "spec": {
            "selector": dict(service.spec.selector),
            "ports": [
                {"name": port.name, "port": port.port, "targetPort": port.port}
                for port in service.spec.ports
            ],
        },
    }
