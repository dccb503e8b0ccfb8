"""Diagnostics for other programs: JSON, GitHub's workflow commands, SARIF 2.1.0.

Sources: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions,
https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

import json
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from controlplane.base.diagnostics import Severity
from controlplane.base.places import Spot
from controlplane.cli.output import printable
from controlplane.cli.shown import Pointer
from controlplane.cli.shown import Shown

Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | bool | None

_GITHUB: Final = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "notice",
}
_SARIF: Final = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "note",
}
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def as_json(diagnostics: Sequence[Shown], *, objects: int, refused: int) -> str:
    """One JSON object; ``path``, ``line`` and ``column`` are null for an object in no file."""
    document: Json = {
        "diagnostics": [_json(one) for one in diagnostics],
        "objects": objects,
        "refused": refused,
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_github(diagnostics: Sequence[Shown]) -> Iterator[str]:
    """One workflow command for each diagnostic."""
    for one in diagnostics:
        at = ""
        if one.spot is not None:
            at = f"file={_property(one.spot.path.as_posix())},"
            if one.spot.line:
                end = one.spot.column + one.spot.width
                at += f"line={one.spot.line},col={one.spot.column},endColumn={end},"
        text = "; ".join(printable(part) for part in (one.message, one.note, one.hint) if part)
        yield f"::{_GITHUB[one.severity]} {at}title={one.code}::{text.replace('%', '%25')}"


def as_sarif(diagnostics: Sequence[Shown]) -> str:
    """One run of the tool ``controlplane``, with a rule for each code that occurs."""
    codes = sorted({one.code for one in diagnostics}, key=lambda code: code.id)
    rules: Json = [
        {
            "id": code.id,
            "shortDescription": {"text": code.meaning},
            "defaultConfiguration": {"level": _SARIF[code.severity]},
        }
        for code in codes
    ]
    index = {code.id: i for i, code in enumerate(codes)}
    driver: Json = {"name": "controlplane", "rules": rules}
    run: Json = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, index[one.code.id]) for one in diagnostics],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _json(one: Shown) -> Json:
    spot = one.spot
    return {
        "code": one.code.id,
        "severity": one.severity.value,
        "message": one.message,
        "hint": one.hint,
        "path": str(spot.path) if spot else None,
        "line": spot.line if spot else None,
        "column": spot.column if spot else None,
        "object": one.object,
        "refused": one.is_refusal,
    }


def _property(text: str) -> str:
    for character in "%\r\n:,":
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _result(one: Shown, rule: int) -> Json:
    text = ". ".join(part for part in (one.message, one.note, one.hint) if part)
    result: dict[str, Json] = {
        "ruleId": one.code.id,
        "ruleIndex": rule,
        "level": _SARIF[one.severity],
        "message": {"text": text},
    }
    location: dict[str, Json] = {}
    if one.spot is not None:
        location["physicalLocation"] = _physical(one.spot)
    if one.object is not None:
        location["logicalLocations"] = [{"fullyQualifiedName": one.object, "kind": "resource"}]
    if location:
        result["locations"] = [location]
    related = [_related(pointer, pointer.spot) for pointer in one.related if pointer.spot]
    if related:
        result["relatedLocations"] = related
    return result


def _related(pointer: Pointer, spot: Spot) -> Json:
    return {"physicalLocation": _physical(spot), "message": {"text": pointer.message}}


def _physical(spot: Spot) -> Json:
    path = spot.path
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    location: dict[str, Json] = {"artifactLocation": {"uri": uri}}
    if spot.line:
        location["region"] = {
            "startLine": spot.line,
            "startColumn": spot.column,
            "endColumn": spot.column + spot.width,
        }
    return location
