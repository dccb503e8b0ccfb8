"""How the paths of VirtualServices are spelled so that Gateway API tries their rules with the same
effect, or why there is no such way.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from controlplane.base.codes import OTHER_PRECEDENCE
from controlplane.base.diagnostics import Related, Report
from controlplane.base.locations import FieldRef
from controlplane.migrate.candidates import Candidates, Site, VirtualServiceKey
from controlplane.migrate.meshes import Declared
from controlplane.migrate.paths import SPELLINGS, Spelling
from controlplane.migrate.precedence import Overtaking, Placed, overtakings
from controlplane.migrate.routes import spelled
from controlplane.migrate.rules import SpelledMatch
from controlplane.model.visibility import visibility

Matches = Mapping[VirtualServiceKey, tuple[tuple[SpelledMatch, ...], ...]]
"""The matches of VirtualServices, by their routes in their order."""
_YOUNGEST: Final = "~"  # behind every timestamp
_SHOWN: Final = 3  # places that are reported of one VirtualService


@dataclass(frozen=True, slots=True)
class Unordered:
    """There is no way; ``report`` says why for the one that comes nearest."""

    report: Report


def ordered(
    keys: Iterable[VirtualServiceKey],
    found: Candidates,
    declared: Declared,
    *,
    by_segment: bool,
) -> Matches | Unordered:
    """The matches of VirtualServices that share hosts, in the first spelling that keeps answers."""
    keys = tuple(keys)
    reports: list[Report] = []
    for spelling in SPELLINGS:
        report = Report()
        matches = _spelled(report, keys, found, spelling, by_segment=by_segment)
        if not len(report):
            for site in sorted({site for key in keys for site in found.sites[key]}):
                _check_order(report, site, keys, found, declared, matches)
        if not len(report):
            return matches
        reports.append(report)
    return Unordered(min(reports, key=len))


def _spelled(
    report: Report,
    keys: tuple[VirtualServiceKey, ...],
    found: Candidates,
    spelling: Spelling,
    *,
    by_segment: bool,
) -> Matches:
    return {
        key: tuple(
            spelled(report, routes, spelling, by_segment=by_segment)
            for routes in found.services[key].routes
        )
        for key in keys
    }


def _check_order(
    report: Report,
    site: Site,
    keys: tuple[VirtualServiceKey, ...],
    found: Candidates,
    declared: Declared,
    matches: Matches,
) -> None:
    merged = sorted(
        (key for key in keys if site in found.sites[key]),
        key=lambda key: _merge_order(key, site, found, declared),
    )
    if " " in site[3] and len(merged) > 1:
        first, *others = merged
        for key in others:
            report.add(
                OTHER_PRECEDENCE,
                FieldRef(key) / "spec",
                f"{first.display_name} takes connections first ({site[3]}, port {site[2]})",
                related=(Related(place=FieldRef(first), message="comes first"),),
            )
    sources = [list(_placed(key, site, found, matches)) for key in merged]
    for overtaking in list(overtakings(sources))[:_SHOWN]:
        _report(report, overtaking)


def _merge_order(
    key: VirtualServiceKey, site: Site, found: Candidates, declared: Declared
) -> tuple[object, ...]:
    """As Istio merges: older Gateways first, then private VirtualServices, those exported by name,
    public ones; each by age.
    """
    virtual_service = found.services[key].virtual_service
    seen = visibility(virtual_service.spec.export_to or declared.export_to, key.namespace)
    tier = 2 if seen.is_public else 0 if key.namespace == site[0] else 1
    gateway = declared.gateways[found.sites[key][site].gateway]
    return (*gateway.age, tier, *virtual_service.age)


def _placed(
    key: VirtualServiceKey, site: Site, found: Candidates, matches: Matches
) -> Iterator[Placed]:
    read = found.services[key]
    target = found.sites[key][site]
    age = (read.virtual_service.created or _YOUNGEST, key.namespace, key.name)
    for routes, its in zip(read.routes, matches[key], strict=True):
        if target in routes.targets:
            yield from (Placed(match, (*age, i)) for i, match in enumerate(its))


def _report(report: Report, overtaking: Overtaking) -> None:
    earlier, later = overtaking.earlier, overtaking.later
    report.add(
        OTHER_PRECEDENCE,
        later.place,
        f"Gateway API tries this match ({later.path.type.value} {later.path.value}) before one "
        f"that comes first here ({earlier.path.type.value} {earlier.path.value})",
        hint="put it first if it should win; otherwise make the two exclude each other",
        related=(Related(place=earlier.place, message="is tried first by Istio"),),
    )
