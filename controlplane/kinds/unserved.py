"""What is said of an object whose kind has no effect here.

A slip in ``kind`` or ``apiVersion`` is an error with the right words. A kind of Istio or of the
Gateway API that is not served is a warning, one for each kind. A kind that no mesh reads, such as a
Deployment or a custom resource of somebody else's, is nothing to report: ``foreign`` counts those.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from typing import Final

from controlplane.base.codes import KIND_MISSPELLED, KIND_NOT_SERVED, UNKNOWN_KIND
from controlplane.base.diagnostics import Diagnostic, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Kind, ObjectKey
from controlplane.base.nearest import nearest
from controlplane.base.wording import listed
from controlplane.documents.document import RawObject
from controlplane.kinds.registry import KNOWN, SERVED, is_known

_ISTIO: Final = "istio.io"
_GATEWAY_API: Final = ("gateway.networking.k8s.io", "gateway.networking.x-k8s.io")
_TRAFFIC: Final = frozenset(
    {Kind("networking.k8s.io", "Ingress"), Kind("networking.k8s.io", "IngressClass")}
)
"""Kinds of Kubernetes that istiod reads."""
_FOREIGN: Final = frozenset({Kind("", "Config")})
"""Near a kind that is served, and yet no slip: a kubeconfig."""


def report_unserved(report: Report, at: FieldRef, raw: RawObject) -> None:
    """Say what is to be said of an object whose kind is not served, which may be nothing."""
    kind = raw.key.kind
    if has_fields_of_namesake(report, at, raw):
        return
    if is_known(kind):
        if _is_of_mesh(kind):
            message = f"{raw.key.display_name} has no effect: its kind is not served yet"
            report.add(KIND_NOT_SERVED, at / "kind", message)
        return
    meant = _with_fields(raw, _meant(kind))
    if meant:
        _report_slip(report, at, raw, meant)
    elif _is_of_mesh(kind):
        message = f'unknown kind "{kind}" in API group "{kind.group}"'
        report.add(UNKNOWN_KIND, at / "kind", message)


def has_fields_of_namesake(report: Report, at: FieldRef, raw: RawObject) -> bool:
    """Report an object that has the fields of a kind of the same name in another group."""
    kind = raw.key.kind
    namesake = _namesake(raw)
    if namesake is None:
        return False
    group = namesake.group
    message = f"{raw.key.display_name} has the fields of {kind} in {group}, not in {kind.group}"
    hint = f"write apiVersion: {_version(namesake)}"
    report.add(KIND_MISSPELLED, at / "apiVersion", message, hint=hint)
    return True


def kinds_meant(raw: RawObject) -> tuple[Kind, ...]:
    """The kinds that one with a slip in its ``kind`` or ``apiVersion`` may be; else none."""
    namesake = _namesake(raw)
    if namesake is not None:
        return (namesake,)
    kind = raw.key.kind
    return () if kind in SERVED or is_known(kind) else _with_fields(raw, _meant(kind))


def _with_fields(raw: RawObject, kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
    """Of several kinds those that have all fields of the object, if there are any."""
    spec = raw.body.get("spec")
    if len(kinds) < 2 or not isinstance(spec, Mapping) or not spec:
        return kinds
    return tuple(kind for kind in kinds if spec.keys() <= _fields(kind)) or kinds


def _namesake(raw: RawObject) -> Kind | None:
    """The kind served, of the same name in another group, whose fields the object has."""
    kind = raw.key.kind
    spec = raw.body.get("spec")
    if not isinstance(spec, Mapping) or not spec or not _is_of_mesh(kind):
        return None
    if kind in SERVED and spec.keys() <= _fields(kind):
        return None
    found = (known for known in _by_name().get(kind.name, ()) if known != kind)
    return next((known for known in found if spec.keys() <= _fields(known)), None)


@cache
def _by_name() -> Mapping[str, tuple[Kind, ...]]:
    names = {kind.name for kind in SERVED}
    return {name: tuple(kind for kind in SERVED if kind.name == name) for name in names}


@cache
def _fields(kind: Kind) -> frozenset[str]:
    return frozenset(SERVED[kind].spec.__struct_encode_fields__)


@lru_cache(maxsize=1024)
def is_foreign(kind: Kind) -> bool:
    """Whether no mesh reads objects of the kind, so that nothing is reported of them."""
    if kind in SERVED:
        return False
    return not _is_of_mesh(kind) and (is_known(kind) or not _meant(kind))


def once_per_kind(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Of the diagnostics about a kind without an effect only the first, with how many there are."""
    kept: list[Diagnostic] = []
    first: dict[Kind, int] = {}
    others: dict[Kind, set[ObjectKey]] = {}
    for diagnostic in diagnostics:
        code, place = diagnostic.code, diagnostic.place
        is_of_kind = code is UNKNOWN_KIND or code is KIND_NOT_SERVED
        if is_of_kind and isinstance(place, FieldRef):
            kind = place.object.kind
            if kind in first:
                others[kind].add(place.object)
                continue
            first[kind], others[kind] = len(kept), set()
        kept.append(diagnostic)
    for kind, at in first.items():
        if others[kind]:
            kept[at] = _for_all(kept[at], len(others[kind]))
    return kept


