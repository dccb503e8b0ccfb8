"""An object of YAML becomes an object of a kind: its types first, then the kind's rules.

The fast way is msgspec's; where it finds a fault, ``walk`` looks for all of them. Faults are
reported, never
raised; an object with a fault that Istio's or Kubernetes' admission refuses is not made.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from controlplane.base.codes import BAD_NAME, MISSING_FIELD, VERSION_NOT_SERVED, WRONG_TYPE
from controlplane.base.diagnostics import Diagnostic, Report
from controlplane.base.locations import FieldRef, Step
from controlplane.base.wording import described
from controlplane.documents.document import RawObject
from controlplane.kinds.accidents import told_by_accidents
from controlplane.kinds.duration import value_of
from controlplane.kinds.limits import limited
from controlplane.kinds.metadata import Metadata, metadata_of
from controlplane.kinds.misplaced import Mend, Move, beside_spec, moved
from controlplane.kinds.nulls import pruned
from controlplane.kinds.object import UNDATED, Object
from controlplane.kinds.registry import SERVED
from controlplane.kinds.served import ServedKind
from controlplane.kinds.spec import Spec
from controlplane.kinds.status_names import report_unknown_names
from controlplane.kinds.support import report_unsupported, unsupported
from controlplane.kinds.timestamp import in_utc
from controlplane.kinds.unserved import has_fields_of_namesake, report_unserved
from controlplane.kinds.validation.checks import About
from controlplane.kinds.walk import DROPPED, Null, Walk

HEAD: Final = frozenset({"apiVersion", "kind", "metadata"})
_MENDS: Final = 2  # a field in its place may yet have a value of another type
_SPEC_BODY: Final = HEAD | {"spec", "status"}


def decode(raw: RawObject, report: Report) -> Object[Any] | None:
    """The object that ``raw`` says, or ``None`` when it is refused or of no kind that is served.

    Any: the kind decides which struct the spec is.
    """
    served = SERVED.get(raw.key.kind, None)
    at = FieldRef(raw.key)
    if served is None:
        report_unserved(report, at, raw)
        return None
    if raw.api_version not in served.api_versions:
        message = f'{raw.key.kind} has no version "{raw.api_version}"'
        hint = f"use apiVersion: {served.api_versions[0]}"
        if len(served.api_versions) > 1:
            hint += f" (served: {', '.join(served.api_versions)})"
        report.add(VERSION_NOT_SERVED, at / "apiVersion", message, hint=hint)
        return None
    if has_fields_of_namesake(report, at, raw):
        return None
    found, moves = Report(), list[Move]()
    metadata, spec = _decoded(found, moves, at, raw, served)
    if moves:
        found = _without_consequences(found, moves, at, raw, served)
    report.diagnostics.extend(told_by_accidents(_named_once(found), raw.body))
    if spec is None or found.refused:
        return None
    return Object(
        key=raw.key,
        spec=spec,
        labels=metadata.labels,
        annotations=metadata.annotations,
        created=in_utc(metadata.creation_timestamp) or UNDATED,
        is_healthy=_health(raw.body["status"]) if "status" in raw.body else None,
        generation=metadata.generation,
    )


def _decoded(
    report: Report, moves: list[Move], at: FieldRef, raw: RawObject, served: ServedKind[Any]
) -> tuple[Metadata, Spec | None]:
    beside = (at if served.whole else at / "spec", served.spec)
    metadata = metadata_of(report, at, raw.body, moves, beside=beside)
    body = _body(report, moves, at, raw, served)
    if body is None:
        return metadata, None
    return metadata, _spec(report, moves, at, served, body, raw, metadata)


def _without_consequences(
    found: Report, moves: list[Move], at: FieldRef, raw: RawObject, served: ServedKind[Any]
) -> Report:
    """Of what was found the misplaced fields, and what is found also when they are in place."""
    body: Any = raw.body
    mended = Report()
    further = moves
    for _ in range(_MENDS):
        body, mended = moved(body, further), Report()
        further = []
        _decoded(mended, further, at, replace(raw, body=body), served)
        if not further:
            break
    sources = {move.source for move in moves}
    left = set(mended)
    return Report(
        [
            one
            for one in found
            if one in left or (isinstance(one.place, FieldRef) and one.place.path in sources)
        ]
    )


def _named_once(found: Report) -> Iterator[Diagnostic]:
    """A name that no object may have is not reported as one that this kind may not have."""
    is_bad = any(one.code is BAD_NAME for one in found)
    for one in found:
        if not is_bad or one.code is BAD_NAME or not _is_of_name(one):
            yield one


def _is_of_name(found: Diagnostic) -> bool:
    return isinstance(found.place, FieldRef) and found.place.path == ("metadata", "name")


def _health(status: object) -> bool | None:
    """What the condition ``Healthy`` says, which Istio's agents write into WorkloadEntries."""
    match status:
        case {"conditions": [*conditions]}:
            for condition in conditions:
                match condition:
                    case {"type": "Healthy", "status": str(said)}:
                        return said == "True"
    return None


