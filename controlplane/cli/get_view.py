"""What ``get`` prints, and ``describe`` of an object."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from controlplane.admin.objects import FoundObjects, KindObject, ObjectsOfKind, ShownObject
from controlplane.admin.view import DeclaredObject, json_text
from controlplane.base.addresses import Address
from controlplane.base.errors import ObjectUnknown
from controlplane.base.wording import first_of
from controlplane.cli import admin_client
from controlplane.cli.columns import Line, aligned
from controlplane.cli.object_lines import lines
from controlplane.cli.output import Segment, Style, complain, printable, say, show
from controlplane.cli.status_view import display_name
from controlplane.documents.printed import as_yaml
from controlplane.kinds.registry import SERVED
from controlplane.serve.object_view import meant_kinds

DEFAULT: Final = "default"
NAMESPACES_NAMED: Final = 4


def print_object(kind: str, namespace: str, name: str, output: str, admin: Address) -> None:
    """Print an object as YAML or JSON."""
    shown = the_object(kind, namespace, name, admin)
    if shown.refused:
        complain(f"note: what {_at(shown)} says now is refused; this is what was accepted last")
    if output == "json":
        say(json_text(shown.manifest))
    else:
        say(as_yaml(shown.manifest).rstrip())


def print_objects(kind: str, namespace: str | None, output: str | None, admin: Address) -> None:
    """Print the objects of a kind in ``namespace``, or in all: a table, or each as YAML or JSON."""
    found = admin_client.objects_of(admin, kind)
    if found is None and meant_kinds(kind, SERVED):
        complain(f"no {printable(kind)} are declared")
        found = ObjectsOfKind(objects=())
    elif found is None:
        raise ObjectUnknown(f'no object of a kind "{printable(kind)}" is declared')
    listed = [e for e in found.objects if namespace is None or _namespace(e) in ("", namespace)]
    if found.objects and not listed:
        there = first_of(sorted({_namespace(each) for each in found.objects}), NAMESPACES_NAMED)
        raise ObjectUnknown(
            f"there is no {printable(kind)} in namespace {namespace}",
            hint=f"add -n NAMESPACE or --all-namespaces: there are in {printable(there)}",
        )
    if output is None:
        if not listed:
            return
        show(aligned(_rows(listed, with_namespace=namespace is None)))
        return
    manifests = [_manifest(each, admin) for each in listed if each.in_force]
    whole = {"apiVersion": "v1", "kind": "List", "items": manifests}
    say(json_text(whole) if output == "json" else as_yaml(whole).rstrip())


def _manifest(listed: KindObject, admin: Address) -> Mapping[str, object]:
    _, namespace, name = listed.object.split("/")
    return the_object(listed.kind, namespace, name, admin).manifest


def _rows(listed: Sequence[KindObject], *, with_namespace: bool) -> Iterator[Line]:
    """``NAMESPACE  NAME  STATE  DECLARED``; where several kinds are listed, names say which."""
    of_one_kind = len({each.kind for each in listed}) == 1
    heading = [*(["NAMESPACE"] if with_namespace else []), "NAME", "STATE", "DECLARED"]
    yield [(f"  {text}" if i else text, Style.QUIET) for i, text in enumerate(heading)]
    for each in listed:
        name = each.object.rpartition("/")[2]
        shown = name if of_one_kind else f"{each.kind}/{name}"
        state, style = _state(each)
        cells = [
            *([(printable(_namespace(each)) or "-", Style.PLAIN)] if with_namespace else []),
            (printable(shown), Style.NAME),
            (state, style),
            (f"{printable(each.path)}:{each.line}" if each.path else "-", Style.QUIET),
        ]
        yield [(f"  {text}" if i else text, style) for i, (text, style) in enumerate(cells)]


def _state(listed: KindObject) -> Segment:
    if not listed.refused:
        return ("in force", Style.GOOD) if listed.in_force else ("no effect", Style.WARNING)
    if listed.in_force:
        return "refused, kept as it was", Style.WARNING
    return "refused", Style.ERROR


def _namespace(listed: KindObject) -> str:
    return listed.object.split("/")[1]


def describe_object(named: str, output: str, admin: Address) -> None:
    """Print what an object, ``KIND/NAME`` or ``KIND/NAMESPACE/NAME``, is and what its status is."""
    kind, *place, name = named.split("/")
    if len(place) > 1:
        raise ObjectUnknown(f'"{printable(named)}" is not KIND/NAME or KIND/NAMESPACE/NAME')
    shown = the_object(kind, "".join(place), name, admin)
    if output == "json":
        say(json_text(shown))
    else:
        show(lines(shown, datetime.now(UTC)))


def the_object(kind: str, namespace: str, name: str, admin: Address) -> ShownObject:
    """``ObjectUnknown`` where there is none, or where several are meant."""
    found = admin_client.found_objects(admin, kind, namespace, name)
    if found is not None and not found.objects and not found.refused:
        there = _namespaces_with(admin, kind, name)
        meant = first_of([f"{kind}/{each}/{name}" for each in there], NAMESPACES_NAMED)
        raise ObjectUnknown(
            f"there is no {printable(kind)} {printable(name)} in namespace {namespace or DEFAULT}",
            hint=f"there is {printable(meant)}" if there else None,
        )
    return _the_one(found, kind)


def _namespaces_with(admin: Address, kind: str, name: str) -> list[str]:
    listed = admin_client.objects_of(admin, kind)
    objects = listed.objects if listed is not None else ()
    found = {_namespace(each) for each in objects if each.object.rpartition("/")[2] == name}
    return sorted(namespace for namespace in found if namespace)


def _the_one(found: FoundObjects | None, kind: str) -> ShownObject:
    if found is None:
        raise ObjectUnknown(f'no object of a kind "{printable(kind)}" is declared')
    if len(found.objects) == 1:
        return found.objects[0]
    if found.objects:
        groups = [_qualified(shown) for shown in found.objects]
        raise ObjectUnknown(
            f'"{printable(kind)}" is several kinds here', hint=f"write {' or '.join(groups)}"
        )
    lost = found.refused[0]
    raise ObjectUnknown(
        f"{display_name(lost.object)} is refused, and no earlier form of it was accepted",
        hint=f"controlplane check {lost.path} says why",
    )


def _qualified(shown: ShownObject) -> str:
    group = str(shown.manifest.get("apiVersion", "")).rpartition("/")[0]
    kind = str(shown.manifest.get("kind", "")).lower()
    return f"{kind}.{group}" if group else kind


def _at(declared: DeclaredObject) -> str:
    return f"{declared.path}:{declared.line}" if declared.path else display_name(declared.object)
