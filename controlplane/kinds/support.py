"""Fields that are understood and checked, but not translated yet: each use of one is reported as
CP0203.

The table is the whole truth about them: the README's table of supported fields is made from it.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Final

import msgspec
from msgspec import inspect

from controlplane.base.codes import NOT_SUPPORTED_YET
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.locations import path_text
from controlplane.base.names import Kind
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.kinds.istio.gateway import GATEWAY
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE
from controlplane.kinds.istio.workload_group import WORKLOAD_GROUP
from controlplane.kinds.spec import Spec

UNSUPPORTED: Final[Mapping[Kind, tuple[str, ...]]] = {
    DESTINATION_RULE: (
        "trafficPolicy.loadBalancer.backendUtilization",
        "trafficPolicy.portLevelSettings.loadBalancer.backendUtilization",
        "subsets.trafficPolicy.loadBalancer.backendUtilization",
        "subsets.trafficPolicy.portLevelSettings.loadBalancer.backendUtilization",
    ),
    GATEWAY: ("servers.defaultEndpoint",),
    VIRTUAL_SERVICE: (
        "tls.match.destinationSubnets",
        "tcp.match.destinationSubnets",
    ),
    WORKLOAD_GROUP: ("template", "probe"),
}
"""Paths of fields by kind, in their JSON names, lists and mappings passed through."""

TOLD_BY_TRANSLATION: Final[Mapping[Kind, tuple[str, ...]]] = {
    DESTINATION_RULE: (
        "trafficPolicy.retryBudget.budgetInterval",
        "subsets.trafficPolicy.retryBudget.budgetInterval",
    ),
}
"""More of them, which are reported where they would be translated."""


def report_unsupported(report: Report, at: FieldRef, kind: Kind, spec: Spec) -> None:
    if kind not in UNSUPPORTED:
        return
    for path in UNSUPPORTED[kind]:
        for place in _uses(at, spec, path.split(".")):
            message = f"{path_text(place.path)[1:]} is not supported yet and has no effect"
            report.add(NOT_SUPPORTED_YET, place.key, message)


def _uses(at: FieldRef, value: object, path: list[str]) -> Iterator[FieldRef]:
    """The places where a field of this path is given something else than its default."""
    if isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _uses(at / i, item, path)
    elif isinstance(value, msgspec.Struct):
        name = _attributes(type(value))[path[0]]
        default = getattr(_empty(type(value)), name)
        found = getattr(value, name)
        if found != default:
            if len(path) == 1:
                yield at / path[0]
            else:
                yield from _uses(at / path[0], found, path[1:])


@cache
def _attributes(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Attribute names by JSON name."""
    return dict(zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True))


@cache
def _empty(struct: type[msgspec.Struct]) -> msgspec.Struct:
    return struct()


def unsupported(kind: Kind) -> tuple[str, ...]:
    """The paths of all fields of a kind that have no effect yet."""
    return (*UNSUPPORTED.get(kind, ()), *TOLD_BY_TRANSLATION.get(kind, ()))


def fields_of(spec: type[Spec]) -> Iterator[str]:
    """The paths of all fields of a struct, depth first, in the order of their declaration."""
    yield from _fields(inspect.type_info(spec), ())


def _fields(info: inspect.Type, seen: tuple[type, ...]) -> Iterator[str]:
    match info:
        case inspect.StructType(cls=cls) if cls not in seen:
            for each in info.fields:
                inner = list(_fields(each.type, (*seen, cls)))
                yield each.encode_name
                yield from (f"{each.encode_name}.{path}" for path in inner)
        case inspect.VarTupleType(item_type=item):
            yield from _fields(item, seen)
        case inspect.DictType(value_type=item):
            yield from _fields(item, seen)
        case inspect.UnionType(types=types):
            for each_type in types:
                yield from _fields(each_type, seen)


class Support(Enum):
    """What becomes of a field that a user sets."""

    YES = "yes"
    PARTLY = "partly"
    NOT_YET = "not yet"


def support_of(kind: Kind, spec: type[Spec]) -> dict[str, Support]:
    """How far each field of a kind is supported."""
    missing = unsupported(kind)
    found: dict[str, Support] = {}
    for path in fields_of(spec):
        if any(path == m or path.startswith(m + ".") for m in missing):
            found[path] = Support.NOT_YET
        elif any(m.startswith(path + ".") for m in missing):
            found[path] = Support.PARTLY
        else:
            found[path] = Support.YES
    return found


def markdown_table(kinds: Mapping[Kind, type[Spec]]) -> str:
    """The README's table: one row for each kind, with the fields that have no effect yet."""
    rows = ["| Kind | Supported | Not yet |", "| --- | --- | --- |"]
    for kind, spec in kinds.items():
        support = support_of(kind, spec)
        top = {path: s for path, s in support.items() if "." not in path}
        supported = ", ".join(f"`{path}`" for path, s in top.items() if s is not Support.NOT_YET)
        missing = ", ".join(f"`{path}`" for path in unsupported(kind)) or "none"
        rows.append(f"| {kind} | {supported} | {missing} |")
    return "\n".join(rows) + "\n"
