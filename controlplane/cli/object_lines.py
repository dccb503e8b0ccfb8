"""What ``describe`` prints of an object: where it is declared, and its status by parts."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from controlplane.admin.objects import ShownObject
from controlplane.cli.columns import aligned
from controlplane.cli.output import Segment, Style, printable
from controlplane.cli.status_view import ago, display_name

Line = list[Segment]
Json = Mapping[str, object]
_WANTED: Final[Mapping[str, str]] = {"Conflicted": "False"}
"""The status that a condition should have, where that is not ``True``."""


def lines(found: ShownObject, now: datetime) -> Iterator[Line]:
    """The object, its file and line, and each condition with since when it is as it is."""
    at = f"  {printable(found.path)}:{found.line}" if found.path else ""
    yield [(printable(display_name(found.object)), Style.NAME), (at, Style.QUIET)]
    if found.refused:
        yield [("  what its file says now is refused; this was accepted last", Style.WARNING)]
    metadata, status = _mapping(found.manifest.get("metadata")), found.manifest.get("status")
    if "generation" in metadata:
        yield [("  generation  ", Style.QUIET), (str(metadata["generation"]), Style.PLAIN)]
    if isinstance(status, Mapping):
        yield from _status(status, now)
    else:
        yield [("  it has no status", Style.QUIET)]


def _status(status: Json, now: datetime) -> Iterator[Line]:
    addresses = [str(each.get("value")) for each in _mappings(status.get("addresses"))]
    if addresses:
        yield [("  addresses   ", Style.QUIET), (printable(", ".join(addresses)), Style.PLAIN)]
    yield from _conditions(status, now, "  ")
    for listener in _mappings(status.get("listeners")):
        count = listener.get("attachedRoutes")
        kinds = ", ".join(str(k.get("kind")) for k in _mappings(listener.get("supportedKinds")))
        yield [
            (f"listener {printable(str(listener.get('name')))}", Style.NAME),
            (f"  attached routes: {count}, of {kinds or 'no kind'}", Style.QUIET),
        ]
        yield from _conditions(listener, now, "  ")
    for field in ("parents", "ancestors"):
        for parent in _mappings(status.get(field)):
            ref = _mapping(parent.get("parentRef", parent.get("ancestorRef")))
            yield [(f"at {printable(_named(ref))}", Style.NAME)]
            yield from _conditions(parent, now, "  ")


def _conditions(part: Json, now: datetime, indent: str) -> Iterator[Line]:
    rows = [_condition(each, now, indent) for each in _mappings(part.get("conditions"))]
    yield from aligned(rows)


def _condition(condition: Json, now: datetime, indent: str) -> Line:
    type_, status = str(condition.get("type")), str(condition.get("status"))
    good = status == _WANTED.get(type_, "True")
    since = condition.get("lastTransitionTime")
    age = f"  for {ago(now - datetime.fromisoformat(since))}" if isinstance(since, str) else ""
    return [
        (f"{indent}{printable(type_)}", Style.PLAIN),
        (f"  {status} {printable(str(condition.get('reason')))}", _style(good=good)),
        (age, Style.QUIET),
        (f"  {printable(str(condition.get('message', '')))}", Style.QUIET),
    ]


def _style(*, good: bool) -> Style:
    return Style.GOOD if good else Style.ERROR


def _named(ref: Json) -> str:
    """``Gateway shop/edge, section http``."""
    name = "/".join(str(ref[field]) for field in ("namespace", "name") if field in ref)
    section = f", section {ref['sectionName']}" if "sectionName" in ref else ""
    port = f", port {ref['port']}" if "port" in ref else ""
    return f"{ref.get('kind')} {name}{section}{port}"


def _mapping(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> Sequence[Json]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
