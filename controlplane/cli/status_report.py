"""What ``status`` shows: the proxies, every error, what fails because of it, what waits."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from controlplane.admin.view import DeclaredObject, Finding, Status
from controlplane.base import codes
from controlplane.base.wording import counted, first_of
from controlplane.cli.output import Segment, Style, printable
from controlplane.cli.status_view import (
    display_name,
    held_removals,
    overdue,
    registered,
    rejection,
    runner,
    table,
)

Line = list[Segment]
OBJECTS_NAMED: Final = 4
OF_A_CODE: Final = 5
"""So many warnings of a code are shown unless all are asked for."""
ALWAYS_SHOWN: Final = frozenset(
    code.id
    for code in (
        codes.CERTIFICATE_EXPIRES,
        codes.CHANGE_WAITS,
        codes.KEYS_UNAVAILABLE,
        codes.MODULE_UNAVAILABLE,
        codes.MESH_HOST_TAKEN,
        codes.MESH_HOST_UNKNOWN,
        codes.NOT_EXPORTED_TO_PROXIES,
        codes.RULES_WITHOUT_SERVER,
        codes.ALWAYS_REDIRECTED,
        codes.MATCH_IMPOSSIBLE,
    )
)
"""Warnings that say themselves what is not in force or acts nowhere, or that time has caused."""
_STYLES: Final = {"error": Style.ERROR, "warning": Style.WARNING, "info": Style.INFO}


@dataclass(frozen=True, slots=True)
class Shown:
    """The findings to show, and how many warnings there are beside them."""

    shown: tuple[Finding, ...]
    others: int


def shown_findings(findings: Iterable[Finding], *, warnings: bool) -> Shown:
    """Every error, and the warnings by which requests fail (the first ones of each code); all with
    ``warnings``.
    """
    listed = list(findings)
    if warnings:
        return Shown(tuple(listed), 0)
    count: Counter[str] = Counter()
    chosen: list[Finding] = []
    for finding in listed:
        if finding.severity != "error":
            if not isinstance(finding.consequence, str) and finding.code not in ALWAYS_SHOWN:
                continue
            count[finding.code] += 1
            if count[finding.code] > OF_A_CODE:
                continue
        chosen.append(finding)
    return Shown(tuple(chosen), len(listed) - len(chosen))


def report(
    state: Status, findings: Sequence[Finding], now: datetime, *, warnings: bool = False
) -> Iterator[Line]:
    """The table; what proxies do not answer or reject; what is wrong; what waits or is idle."""
    if not state.ready:
        yield [("the first load is not complete", Style.WARNING)]
    if state.proxies:
        yield from table(state.proxies, now)
    else:
        yield [("no proxy is connected", Style.WARNING)]
    if state.registered:
        yield []
        yield from (registered(workload, now) for workload in state.registered)
    if state.runners:
        yield []
        yield from (line for each in state.runners for line in runner(each, now))
    for shown in state.proxies:
        late = list(overdue(shown.proxy, now))
        yield from ([], *late) if late else ()
        for rejected in shown.rejected:
            yield []
            yield from rejection(shown.proxy.full_name, rejected)
    chosen = shown_findings(findings, warnings=warnings)
    for finding in chosen.shown:
        yield []
        yield from _finding(finding)
    if state.idle_gateways and state.proxies:
        yield []
        yield from map(_idle, state.idle_gateways)
    yield from _pending(state)
    yield from _authority(state)
    yield []
    yield [(_totals(state, findings, chosen.others), Style.PLAIN)]


def _finding(finding: Finding) -> Iterator[Line]:
    """One finding: where and what, what follows from it, and the step to take."""
    yield [
        (printable(_where(finding)), Style.NAME),
        (": ", Style.PLAIN),
        (f"{finding.severity} {finding.code}", _STYLES.get(finding.severity, Style.PLAIN)),
        (f": {printable(finding.message)}", Style.NAME),
    ]
    if finding.refused and finding.object is not None:
        name = printable(display_name(finding.object))
        kept = "; its last accepted version stays in force"
        never = "; no version of it was accepted before, so it is not served"
        yield [(f"   {name} is refused{kept if finding.in_force else never}", Style.PLAIN)]
    if isinstance(finding.consequence, str):
        yield [(f"   {printable(finding.consequence)}", Style.WARNING)]
    if finding.hint is not None:
        yield [("   hint: ", Style.GOOD), (printable(finding.hint), Style.PLAIN)]


def _where(finding: Finding) -> str:
    if not finding.path:
        return finding.object or "?"
    return f"{finding.path}:{finding.line}:{finding.column}" if finding.line else finding.path


def _idle(gateway: DeclaredObject) -> Line:
    where = f" ({gateway.path}:{gateway.line})" if gateway.path else ""
    said = f"{display_name(gateway.object)}{where} selects no connected proxy"
    return [(printable(said), Style.WARNING)]


def _pending(state: Status) -> Iterator[Line]:
    """What is not yet as the files declare it."""
    if state.waiting_objects:
        named = first_of([display_name(name) for name in state.waiting_objects], OBJECTS_NAMED)
        verb = "waits" if len(state.waiting_objects) == 1 else "wait"
        yield []
        yield [(printable(f"{named} {verb} for the rest of the change"), Style.WARNING)]
    if state.held_removals:
        names = [display_name(name) for name in state.held_removals]
        yield []
        yield from held_removals(len(names), first_of(names, OBJECTS_NAMED))


def _authority(state: Status) -> Iterator[Line]:
    """A change of the mesh's roots that is under way."""
    authority = state.authority
    if authority is None or authority.step == "steady":
        return
    waits = first_of(list(authority.waits_for), OBJECTS_NAMED)
    for_whom = f", waits for {waits}" if waits else ""
    yield []
    yield [(printable(f"the mesh changes its root: {authority.step}{for_whom}"), Style.WARNING)]
    yield [
        ("   hint: ", Style.GOOD),
        ("controlplane ca status shows what it waits for", Style.PLAIN),
    ]


def _totals(state: Status, findings: Sequence[Finding], others: int) -> str:
    """``25 objects in force, 1 refused; 2 errors, 3 warnings (--warnings shows 1 more)``."""
    refused = f", {state.refused} refused" if state.refused else ""
    objects = f"{counted(state.objects, 'object')} in force{refused}"
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = sum(finding.severity == "warning" for finding in findings)
    wrong = [counted(errors, "error")] if errors else []
    wrong += [counted(warnings, "warning")] if warnings else []
    more = f" ({others} not shown here: --warnings, or controlplane check)" if others else ""
    return f"{objects}; {', '.join(wrong)}{more}" if wrong else objects
