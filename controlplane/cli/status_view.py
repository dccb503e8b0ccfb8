"""The connected proxies as ``status`` and ``up`` show them: the table, and what they reject."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from controlplane.admin.view import (
    ConnectedRunner,
    Origin,
    ProxyStatus,
    RegisteredWorkload,
    RejectedResource,
    ShownProxy,
    SyncState,
)
from controlplane.base.wording import counted, first_of
from controlplane.cli.output import Segment, Style, printable

Line = list[Segment]
_COLUMNS: Final = ("listener", "route", "cluster", "endpoint", "secret")
_EXTENSION: Final = "extension"
_OF_MESH: Final = ("group", "mtls", "certificate")
_SIDECAR: Final = "sidecar"
_STYLES: Final = {
    SyncState.SYNCED: Style.GOOD,
    SyncState.WAITING: Style.WARNING,
    SyncState.OVERDUE: Style.ERROR,
    SyncState.REJECTED: Style.ERROR,
    SyncState.UNASKED: Style.QUIET,
}
_ADDRESS_IN_USE: Final = re.compile(r"cannot bind '[^']*:(?P<port>\d+)': Address already in use")
_FORBIDDEN: Final = re.compile(r"cannot bind '[^']*:(?P<port>\d+)': Permission denied")
_ORIGINS_SHOWN: Final = 8
GATEWAYS_NAMED: Final = 4
_NOT_ASKED: Final = "-"


def table(shown: Iterable[ShownProxy], now: datetime) -> Iterator[Line]:
    """A row for each proxy, a column for each type, of extensions where there are some; where there
    are sidecars, what the mesh knows of each.
    """
    listed = tuple(shown)
    columns = (*_COLUMNS, *((_EXTENSION,) if any(map(_has_extensions, listed)) else ()))
    of_mesh = any(s.proxy.role == _SIDECAR for s in listed)
    heading = ("proxy", "role", "since", *(f"{name}s" for name in columns))
    heading += _OF_MESH if of_mesh else ()
    rows = [(*_row(s.proxy, now, columns), *(_of_mesh(s, now) if of_mesh else ())) for s in listed]
    widths = [max(len(row[i][0]) for row in rows) for i in range(len(heading))]
    widths = [max(width, len(name)) for width, name in zip(widths, heading, strict=True)]
    for row in (tuple((name.upper(), Style.QUIET) for name in heading), *rows):
        cells = zip(row, widths, strict=True)
        line = [(f"{text:<{width}}  ", style) for (text, style), width in cells]
        last, style = line[-1]
        yield [*line[:-1], (last.rstrip(), style)]


def _has_extensions(shown: ShownProxy) -> bool:
    return any(t.type == _EXTENSION and t.state is not SyncState.UNASKED for t in shown.proxy.types)


def _row(proxy: ProxyStatus, now: datetime, columns: tuple[str, ...]) -> Iterator[Segment]:
    states = {t.type: t.state for t in proxy.types}
    yield printable(proxy.full_name), Style.NAME
    yield proxy.role, Style.PLAIN
    yield ago(now - proxy.connected), Style.PLAIN
    for column in columns:
        state = states.get(column, SyncState.UNASKED)
        yield _NOT_ASKED if state is SyncState.UNASKED else state.value, _STYLES[state]


def _of_mesh(shown: ShownProxy, now: datetime) -> Iterator[Segment]:
    """The group that registered it, what it accepts, and how long its certificate lasts."""
    yield printable(shown.group) or _NOT_ASKED, Style.PLAIN
    yield shown.mtls or _NOT_ASKED, Style.PLAIN
    ends = shown.certificate_ends
    if ends is None:
        yield _NOT_ASKED, Style.QUIET
    else:
        yield (f"{ago(ends - now)} left", Style.PLAIN) if ends > now else ("expired", Style.ERROR)


def ago(time: timedelta) -> str:
    """``12s``, ``4m``, ``3h``, ``2d``: the largest whole unit."""
    seconds = max(0, int(time.total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def registered(workload: RegisteredWorkload, now: datetime) -> Line:
    """``WorkloadEntry reviews-v1-172-18-0-7 (connected 3s)``, and why it gets no requests."""
    if workload.connected:
        state = f"connected {ago(now - workload.since)}"
        if not workload.ready:
            state += ", unhealthy" if workload.healthy is False else ", not probed yet"
    elif workload.ready:
        state = "not connected, kept as it was"
    else:
        state = "not connected"
    style = Style.PLAIN if workload.ready and workload.connected else Style.WARNING
    return [(printable(workload.short_name), Style.NAME), (f" ({state})", style)]


def runner(shown: ConnectedRunner, now: datetime) -> Iterator[Line]:
    """``runner box.istio-system (connected 3s) runs front-istio.shop, publishes ports 8100-8119``,
    and what it does not run.
    """
    runs = first_of(list(shown.gateways), GATEWAYS_NAMED) if shown.gateways else "no gateway"
    ports = f", publishes ports {shown.published}" if shown.published else ""
    yield [
        (f"runner {printable(shown.full_name)}", Style.NAME),
        (f" (connected {ago(now - shown.connected)})", Style.PLAIN),
        (printable(f" runs {runs}{ports}"), Style.PLAIN),
    ]
    for rejected in shown.rejections:
        yield [
            (f"   it does not run {printable(rejected.name)}: ", Style.ERROR),
            (one_line(rejected.error), Style.PLAIN),
        ]


def overdue(proxy: ProxyStatus, now: datetime) -> Iterator[Line]:
    """What the proxy has not answered in time, since when, and what that means."""
    for found in proxy.types:
        if found.state is SyncState.OVERDUE and found.since is not None:
            yield [
                (f"{printable(proxy.full_name)} has not acknowledged its ", Style.ERROR),
                (f"{found.type}s", Style.NAME),
                (f" for {ago(now - found.since)}; later changes are sent regardless", Style.PLAIN),
            ]
            if found.type == "cluster":
                hint = (
                    "Envoy answers once all its clusters are warm: look at warming clusters in its "
                    "/config_dump for one that waits for a Secret or for DNS"
                )
                yield [("   hint: ", Style.GOOD), (hint, Style.PLAIN)]


def rejection(proxy: str, rejected: RejectedResource) -> Iterator[Line]:
    """Which proxy rejects what and why, and the lines of the objects that it came from."""
    hint = hint_for(rejected.error)
    yield [
        (f"{proxy} rejects ", Style.ERROR),
        (f"{rejected.type} {printable(rejected.name)}", Style.NAME),
        (f": {one_line(rejected.error)}", Style.PLAIN),
    ]
    for origin in rejected.origins[:_ORIGINS_SHOWN]:
        yield [(f"   from {_where(origin)}", Style.PLAIN)]
    if len(rejected.origins) > _ORIGINS_SHOWN:
        yield [(f"   and {len(rejected.origins) - _ORIGINS_SHOWN} more", Style.PLAIN)]
    if hint is not None:
        yield [("   hint: ", Style.GOOD), (hint, Style.PLAIN)]


def _where(origin: Origin) -> str:
    if origin.built_in:
        return f"built in: {origin.built_in}"
    name = display_name(origin.object or "")
    return f"{origin.path}:{origin.line} ({name})" if origin.path else name


def one_line(error: str) -> str:
    """Envoy's words in one line."""
    return printable(error.strip())


