"""The connected proxies as the admin interface tells of them, and the table that shows them."""

import re
from collections.abc import Iterable
from collections.abc import Iterator
from datetime import datetime
from datetime import timedelta
from typing import Final

import msgspec

from controlplane.cli.output import Segment
from controlplane.cli.output import Style
from controlplane.cli.output import printable
from controlplane.cli.sent import Sent
from controlplane.cli.sent import Source

Line = list[Segment]
_COLUMNS: Final = ("listener", "route", "cluster", "endpoint", "secret")
_STYLES: Final = {
    "synced": Style.GOOD,
    "waiting": Style.WARNING,
    "rejected": Style.ERROR,
    "unasked": Style.QUIET,
}
_ADDRESS_IN_USE: Final = re.compile(r"cannot bind '[^']*:(?P<port>\d+)': Address already in use")
_NOT_ASKED: Final = "-"


class TypeState(Sent, frozen=True):
    """One xDS type of a proxy; ``state`` is synced, waiting, rejected or unasked."""

    type: str
    state: str
    since: datetime | None = None


class ProxyState(Sent, frozen=True):
    name: str
    namespace: str
    role: str
    connected: datetime
    types: tuple[TypeState, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}.{self.namespace}"


class RejectedResource(Sent, frozen=True):
    """A resource that a proxy refuses, in Envoy's words."""

    type: str
    name: str
    error: str
    sources: tuple[Source, ...] = ()

    @property
    def reason(self) -> str:
        """Envoy's words in one line."""
        return printable(self.error.strip())

    @property
    def taken_port(self) -> int | None:
        """The port that somebody else has, where that is why."""
        found = _ADDRESS_IN_USE.search(self.error)
        return int(found["port"]) if found is not None else None


class ShownProxy(Sent, frozen=True):
    proxy: ProxyState
    rejected: tuple[RejectedResource, ...] = ()


class State(Sent, frozen=True):
    """``/api/v1/status``."""

    ready: bool
    objects: int
    refused: int
    proxies: tuple[ShownProxy, ...] = ()

    @property
    def is_synced(self) -> bool:
        """Whether every proxy has all that it should have, and nothing was refused."""
        states = {t.state for p in self.proxies for t in p.proxy.types}
        return self.ready and not self.refused and states <= {"synced", "unasked"}


def state_of(document: object) -> State:
    return msgspec.convert(document, State, strict=False)


def proxies(document: object) -> tuple[ProxyState, ...]:
    """The proxies of ``/api/v1/status``."""
    return tuple(shown.proxy for shown in state_of(document).proxies)


def table(shown: Iterable[ShownProxy], now: datetime) -> Iterator[Line]:
    """A row for each proxy, a column for each type."""
    heading = ("proxy", "role", "since", *(f"{name}s" for name in _COLUMNS))
    rows = [tuple(_row(s.proxy, now)) for s in shown]
    widths = [max(len(row[i][0]) for row in rows) for i in range(len(heading))]
    widths = [max(width, len(name)) for width, name in zip(widths, heading, strict=True)]
    for row in (tuple((name.upper(), Style.QUIET) for name in heading), *rows):
        cells = zip(row, widths, strict=True)
        line = [(f"{text:<{width}}  ", style) for (text, style), width in cells]
        last, style = line[-1]
        yield [*line[:-1], (last.rstrip(), style)]


def _row(proxy: ProxyState, now: datetime) -> Iterator[Segment]:
    states = {t.type: t.state for t in proxy.types}
    yield printable(str(proxy)), Style.NAME
    yield proxy.role, Style.PLAIN
    yield ago(now - proxy.connected), Style.PLAIN
    for column in _COLUMNS:
        state = states.get(column, "unasked")
        text = _NOT_ASKED if state == "unasked" else state
        yield text, _STYLES[state]


def ago(time: timedelta) -> str:
    """``12s``, ``4m``, ``3h``, ``2d``: the largest whole unit."""
    seconds = max(0, int(time.total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def rejection(proxy: str, rejected: RejectedResource) -> Iterator[Line]:
    """Who refuses what and why, and the lines of the objects that it came from."""
    hint = hint_for(rejected.error)
    yield [
        (f"{proxy} rejects ", Style.ERROR),
        (f"{rejected.type} {printable(rejected.name)}", Style.NAME),
        (f": {rejected.reason}", Style.PLAIN),
    ]
    for source in rejected.sources:
        yield [
            (f"   from {source.path}:{source.line} ({display_name(source.object)})", Style.PLAIN)
        ]
    if hint is not None:
        yield [("   hint: ", Style.GOOD), (hint, Style.PLAIN)]


def hint_for(error: str) -> str | None:
    """One step to take after Envoy's words ``error``."""
    if "cannot bind" not in error:
        return None
    if "Permission denied" in error:
        return (
            "ports below 1024 need a right: choose a higher port, or "
            "sudo sysctl net.ipv4.ip_unprivileged_port_start=80"
        )
    if "Address already in use" in error:
        return "another process listens there: stop it, or choose another port in the Gateway"
    return None


def display_name(object_: str) -> str:
    """``Gateway/default/shop`` as messages name it: ``Gateway default/shop``."""
    return object_.replace("/", " ", 1)
