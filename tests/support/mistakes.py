"""Mistakes of the kinds that people make, made in sound objects, and the steps that hints propose.

An object is plain data, as YAML gives it. Each mistake is made once for each field of each kind.
"""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from controlplane.base.diagnostics import Diagnostic
from controlplane.base.locations import FieldRef, path_text
from controlplane.documents.content import file_objects
from controlplane.documents.document import identity

Path_ = tuple[str | int, ...]
Body = dict[str, Any]
_WITH_PLURAL: Final = frozenset({"mirror", "clusterIP"})
CASES: Final = Path(__file__).parents[1] / "cases"
SAMPLES: Final = Path(__file__).parents[2] / "samples"


@dataclass(frozen=True)
class Mistake:
    """``body`` with one mistake in it, named ``what``."""

    what: str
    body: Body


def bodies() -> Iterator[Body]:
    """Every object of the cases and the samples."""
    for folder in (CASES, SAMPLES):
        for file in sorted(folder.rglob("*.yaml")):
            content = file_objects(file, file.read_text(encoding="utf-8"))
            yield from (copy.deepcopy(dict(raw.body)) for raw in content.objects)


def mistakes(body: Body, seen: set[tuple[str, ...]]) -> Iterator[Mistake]:
    """Each mistake at each field of ``body`` that ``seen`` does not have yet for its kind."""
    for path, value in _fields(body, ()):
        names = tuple(str(step) for step in path if isinstance(step, str))
        place = (str(body["kind"]), *names)
        if path[0] in ("apiVersion", "kind", "status") or place in seen:
            continue
        seen.add(place)
        for what, changed in _at(body, path, value):
            if identity(changed) is None:
                continue  # no object at all
            yield Mistake(f"{what} {body['kind']}{path_text(path)}", changed)