def _for_all(diagnostic: Diagnostic, more: int) -> Diagnostic:
    if diagnostic.code is UNKNOWN_KIND:
        return diagnostic
    assert isinstance(diagnostic.place, FieldRef), "it was counted by its object"
    name = diagnostic.place.object.display_name
    message = f"{name} and {more} more have no effect: their kind is not served yet"
    return replace(diagnostic, message=message)


def _is_of_mesh(kind: Kind) -> bool:
    group = kind.group
    return group.endswith(_ISTIO) or group in _GATEWAY_API or kind in _TRAFFIC


@lru_cache(maxsize=1024)
def _meant(kind: Kind) -> tuple[Kind, ...]:
    """The kinds that ``kind`` may be a slip for; none where it is some other thing's own name."""
    if kind in _FOREIGN:
        return ()
    own = [known for known in _reported() if known.group == kind.group]
    if own:
        near = nearest(kind.name, [*(known.name for known in own), *KNOWN.get(kind.group, ())])
        found = tuple(known for known in own if known.name == near)
        if near is not None:
            return found
    same = tuple(served for served in SERVED if served.name == kind.name)
    if own or _is_built_in(kind.group):
        return same or (_named_like(kind) if not kind.group or _is_of_mesh(kind) else ())
    return tuple(k for k in same or _named_like(kind) if _is_slip(kind.group, k.group))


def _named_like(kind: Kind) -> tuple[Kind, ...]:
    near = nearest(kind.name, dict.fromkeys(served.name for served in SERVED))
    return tuple(served for served in SERVED if served.name == near)


def _reported() -> Iterator[Kind]:
    """The kinds of which something is read or reported."""
    yield from SERVED
    for group, names in KNOWN.items():
        yield from (k for name in sorted(names) if _is_of_mesh(k := Kind(group, name)))


def _is_built_in(group: str) -> bool:
    """Whether Kubernetes has the group, so that nobody adds kinds to it."""
    return "." not in group or group.endswith(".k8s.io")


def _is_slip(group: str, meant: str) -> bool:
    """Whether ``group`` is ``meant`` with a slip in it, or a part left out."""
    if not meant:
        return False
    return "istio" in group if meant.endswith(_ISTIO) else nearest(group, [meant]) is not None


def _report_slip(report: Report, at: FieldRef, raw: RawObject, meant: tuple[Kind, ...]) -> None:
    kind = raw.key.kind
    # A version that was left out leaves the group itself for an apiVersion.
    meant = tuple(known for known in meant if known.group == raw.api_version) or meant
    versions = list(dict.fromkeys(map(_version, meant)))
    name = meant[0].name
    if any(known.group == kind.group for known in meant):
        message = f'{raw.api_version} has no kind "{kind}"'
        report.add(KIND_MISSPELLED, at / "kind", message, hint=f"write kind: {name}")
        return
    right = " or ".join(f"apiVersion: {version}" for version in versions)
    if name == kind.name:
        groups = listed(sorted(f'"{k.group}"' if k.group else "the core group" for k in meant))
        message = f'"{raw.api_version}" has no kind {kind}, which is in {groups}'
        report.add(KIND_MISSPELLED, at / "apiVersion", message, hint=f"write {right}")
        return
    message = f'"{raw.api_version}" has no kind "{kind}"'
    report.add(KIND_MISSPELLED, at / "kind", message, hint=f"write kind: {name} and {right}")


def _version(kind: Kind) -> str:
    served = SERVED.get(kind)
    return served.api_versions[0] if served is not None else f"{kind.group}/v1"