def _body(
    report: Report, moves: list[Move], at: FieldRef, raw: RawObject, served: ServedKind[Any]
) -> Mapping[str, object] | None:
    """What the struct is made of: the object's ``spec``, or the object without its head."""
    if served.whole:
        return {name: value for name, value in raw.body.items() if name not in HEAD}
    known = _SPEC_BODY if served.status != {} else _SPEC_BODY - {"status"}
    if not raw.body.keys() <= known:
        _report_beside(report, moves, at, raw, served, known)
    _check_status(report, at / "status", served, raw.body.get("status", {}))
    spec = raw.body.get("spec", None)
    if spec is None and served.needs_spec:
        report.add(MISSING_FIELD, at / "spec", f"the {raw.key.kind} has no spec", hint="add spec")
        return None
    if spec is None:
        return {}
    if isinstance(spec, Mapping):
        return spec
    Walk(report, Null.FAULT).struct(at / "spec", served.spec, spec)
    return None


def _check_status(report: Report, at: FieldRef, served: ServedKind[Any], status: object) -> None:
    """Of the Gateway API's kinds only the names in it are looked at."""
    if served.status is not None:
        report_unknown_names(report, at, served.status, status)
    elif not isinstance(status, Mapping | None):
        report.add(WRONG_TYPE, at, f"expected a mapping, found {described(status)}")


def _report_beside(
    report: Report,
    moves: list[Move],
    at: FieldRef,
    raw: RawObject,
    served: ServedKind[Any],
    known: frozenset[str],
) -> None:
    """Report what is beside ``spec`` and the head and belongs elsewhere."""
    listed = Mend(hint=f"{raw.key.kind.name} has {', '.join(sorted(known))}")
    for name in raw.body:
        if name not in known:
            mend = beside_spec(name, {"spec": served.spec, "metadata": Metadata})
            Walk(report, Null.FAULT, moves=moves).unknown(at, name, mend or listed)


def _spec(
    report: Report,
    moves: list[Move],
    at: FieldRef,
    served: ServedKind[Any],
    body: Mapping[str, object],
    raw: RawObject,
    metadata: Metadata,
) -> Spec | None:
    place = at if served.whole else at / "spec"
    spec, written = _fast(served, body), body
    walked: list[Diagnostic] = []
    if spec is None:
        faults, nulls = Report(), Report()
        if served.custom:
            body = pruned(nulls, place, served.spec, body)
        null = Null.FAULT if served.custom else Null.ZERO
        fitting = Walk(faults, null, raw.body, moves).struct(place, served.spec, body)
        assert fitting is not DROPPED, "the body is a mapping"
        spec = msgspec.convert(fitting, served.spec, dec_hook=value_of)
        walked = list(faults)
        report.diagnostics.extend(n for n in nulls if not _is_beside(n, walked))
        report.diagnostics.extend(walked)
    about = About(
        key=raw.key,
        api_version=raw.api_version,
        annotations=metadata.annotations,
        labels=metadata.labels,
        body=body,
        written=written,
        faulty=_around(walked),
    )
    ruled = _ruled(served, place, spec, about)
    if walked:
        report.diagnostics.extend(d for d in ruled if not _follows(d, walked))
    else:
        report.diagnostics.extend(ruled)
    return spec if report.refused else limited(report, place, spec)


def _ruled(served: ServedKind[Any], at: FieldRef, spec: Spec, about: About) -> Report:
    """What the rules say.

    Places cost more than the rules, so they are made only where there is a fault.
    """
    for place in (at,) if about.faulty else (Nowhere(at.object), at):
        report = Report()
        served.validate(report, place, spec, about)
        report_unsupported(report, place, spec, unsupported(served))
        if not report:
            break
    return report


class Nowhere(FieldRef):
    """For rules that are only asked whether there is a fault: every field of it is itself."""

    __slots__ = ()

    def __truediv__(self, step: object) -> FieldRef:
        return self

    @property
    def key(self) -> FieldRef:
        return self


def _fast(served: ServedKind[Any], body: Mapping[str, object]) -> Spec | None:
    """The struct, if msgspec has nothing against the body and no null of it must be pruned."""
    try:
        spec: Spec = msgspec.convert(body, served.spec, dec_hook=value_of)
    except (msgspec.ValidationError, ValueError):
        return None
    # msgspec lets optional fields be null, which the rules must not see in the body.
    # "null" within a text only costs a walk.
    if served.custom and b"null" in msgspec.json.encode(body):
        return None
    return spec


def _around(walked: list[Diagnostic]) -> frozenset[tuple[Step, ...]]:
    """The paths of all mappings and lists that a fault of the walk is in."""
    places = [fault.place for fault in walked]
    return frozenset(
        place.path[:i]
        for place in places
        if isinstance(place, FieldRef)
        for i in range(len(place.path))
    )


def _is_beside(null: Diagnostic, walked: list[Diagnostic]) -> bool:
    """Whether a null is in one mapping with a fault: what should be in it is beside it."""
    place = null.place
    assert isinstance(place, FieldRef), "nulls are fields"
    faults = (fault.place for fault in walked)
    return any(isinstance(at, FieldRef) and at.path[:-1] == place.path[:-1] for at in faults)


def _follows(diagnostic: Diagnostic, walked: list[Diagnostic]) -> bool:
    """Whether a rule complains about a place where the walk had left something out."""
    place = diagnostic.place
    assert isinstance(place, FieldRef), "rules report fields"
    for fault in walked:
        assert isinstance(fault.place, FieldRef), "the walk reports fields"
        shorter = min(len(place.path), len(fault.place.path))
        if place.path[:shorter] == fault.place.path[:shorter]:
            return True
    return False
