"""What could be migrated, each object looked at by itself: Gateways, and the VirtualServices that
name them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.base.codes import NO_COUNTERPART, NOT_KNOWN_HERE, STAYS_WITH_ANOTHER
from controlplane.base.diagnostics import Diagnostics, Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Kind, Namespace, ObjectKey
from controlplane.kinds.core.service import Service
from controlplane.kinds.istio.virtual_service import Delegate, VirtualService
from controlplane.kinds.object import Object
from controlplane.migrate.backends import GATEWAY_API
from controlplane.migrate.bindings import (
    GatewayKey,
    Target,
    domains,
    gateway_name,
    gateways_named,
)
from controlplane.migrate.listeners import ReadGateway, read_gateway, redirect_name
from controlplane.migrate.meshes import Declared
from controlplane.migrate.routes import ReadVirtualService, read_virtual_service, route_name
from controlplane.migrate.streams import taken_streams
from controlplane.translate.istio.delegate import expanded
from controlplane.translate.istio.located_rules import LocatedRule, located_rules
from controlplane.translate.istio.virtual_service import complete_rules

VirtualServiceKey = ObjectKey[VirtualService]
Site = tuple[Namespace, str, int, Host]
"""Where routes are merged: which proxies, and a port and a host of theirs; or what of connections
is taken, see ``taken_streams``.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """``gateways`` and ``services`` have a counterpart. ``sites`` are those of every VirtualService
    that names a Gateway. ``kept``: why the others stay.
    """

    gateways: Mapping[GatewayKey, ReadGateway]
    services: Mapping[VirtualServiceKey, ReadVirtualService]
    sites: Mapping[VirtualServiceKey, Mapping[Site, Target]]
    kept: Diagnostics


def candidates(declared: Declared, service: Object[Service] | None) -> Candidates:
    """``service`` is in front of the proxies of every Gateway; by default the files say it."""
    report = Report()
    read: dict[GatewayKey, ReadGateway] = {}
    gateways: dict[GatewayKey, ReadGateway] = {}
    for at, gateway in sorted(declared.gateways.items()):
        faults = Report()
        read[at] = read_gateway(faults, gateway, declared, service)
        _check_names(faults, gateway, declared, "Gateway", read[at].home, (gateway.name,))
        if read[at].redirecting:
            name = redirect_name(gateway)
            _check_names(faults, gateway, declared, "HTTPRoute", read[at].home, (name,))
        report.diagnostics.extend(faults)
        if not len(faults):
            gateways[at] = read[at]
    services: dict[VirtualServiceKey, ReadVirtualService] = {}
    sites: dict[VirtualServiceKey, Mapping[Site, Target]] = {}
    for key, virtual_service in sorted(declared.virtual_services.items()):
        if virtual_service.spec.hosts and gateways_named(virtual_service):
            named = gateways_named(virtual_service)
            its = {k: g for k, g in read.items() if gateway_name(k) in named}
            sites[key] = _sites(virtual_service, its)
            found = _virtual_service(report, virtual_service, declared, gateways, its, sites[key])
            if found is not None:
                services[key] = found
    return Candidates(gateways=gateways, services=services, sites=sites, kept=tuple(report))


def _sites(
    virtual_service: Object[VirtualService], gateways: Mapping[GatewayKey, ReadGateway]
) -> dict[Site, Target]:
    return {
        (gateway.home, _proxies(gateway), target.port.port, host): target
        for gateway in gateways.values()
        for target, host in domains(virtual_service, gateway)
    } | {
        (gateway.home, _proxies(gateway), port.port, Host(taken)): Target(gateway.gateway.key, port)
        for gateway, port, taken in taken_streams(virtual_service, gateways)
    }


def _proxies(gateway: ReadGateway) -> str:
    """A name for the proxies of a Gateway: that of their Service, or their labels."""
    if gateway.service is not None:
        return gateway.service.name
    return ",".join(f"{k}={v}" for k, v in sorted(gateway.gateway.spec.selector.items()))