def held_removals(count: int, named: str) -> Iterator[Line]:
    """Objects that no file declares any more and that stay in force until that is confirmed."""
    yield [
        (f"{counted(count, 'object')}, most of the mesh, are gone from the files: ", Style.WARNING),
        ("their removal is held, all stay in force", Style.PLAIN),
    ]
    yield [(f"   {printable(named)}", Style.PLAIN)]
    hint = "bring the files back, or remove the objects with controlplane confirm"
    yield [("   hint: ", Style.GOOD), (hint, Style.PLAIN)]


def taken_port(error: str) -> int | None:
    """The port that another process has, where that is why Envoy rejects a listener."""
    found = _ADDRESS_IN_USE.search(error)
    return int(found["port"]) if found is not None else None


def hint_for(error: str) -> str | None:
    """One step to take after Envoy's words ``error``."""
    if "cannot bind" not in error:
        return None
    if "Permission denied" in error:
        return (
            "ports below 1024 need a privilege: choose a higher port, or "
            "sudo sysctl net.ipv4.ip_unprivileged_port_start=80"
        )
    if "Address already in use" in error:
        return "another process listens there: stop it, or choose another port in the Gateway"
    return None


def forbidden_port(error: str) -> int | None:
    """The port that Envoy may not open; ``None`` when ``error`` says something else."""
    found = _FORBIDDEN.search(error)
    return int(found["port"]) if found else None


def display_name(object_: str) -> str:
    """``Gateway/default/shop`` as messages name it: ``Gateway default/shop``."""
    return object_.replace("/", " ", 1)
