"""What ``get`` prints, and ``describe`` of an object."""

from datetime import UTC, datetime

from controlplane.admin.objects import FoundObjects, ShownObject
from controlplane.admin.view import DeclaredObject, json_text
from controlplane.base.addresses import Address
from controlplane.base.errors import ObjectUnknown
from controlplane.cli import admin_client
from controlplane.cli.object_lines import lines
from controlplane.cli.output import complain, printable, say, show
from controlplane.cli.status_view import display_name
from controlplane.documents.printed import as_yaml


def print_object(kind: str, namespace: str, name: str, output: str, admin: Address) -> None:
    """Print an object as YAML or JSON."""
    shown = the_object(kind, namespace, name, admin)
    if shown.refused:
        complain(f"note: what {_at(shown)} says now is refused; this is what was accepted last")
    if output == "json":
        say(json_text(shown.manifest))
    else:
        say(as_yaml(shown.manifest).rstrip())


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
    return _the_one(found, kind, namespace or "default", name)


def _the_one(found: FoundObjects | None, kind: str, namespace: str, name: str) -> ShownObject:
    if found is None:
        raise ObjectUnknown(f'no object of a kind "{printable(kind)}" is declared')
    if len(found.objects) == 1:
        return found.objects[0]
    if found.objects:
        groups = [_qualified(shown) for shown in found.objects]
        raise ObjectUnknown(
            f'"{printable(kind)}" is several kinds here', hint=f"write {' or '.join(groups)}"
        )
    if found.refused:
        lost = found.refused[0]
        raise ObjectUnknown(
            f"{display_name(lost.object)} is refused, and no earlier form of it was accepted",
            hint=f"controlplane check {lost.path} says why",
        )
    raise ObjectUnknown(f"there is no {printable(kind)} {printable(name)} in namespace {namespace}")


def _qualified(shown: ShownObject) -> str:
    group = str(shown.manifest.get("apiVersion", "")).rpartition("/")[0]
    kind = str(shown.manifest.get("kind", "")).lower()
    return f"{kind}.{group}" if group else kind


def _at(declared: DeclaredObject) -> str:
    return f"{declared.path}:{declared.line}" if declared.path else display_name(declared.object)