def _virtual_service(
    report: Report,
    virtual_service: Object[VirtualService],
    declared: Declared,
    gateways: Mapping[GatewayKey, ReadGateway],
    named: Mapping[GatewayKey, ReadGateway],
    sites: Mapping[Site, Target],
) -> ReadVirtualService | None:
    faults = Report()
    at = FieldRef(virtual_service.key) / "spec"
    _check_gateways(faults, at, virtual_service, declared, gateways)
    found = read_virtual_service(
        faults,
        virtual_service,
        complete_rules_of(virtual_service, declared),
        tuple(sorted({target for site, target in sites.items() if " " not in site[3]})),
        named,
        declared,
    )
    if not len(faults) and not found.routes and not found.streams:
        message = "no server of its Gateways serves its hosts, so an HTTPRoute would do nothing"
        faults.add(NO_COUNTERPART, at / "hosts", message)
    names = tuple(route_name(virtual_service, routes, 1, 1) for routes in found.routes)
    namespace = virtual_service.namespace
    _check_names(faults, virtual_service, declared, "HTTPRoute", namespace, names)
    for stream in found.streams:
        kind = stream.kind.value
        _check_names(faults, virtual_service, declared, kind, namespace, (stream.name,))
    report.diagnostics.extend(faults)
    return None if len(faults) else found


def _check_gateways(
    report: Report,
    at: FieldRef,
    virtual_service: Object[VirtualService],
    declared: Declared,
    gateways: Mapping[GatewayKey, ReadGateway],
) -> None:
    """Report Gateways that stay or are not there, and proxies that do not see the object."""
    known = {gateway_name(key): key for key in declared.gateways}
    for name in gateways_named(virtual_service):
        key = known.get(name)
        if key is None:
            report.add(
                NOT_KNOWN_HERE,
                at / "gateways",
                f'no Gateway "{name}" is declared in these files',
                hint="name the file that declares it, too",
            )
        elif key not in gateways:
            report.diagnostics.extend(follows(virtual_service.key, key))
        elif not declared.is_seen(virtual_service, gateways[key].home):
            report.add(
                NO_COUNTERPART,
                at / "exportTo",
                f"it is not exported to {gateways[key].home}, and an HTTPRoute always would be",
            )


def follows(key: VirtualServiceKey, gateway: GatewayKey) -> Report:
    """That a VirtualService stays because a Gateway of its does."""
    report = Report()
    report.add(
        STAYS_WITH_ANOTHER,
        FieldRef(key) / "spec" / "gateways",
        f"{gateway.display_name} stays",
        related=(Related(place=FieldRef(gateway), message="stays"),),
    )
    return report


def _check_names(
    report: Report,
    owner: Object[object],
    declared: Declared,
    kind: str,
    namespace: Namespace,
    names: tuple[str, ...],
) -> None:
    """What is to be written must not be there yet, and what goes must be declared once."""
    at = FieldRef(owner.key) / "metadata" / "name"
    for name in names:
        if ObjectKey(Kind(GATEWAY_API, kind), namespace, name) in declared.taken:
            message = f"a {kind} {namespace}/{name} of the Gateway API is there already"
            report.add(STAYS_WITH_ANOTHER, at, message, hint="rename one of them")
    if owner.key in declared.twice:
        message = "it is declared twice, so the other declaration would take its place"
        report.add(STAYS_WITH_ANOTHER, at, message, hint="remove one of them")


def complete_rules_of(
    virtual_service: Object[VirtualService], declared: Declared
) -> tuple[LocatedRule, ...]:
    """Its complete rules, with those of its delegates in their places."""
    namespace = virtual_service.namespace

    def delegated(delegate: Delegate) -> tuple[LocatedRule, ...]:
        key = delegate_key(delegate, namespace, virtual_service.kind)
        found = declared.virtual_services.get(key)
        if found is None or found.spec.hosts or not declared.is_seen(found, namespace):
            return ()
        return located_rules(key, complete_rules(found))

    return tuple(
        expanded(located_rules(virtual_service.key, complete_rules(virtual_service)), delegated)
    )


def delegate_key(
    delegate: Delegate, root: Namespace, kind: Kind[VirtualService]
) -> VirtualServiceKey:
    return ObjectKey(kind, Namespace(delegate.namespace or root), delegate.name)
