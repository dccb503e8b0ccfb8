"""The whole of a migration: a configuration in, the same in the words of Gateway API out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from controlplane.base.codes import LEFT_TO_DO
from controlplane.base.diagnostics import Diagnostics, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace, ObjectKey
from controlplane.documents.content import FileContent
from controlplane.documents.yaml import Data
from controlplane.engine.engine import Engine
from controlplane.kinds.core.service import SERVICE, Service, ServicePort
from controlplane.kinds.istio.envoy_filter import ENVOY_FILTER
from controlplane.kinds.istio.gateway import GATEWAY
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE
from controlplane.kinds.object import Object
from controlplane.migrate.bindings import gateway_name
from controlplane.migrate.candidates import VirtualServiceKey
from controlplane.migrate.listeners import ReadGateway
from controlplane.migrate.meshes import Declared
from controlplane.migrate.objects import Bodies, Replacement, replacements
from controlplane.migrate.plan import Options, Plan, plan
from controlplane.migrate.stand_ins import stand_ins
from controlplane.migrate.texts import MigratedFile, migrated_files
from controlplane.migrate.verification import NOTHING_COMPARED, proof
from controlplane.queries.inputs.mesh import mesh_config


@dataclass(frozen=True, slots=True)
class NamedService:
    """The Service that a user names as the one in front of the proxies."""

    namespace: Namespace
    name: str


After = Callable[[tuple[MigratedFile, ...], str], Engine]
"""An engine with files as they are migrated, where other Secrets stand in for those it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """``replaced`` takes the place of objects; ``notes`` are left to do by hand. ``compared``
    requests are answered as before.
    """

    plan: Plan
    replaced: Mapping[ObjectKey, Replacement]
    files: tuple[MigratedFile, ...]
    notes: Diagnostics
    compared: int


def declared_in(engine: Engine, contents: tuple[FileContent, ...]) -> Declared:
    """What ``contents``, the files of ``engine``, declare."""
    keys = [found.key for content in contents for found in content.objects]
    seen = set[ObjectKey]()
    twice = set[ObjectKey]()
    for key in keys:
        (twice if key in seen else seen).add(key)
    mesh = mesh_config(engine.graph)
    topology = mesh.default_config.gateway_topology
    return Declared(
        gateways={found.key: found for found in engine.objects(GATEWAY)},
        virtual_services={found.key: found for found in engine.objects(VIRTUAL_SERVICE)},
        services=tuple(engine.objects(SERVICE)),
        entries=tuple(engine.objects(SERVICE_ENTRY)),
        taken=frozenset(keys),
        twice=frozenset(twice),
        export_to=mesh.default_virtual_service_export_to,
        trusts_proxies=topology is not None and topology.num_trusted_proxies > 0,
    )


def migrated(
    engine: Engine,
    contents: tuple[FileContent, ...],
    after: After,
    *,
    by_segment: bool = False,
    service: NamedService | None = None,
) -> Migration:
    """What becomes of ``contents``, the files of ``engine`` without that of MeshConfig.

    What turns out to be answered otherwise stays, until all answers are as before. With
    ``by_segment`` some are meant to change, so none is compared.
    """
    declared = declared_in(engine, contents)
    known = _known(declared, service) if service is not None else None
    made = _made(declared, service) if service is not None and known is None else None
    options = Options(by_segment=by_segment, service=known or made)
    bodies = _bodies(contents)
    refused: dict[VirtualServiceKey, str] = {}
    while True:
        decided = plan(declared, options, refused)
        replaced = replacements(decided, declared, bodies, made)
        files = tuple(migrated_files(contents, replaced))
        found = NOTHING_COMPARED
        if not by_segment and decided.gateways:
            secrets = stand_ins(decided, engine.now)
            found = proof(decided, declared, engine, after(files, secrets))
        if not found.otherwise:
            break
        refused.update(_refused(decided, found.otherwise))
    return Migration(
        plan=decided,
        replaced=replaced,
        files=files,
        notes=_notes(engine, decided),
        compared=found.compared,
    )


def _refused(
    decided: Plan, otherwise: Mapping[VirtualServiceKey, str]
) -> dict[VirtualServiceKey, str]:
    """What must stay because of answers that differ: those objects, or everything where they stay
    already.
    """
    found = {key: why for key, why in otherwise.items() if key in decided.virtual_services}
    why = next(iter(otherwise.values()))
    return found or dict.fromkeys(decided.virtual_services, why)


def _known(declared: Declared, named: NamedService) -> Object[Service] | None:
    wanted = (named.namespace, named.name)
    return next((s for s in declared.services if (s.namespace, s.name) == wanted), None)


def _made(declared: Declared, named: NamedService) -> Object[Service]:
    """A Service in front of the proxies that the Gateways select, with the ports of their servers,
    which stay what they are.
    """
    gateways = sorted(declared.gateways.values(), key=lambda gateway: gateway.age)
    numbers = {
        server.port.number: server.port.name
        for gateway in gateways
        for server in gateway.spec.servers
        if server.port is not None
    }
    ports = tuple(
        ServicePort(name=f"{name.lower() or 'port'}-{number}", port=number, target_port=number)
        for number, name in sorted(numbers.items())
    )
    return Object(
        key=ObjectKey(SERVICE, named.namespace, named.name),
        spec=Service(selector=dict(gateways[0].spec.selector) if gateways else {}, ports=ports),
    )


def _bodies(contents: tuple[FileContent, ...]) -> Bodies:
    """Every object as it is written, by the declaration that is used."""
    bodies: dict[ObjectKey, Mapping[str, Data]] = {}
    for content in sorted(contents, key=lambda content: content.path):
        for found in content.objects:
            bodies.setdefault(found.key, found.body)
    return bodies


def _notes(engine: Engine, decided: Plan) -> Diagnostics:
    """What is left to do by hand for the Gateways that go."""
    report = Report()
    going = [read for key, read in decided.gateways.items() if key not in decided.beside]
    for read in going:
        _note_shared_connections(report, read)
    _note_patches(report, engine, {gateway_name(read.gateway.key) for read in going})
    return tuple(report)


def _note_shared_connections(report: Report, read: ReadGateway) -> None:
    """A server ends TLS for all its hosts alike, and a listener of class ``istio`` for one: it
    knows no others.
    """
    for i in range(len(read.gateway.spec.servers)):
        at = FieldRef(read.gateway.key) / "spec" / "servers" / i / "hosts"
        listeners = [
            each
            for each in read.listeners
            if each.port.https and each.place.path[: len(at.path)] == at.path
        ]
        if len(listeners) > 1:
            report.add(
                LEFT_TO_DO,
                at,
                "each host becomes a listener, and a request for one host on a connection that "
                "was opened for another is answered with 404",
                hint="give each host a certificate for it alone, so that no client reuses "
                "connections",
            )


def _note_patches(report: Report, engine: Engine, gone: set[str]) -> None:
    """Patches for the routes of a Gateway that goes: they would find nothing."""
    for patching in engine.objects(ENVOY_FILTER):
        for i, patch in enumerate(patching.spec.config_patches):
            routes = patch.match.route_configuration if patch.match is not None else None
            if routes is not None and routes.gateway in gone:
                place = FieldRef(patching.key) / "spec" / "configPatches" / i / "match"
                report.add(
                    LEFT_TO_DO,
                    place / "routeConfiguration" / "gateway",
                    f'the patch is for routes of Gateway "{routes.gateway}", which goes',
                    hint="leave the Gateway out, and match the port or the virtual host",
                )
