"""What ``status gateways`` prints."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from controlplane.admin.objects import GatewayRow, Gateways, ListenerRow
from controlplane.cli.columns import aligned
from controlplane.cli.output import Segment, Style, printable
from controlplane.cli.status_view import ago, display_name

Line = list[Segment]
_TRUE: Final = "True"
_EVERY_HOST: Final = "*"
_HEADINGS: Final = ("gateway", "class", "address", "programmed", "since", "routes")


def lines(found: Gateways, now: datetime) -> Iterator[Line]:
    """Each Gateway, its listeners below it, and what is wrong with either."""
    if not found.gateways:
        yield [("no Gateway of the Gateway API is served here", Style.PLAIN)]
    else:
        yield from aligned(_rows(found, now))
        yield from (line for gateway in found.gateways for line in _problems(gateway))
    if found.unserved:
        named = ", ".join(display_name(each.object) for each in found.unserved)
        yield [(f"of classes that are served elsewhere: {printable(named)}", Style.QUIET)]


def _rows(found: Gateways, now: datetime) -> Iterator[Line]:
    heading = [(f"  {name.upper()}", Style.QUIET) for name in _HEADINGS]
    yield [(_HEADINGS[0].upper(), Style.QUIET), *heading[1:]]
    for gateway in found.gateways:
        yield _gateway(gateway, now)
        yield from (_listener(gateway, listener) for listener in gateway.listeners)


def _gateway(gateway: GatewayRow, now: datetime) -> Line:
    since = ago(now - gateway.since) if gateway.since is not None else "-"
    routes = sum(listener.attached_routes for listener in gateway.listeners)
    return [
        (_name(gateway.declared.object), Style.NAME),
        (f"  {printable(gateway.class_name)}", Style.PLAIN),
        (f"  {printable(', '.join(gateway.addresses)) or '-'}", Style.PLAIN),
        (f"  {gateway.programmed}", _style(gateway.programmed)),
        (f"  {since}", Style.PLAIN),
        (f"  {routes}", Style.PLAIN),
    ]


def _listener(gateway: GatewayRow, listener: ListenerRow) -> Line:
    host = "" if listener.hostname == _EVERY_HOST else f" {listener.hostname}"
    own = listener.parent.object == gateway.declared.object
    by = "" if own else f"of {display_name(listener.parent.object)}"
    what = f"{listener.protocol} {listener.port}{host}"
    return [
        (f"· {printable(listener.name)}", Style.INFO),
        (f"  {printable(what)}", Style.PLAIN),
        (f"  {printable(by)}", Style.PLAIN),
        (f"  {listener.programmed}", _style(listener.programmed)),
        ("  ", Style.PLAIN),
        (f"  {listener.attached_routes}", Style.PLAIN),
    ]


def _problems(gateway: GatewayRow) -> Iterator[Line]:
    if gateway.problem:
        yield _problem(_name(gateway.declared.object), gateway.problem, gateway)
    for listener in gateway.listeners:
        if listener.problem and listener.problem != gateway.problem:
            named = f"{_name(gateway.declared.object)} {listener.name}"
            yield _problem(named, listener.problem, listener)


def _problem(named: str, problem: str, row: GatewayRow | ListenerRow) -> Line:
    declared = row.declared if isinstance(row, GatewayRow) else row.parent
    at = f"  {printable(declared.path)}:{declared.line}" if declared.path else ""
    return [
        (f"{printable(named)}: ", Style.ERROR),
        (printable(problem), Style.PLAIN),
        (at, Style.QUIET),
    ]


def _name(object_: str) -> str:
    """``shop/edge``."""
    return printable(object_.partition("/")[2])


def _style(programmed: str) -> Style:
    return Style.GOOD if programmed == _TRUE else Style.WARNING
