"""What is migrated and what stays: Gateways and VirtualServices that must change together do.

A Gateway whose VirtualServices all have a counterpart is replaced. One that serves plain HTTP may
stay beside its Kubernetes Gateway for those that have none; one with TLS cannot, because a host's
certificate is shown by one of two Gateways. VirtualServices that share a host are merged into one
list of routes, so they are migrated together or not at all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from controlplane.base.codes import ANSWERS_DIFFER, STAYS_WITH_ANOTHER
from controlplane.base.diagnostics import Diagnostics, Related, Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.core.service import Service
from controlplane.kinds.object import Object
from controlplane.migrate.bindings import GatewayKey
from controlplane.migrate.candidates import (
    Candidates,
    VirtualServiceKey,
    candidates,
    follows,
)
from controlplane.migrate.listeners import ReadGateway
from controlplane.migrate.meshes import Declared
from controlplane.migrate.ordering import Matches, Unordered, ordered
from controlplane.migrate.routes import ReadVirtualService


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``by_segment``: prefixes are meant as whole segments. ``service``: the one in front of the
    proxies of every Gateway.
    """

    by_segment: bool = False
    service: Object[Service] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``gateways`` become Kubernetes Gateways; those in ``beside`` stay, too. ``kept``: why other
    objects stay.
    """

    gateways: Mapping[GatewayKey, ReadGateway]
    beside: frozenset[GatewayKey]
    virtual_services: Mapping[VirtualServiceKey, ReadVirtualService]
    matches: Matches
    kept: Diagnostics


def plan(
    declared: Declared, options: Options, refused: Mapping[VirtualServiceKey, str] | None = None
) -> Plan:
    """The decision for every Gateway, and every VirtualService that names one. ``refused`` stay for
    a reason that was found since.
    """
    found = candidates(declared, options.service)
    for key, why in (refused or {}).items():
        report = Report()
        report.add(ANSWERS_DIFFER, FieldRef(key) / "spec", why)
        found = _without(found, key, report)
    matches: Matches = {}
    while True:
        settled = _settled(found, declared)
        if settled is None:
            outcome = _in_order(found, declared, options)
            if not isinstance(outcome, Candidates):
                matches = outcome
                break
            settled = outcome
        found = settled
    staying = (key for key in found.gateways if _staying(key, found, declared))
    return Plan(
        gateways=found.gateways,
        beside=frozenset(staying),
        virtual_services=found.services,
        matches=matches,
        kept=found.kept,
    )


def _without(found: Candidates, key: VirtualServiceKey, report: Report) -> Candidates:
    services = {k: v for k, v in found.services.items() if k != key}
    return replace(found, services=services, kept=(*found.kept, *report))


def _staying(
    key: GatewayKey, found: Candidates, declared: Declared
) -> tuple[VirtualServiceKey, ...]:
    """The VirtualServices of a Gateway that stay."""
    return tuple(v.key for v in declared.bound_to(key) if v.key not in found.services)


def _settled(found: Candidates, declared: Declared) -> Candidates | None:
    """``found`` without one object that must stay because another does; ``None``: there is none."""
    for gateway, read in found.gateways.items():
        staying = _staying(gateway, found, declared)
        bound = tuple(v.key for v in declared.bound_to(gateway))
        if staying and (read.is_exclusive or staying == bound):
            return _without_gateway(found, gateway, staying[0], bound)
    for key in found.services:
        other = next(_staying_at_its_hosts(key, found), None)
        if other is not None:
            return _without(found, key, _merged_with(key, *other))
    return None


def _without_gateway(
    found: Candidates,
    key: GatewayKey,
    stays: VirtualServiceKey,
    bound: tuple[VirtualServiceKey, ...],
) -> Candidates:
    report = Report()
    two = "a host with TLS, or that is redirected to it, is served by one Gateway alone"
    none = "no VirtualService would be left for a Kubernetes Gateway"
    report.add(
        STAYS_WITH_ANOTHER,
        FieldRef(key) / "spec" / "servers",
        f"{stays.display_name} stays, and {two if found.gateways[key].is_exclusive else none}",
        related=(Related(place=FieldRef(stays), message="stays"),),
    )
    gateways = {k: v for k, v in found.gateways.items() if k != key}
    found = replace(found, gateways=gateways, kept=(*found.kept, *report))
    for virtual_service in bound:
        if virtual_service in found.services:
            found = _without(found, virtual_service, follows(virtual_service, key))
    return found


def _staying_at_its_hosts(
    key: VirtualServiceKey, found: Candidates
) -> Iterator[tuple[VirtualServiceKey, str]]:
    for other, sites in found.sites.items():
        shared = sites.keys() & found.sites[key].keys()
        if shared and other not in found.services:
            yield other, min(shared)[3]


def _merged_with(key: VirtualServiceKey, other: VirtualServiceKey, host: str) -> Report:
    report = Report()
    report.add(
        STAYS_WITH_ANOTHER,
        FieldRef(key) / "spec" / "hosts",
        f'{other.display_name} stays, and its rules for "{host}" are merged with these',
        related=(Related(place=FieldRef(other), message="stays"),),
    )
    return report


def _in_order(found: Candidates, declared: Declared, options: Options) -> Candidates | Matches:
    """The matches of all VirtualServices; or ``found`` without those whose order cannot be kept."""
    every: Matches = {}
    for together in _sharing_hosts(found):
        outcome = ordered(together, found, declared, by_segment=options.by_segment)
        if isinstance(outcome, Unordered):
            for key in together:
                own = [d for d in outcome.report if _is_of(d.place, key)]
                found = _without(found, key, Report(own or list(outcome.report)))
            return found
        every = {**every, **outcome}
    return every


def _is_of(place: object, key: VirtualServiceKey) -> bool:
    return isinstance(place, FieldRef) and place.object == key


def _sharing_hosts(found: Candidates) -> Iterator[tuple[VirtualServiceKey, ...]]:
    """The VirtualServices in groups of which no two share a host."""
    left = dict.fromkeys(found.services)
    while left:
        group = [next(iter(left))]
        for key in group:
            left.pop(key, None)
            more = (o for o in left if found.sites[o].keys() & found.sites[key].keys())
            group.extend(o for o in more if o not in group)
        yield tuple(group)