def _fields(value: object, path: Path_) -> Iterator[tuple[Path_, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key), item
            yield from _fields(item, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _fields(item, (*path, i))


def _at(body: Body, path: Path_, value: object) -> Iterator[tuple[str, Body]]:
    for what, name in _misspelled(str(path[-1])):
        yield f"{what} in", _renamed(body, path, name)
    for what, wrong in _wrong(value):
        yield f"{what} at", _with(body, path, wrong)
    if len(path) > 1 and isinstance(path[-2], str) and isinstance(at(body, path[:-1]), dict):
        yield "indented too little:", _moved_out(body, path)
    before = _sibling_before(body, path)
    if before is not None:
        yield "indented too much:", _moved_in(body, path, before)


def _misspelled(name: str) -> Iterator[tuple[str, str]]:
    if len(name) > 3:
        yield "two letters swapped", name[:-3] + name[-2] + name[-3] + name[-1]
        yield "a letter left out", name[:1] + name[2:]
        if name not in _WITH_PLURAL:
            yield "a letter too many", f"{name}s"
        yield "snake case", re.sub(r"([A-Z])", r"_\1", name).lower()


def _wrong(value: object) -> Iterator[tuple[str, object]]:
    match value:
        case bool():
            yield "a quoted switch", str(value).lower()
        case int():
            yield "a quoted number", str(value)
        case str() if value.isupper() and len(value) > 3:
            yield "lower case", value.lower()
            yield "a slip in a word", value[:-2] + value[-1]
        case str() if re.fullmatch(r"[0-9]+s", value):
            yield "no unit", value[:-1]
            yield "a number of seconds", int(value[:-1])
        case str() if value.isdecimal():
            yield "an unquoted number", int(value)
        case str():
            yield "an unquoted word", True
            yield "a space before", f" {value}"
            yield "a space after", f"{value} "
            yield "only a space", " "
            yield "upper case", value if "," in value else value.upper()
            yield "no slash", value.removeprefix("/")
            yield "a slash before", f"/{value}"
            yield "a wildcard before", f"*{value}"
            yield "a dot after", f"{value}."
        case [dict() as item]:
            yield "no dash", item


def _sibling_before(body: Body, path: Path_) -> str | None:
    mapping = at(body, path[:-1])
    keys = list(mapping)
    i = keys.index(path[-1])
    return keys[i - 1] if i and isinstance(mapping[keys[i - 1]], dict) else None


def at(body: Any, path: Path_) -> Any:
    for step in path:
        body = body[step]
    return body


def _with(body: Body, path: Path_, value: object) -> Body:
    changed = copy.deepcopy(body)
    at(changed, path[:-1])[path[-1]] = value
    return changed


def _renamed(body: Body, path: Path_, name: str) -> Body:
    changed = copy.deepcopy(body)
    mapping = at(changed, path[:-1])
    items = [(name if key == path[-1] else key, item) for key, item in mapping.items()]
    mapping.clear()
    mapping.update(items)
    return changed


def _moved_out(body: Body, path: Path_) -> Body:
    """The field beside the mapping that it is in; null where nothing is left in that."""
    changed = copy.deepcopy(body)
    inner, outer = at(changed, path[:-1]), at(changed, path[:-2])
    value = inner.pop(path[-1])
    if not inner:
        outer[path[-2]] = None
    items = [
        pair
        for key, item in outer.items()
        for pair in [(key, item), *([(path[-1], value)] if key == path[-2] else [])]
    ]
    outer.clear()
    outer.update(items)
    return changed


def _moved_in(body: Body, path: Path_, sibling: str) -> Body:
    changed = copy.deepcopy(body)
    mapping = at(changed, path[:-1])
    mapping[sibling][path[-1]] = mapping.pop(path[-1])
    return changed


def followed(body: Body, found: Diagnostic) -> Body | None:
    """``body`` after the step that the hint of ``found`` proposes; ``None`` where it names none
    that can be taken without thinking.
    """
    hint, place = found.hint or "", found.place
    assert isinstance(place, FieldRef)
    path = place.path
    if match := re.fullmatch(r'rename it to "(.+)"', hint):
        return _renamed(body, path, match[1])
    if match := re.fullmatch(r'indent it: it belongs under "(.+)"', hint):
        return _put_under(body, path, match[1])
    if match := re.fullmatch(r'indent it: it belongs to an item of "(.+)"', hint):
        return _put_under(body, path, match[1], item=True)
    if match := re.fullmatch(r"indent it less: it belongs to (.+)", hint):
        return _put_at(body, path, match[1])
    if hint == "leave out the quotes":
        return _with(body, path, yaml.safe_load(at(body, path)))
    if hint.startswith("put it in quotes"):
        return _with(body, path, str(at(body, path)))
    if hint.startswith("write each item on its own line"):
        return _with(body, path, [at(body, path)])
    if hint == "leave the field out":
        return _without(body, path)
    if match := re.fullmatch(r"write (\{.*\}|\[.*\])(?:, or .*)?", hint):
        return _with(body, path, yaml.safe_load(match[1]))
    if match := re.fullmatch(r'write (?:"(.*)"|(\S+))', hint):
        return _with(body, path, match[1] if match[1] is not None else yaml.safe_load(match[2]))
    return None


def _without(body: Body, path: Path_) -> Body:
    changed = copy.deepcopy(body)
    del at(changed, path[:-1])[path[-1]]
    return changed


def _put_under(body: Body, path: Path_, sibling: str, *, item: bool = False) -> Body:
    changed = copy.deepcopy(body)
    mapping = at(changed, path[:-1])
    value = mapping.pop(path[-1])
    if mapping.get(sibling) is None:
        mapping[sibling] = [{}] if item else {}
    target = mapping[sibling][-1] if item else mapping[sibling]
    target[path[-1]] = value
    return changed


def _put_at(body: Body, path: Path_, where: str) -> Body:
    changed = copy.deepcopy(body)
    value = at(changed, path[:-1]).pop(path[-1])
    target: Any = changed
    if where != changed["kind"]:
        for step in re.findall(r"[^.\[\]]+", where):
            target = target[int(step) if step.isdecimal() else step]
    target[path[-1]] = value
    return changed
